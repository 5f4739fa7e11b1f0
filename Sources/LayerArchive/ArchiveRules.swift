// What a builder's COPY changes on the way from a tree into a layer.
internal import Basics
internal import Glibc
package import LinuxKernel

/// What an archive says differently than the tree it is made from.
package struct ArchiveRules {
  /// Numbers as the image has them; nil keeps the files' own.
  package var owner: (user: UInt32, group: UInt32)?
  /// New permission bits from the old ones; links keep theirs.
  package var mode: ((_ mode: UInt32, _ isDirectory: Bool) -> UInt32)?
  /// Nanoseconds since the epoch: what is younger gets this time.
  package var latest: Int64?
  /// Whether something is taken, by its path below the source's root and whether it is a directory; nil takes all.
  package var choice: ((_ path: [UInt8], _ isDirectory: Bool) throws -> Choice)?
  /// Sockets, FIFOs and devices are errors and not left out.
  package var refusesSpecialFiles = false

  package enum Choice {
    case take
    /// Not it, nor anything below.
    case skip
    /// Not it unless something below is taken.
    case look
  }

  package init() {}

  func apply(to entry: inout TarEntry) {
    if let owner { (entry.uid, entry.gid) = (Int64(owner.user), Int64(owner.group)) }
    if let mode, entry.kind != .symlink { entry.mode = mode(entry.mode, entry.kind == .directory) & 0o7777 }
    if let latest { entry.clamp(latest) }
  }
}

extension TarEntry {
  /// Takes a younger time back to `latest`, in nanoseconds since the epoch.
  package mutating func clamp(_ latest: Int64) {
    guard mtimeSeconds * 1_000_000_000 + Int64(mtimeNanoseconds) > latest else { return }
    mtimeSeconds = latest / 1_000_000_000
    mtimeNanoseconds = Int32(latest % 1_000_000_000)
  }
}

/// A file or a directory that becomes a part of an archive under a name of its own.
package struct ArchivedSource {
  /// An open directory that holds it.
  package var directory: Int32
  /// Its path below that directory; empty is the directory itself.
  package var path: [UInt8]
  /// Its name in the archive; empty takes what is in the directory and not the directory.
  package var name: [UInt8]
  /// A directory has no entry of its own.
  package var isContentOnly = false

  package init(directory: Int32, path: [UInt8], name: [UInt8]) {
    self.directory = directory
    self.path = path
    self.name = name
  }
}

extension TreeArchive {
  /// Writes one source with all below it by the rules. Links are not followed, on the way to it neither.
  /// - Returns: notes, a sentence each.
  package static func write(
    _ source: ArchivedSource, to writer: TarWriter, rules: ArchiveRules, failure: ArchiveFailure
  ) throws -> [String] {
    var archive = Archive(source: .tree, writer: writer, owners: .none, rules: rules, failure: failure)
    try SourceWalk.visit(source, rules, failure) { item, path in
      try archive.add(TreeItem(directory: item.directory, name: item.name, path: path, status: item.status))
    }
    return archive.notes
  }
}

/// Goes through what the rules take of a source: first itself, then all below it, sorted.
enum SourceWalk {
  /// - Parameter body: is given each thing and its name in the archive.
  static func visit(
    _ source: ArchivedSource, _ rules: ArchiveRules, _ failure: ArchiveFailure,
    _ body: (TreeItem, [UInt8]) throws -> Void
  ) throws {
    do {
      if source.path.isEmpty {
        // The root itself: it has no name, so a directory of another name gets its own entry from the caller's parents.
        return try below(source, source.directory, rules, body)
      }
      let slash = source.path.lastIndex(of: UInt8(ascii: "/"))
      let parent = try openBelow(source.directory, slash.map { source.path[..<$0] } ?? [], O_RDONLY | O_DIRECTORY)
      let name = slash.map { Array(source.path[($0 + 1)...]) } ?? source.path
      try (name.map(CChar.init(bitPattern:)) + [0]).withUnsafeBufferPointer { text in
        guard let base = text.baseAddress else { return }
        var status = stat()
        try systemCall("stat", shownPath(source.path)) { fstatat(parent.raw, base, &status, AT_SYMLINK_NOFOLLOW) }
        let top = TreeItem(directory: parent.raw, name: base, path: source.path, status: status)
        if !source.name.isEmpty, !source.isContentOnly || !top.isDirectory { try body(top, source.name) }
        guard top.isDirectory else { return }
        let opened = try top.open(O_RDONLY | O_DIRECTORY)
        try below(source, opened.raw, rules, body)
      }
    } catch let error as SystemError {
      throw failure.system(error)
    }
  }

  private static func below(
    _ source: ArchivedSource, _ root: Int32, _ rules: ArchiveRules, _ body: (TreeItem, [UInt8]) throws -> Void
  ) throws {
    let prefix = source.path.isEmpty ? [] : source.path + [UInt8(ascii: "/")]
    let renamed = source.name.isEmpty ? [] : source.name + [UInt8(ascii: "/")]
    /// Directories that are only looked into, outermost first, until something in them is taken.
    var pending: [(path: [UInt8], status: stat)] = []
    try TreeWalk.visit(root) { item in
      pending.removeAll { !item.path.starts(with: $0.path + [UInt8(ascii: "/")]) }
      switch try rules.choice?(prefix + item.path, item.isDirectory) ?? .take {
      case .skip: return false
      case .look:
        if item.isDirectory { pending.append((item.path, item.status)) }
        return item.isDirectory
      case .take:
        for directory in pending {
          try announce(directory.path, directory.status, root, renamed, body)
        }
        pending = []
        try body(item, renamed + item.path)
        return true
      }
    }
  }

  private static func announce(
    _ path: [UInt8], _ status: stat, _ root: Int32, _ renamed: [UInt8], _ body: (TreeItem, [UInt8]) throws -> Void
  ) throws {
    let slash = path.lastIndex(of: UInt8(ascii: "/"))
    let parent = try openBelow(root, slash.map { path[..<$0] } ?? [], O_RDONLY | O_DIRECTORY)
    let name = (slash.map { Array(path[($0 + 1)...]) } ?? path).map(CChar.init(bitPattern:)) + [0]
    try name.withUnsafeBufferPointer { text in
      guard let base = text.baseAddress else { return }
      try body(TreeItem(directory: parent.raw, name: base, path: path, status: status), renamed + path)
    }
  }
}

extension LowerChain {
  /// The directory at `path` as an entry of an archive, so that a layer with something in it has it as it is; nil when
  /// there is no such directory.
  package func directoryEntry(_ path: [UInt8], failure: ArchiveFailure) throws -> TarEntry? {
    do {
      guard let status = try status(path), status.kind == .directory,
        let opened = try open(path, flags: O_RDONLY | O_DIRECTORY)
      else { return nil }
      let seconds =
        status.modified >= 0 ? status.modified / 1_000_000_000 : (status.modified - 999_999_999) / 1_000_000_000
      var entry = TarEntry(
        .directory, path, mode: status.mode, uid: Int64(status.uid), gid: Int64(status.gid), mtimeSeconds: seconds)
      entry.mtimeNanoseconds = Int32(status.modified - seconds * 1_000_000_000)
      entry.attributes = try AttributePolicy.read(opened.raw, shown: shownPath(path))
      return entry
    } catch let error as SystemError { throw failure.system(error) }
  }

  /// Where a path of the merged tree leads with all links followed inside of it, and what is there; what is missing is
  /// kept as written.
  package func resolve(_ path: [UInt8], failure: ArchiveFailure) throws -> (path: [UInt8], status: FileStatus?) {
    var pending = Array(path.split(separator: UInt8(ascii: "/")).map { Array($0) }.reversed())
    var here: [[UInt8]] = []
    var found: FileStatus?
    var links = 0
    do {
      found = try status([])
      while let name = pending.popLast() {
        if name == [0x2E] { continue }
        if name == [0x2E, 0x2E] {
          if !here.isEmpty { here.removeLast() }
          found = try status(joined(here))
          continue
        }
        let next = joined(here + [name])
        found = try status(next)
        if found?.kind == .symlink {
          links += 1
          guard links <= 40 else { throw SystemError("open", shownPath(path), errno: ELOOP) }
          let target = try linkTarget(next)
          if target.first == UInt8(ascii: "/") { here = [] }
          pending += target.split(separator: UInt8(ascii: "/")).map { Array($0) }.reversed()
          found = try status(joined(here))
          continue
        }
        here.append(name)
      }
      return (joined(here), found)
    } catch let error as SystemError { throw failure.system(error) }
  }

  private func joined(_ parts: [[UInt8]]) -> [UInt8] { Array(parts.joined(separator: [UInt8(ascii: "/")])) }

  private func linkTarget(_ path: [UInt8]) throws(SystemError) -> [UInt8] {
    guard let link = try open(path, flags: 0x200000) else {
      throw SystemError("readlink", shownPath(path), errno: ENOENT)
    }
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = try systemCall("readlink", shownPath(path)) { readlinkat(link.raw, "", &buffer, buffer.count) }
    return buffer[..<count].map(UInt8.init(bitPattern:))
  }
}

/// Whether a file's content is a tar archive, compressed in one of the ways that are known.
package func isArchive(_ source: any ByteSource) -> Bool {
  // What cannot be read as one is none.
  let decompressor = Decompressor(source, failure: ArchiveFailure(doing: "looking into an archive"))
  var block = [UInt8](repeating: 0, count: 512)
  var filled = 0
  while filled < 512 {
    let got = block.withUnsafeMutableBytes { buffer in
      (try? decompressor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))) ?? 0
    }
    if got == 0 { return false }
    filled += got
  }
  let sum = block.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 32 : Int(block[$1])) }
  let text = block[148..<156].drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
  return !text.isEmpty && Int(String(decoding: text, as: UTF8.self), radix: 8) == sum && block[0] != 0
}

extension ArchiveRules {
  /// Applies the rules to an entry that has no file.
  package func adjust(_ entry: inout TarEntry) { apply(to: &entry) }
}

extension ArchivedSource {
  /// What is in the directory, below another name, without an entry for the directory itself.
  package func contents(of name: [UInt8]) -> ArchivedSource {
    var copy = self
    copy.name = name
    copy.isContentOnly = true
    return copy
  }
}
