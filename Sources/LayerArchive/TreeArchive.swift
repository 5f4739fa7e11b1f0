// A directory tree as a tar stream: a container's files for `export`, a writable layer for `commit`.
internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

package enum TreeArchive {
  package enum Source: Sendable {
    /// A whole tree as it is.
    case tree
    /// The upper directory of an overlay: whiteouts and opaque directories become `.wh.` entries.
    case overlayUpper(OverlayMode)
  }

  /// Writes everything below a directory, sorted, links as links, files of several names once, what is removed or
  /// shortened meanwhile as it was found. Sockets are left out. `excluding` are paths without a leading slash that are
  /// left out with all below them. The archive is not ended: `TarWriter.finish` does that. Answers notes, a sentence
  /// each.
  /// - Parameter owners: from the ids of this namespace to those that the archive is to have.
  package static func write(
    _ root: Int32, as source: Source, to writer: TarWriter, excluding: Set<[UInt8]> = [],
    owners: OwnerShift = .none, failure: ArchiveFailure
  ) throws -> [String] {
    var archive = Archive(source: source, writer: writer, owners: owners, failure: failure)
    do {
      try TreeWalk.visit(root) { item in
        if excluding.contains(item.path) { return false }
        try archive.add(item)
        return true
      }
    } catch let error as SystemError {
      throw failure.system(error)
    }
    return archive.notes
  }

  /// Writes one thing, with all below it when it is a directory, under the name `renamed` instead of its own; with an
  /// empty one only what is in the directory. Links are not followed, and what the kernel shows as files (/proc) is not
  /// entered. Otherwise as `write`.
  package static func write(
    _ name: String, at directory: Int32, as renamed: [UInt8], to writer: TarWriter, owners: OwnerShift = .none,
    failure: ArchiveFailure
  ) throws -> [String] {
    var archive = Archive(source: .tree, writer: writer, owners: owners, failure: failure)
    do {
      try name.withCString { name in
        var status = stat()
        try systemCall("stat", shownPath(renamed)) { fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) }
        let top = TreeItem(directory: directory, name: name, path: renamed, status: status)
        if !renamed.isEmpty { try archive.add(top) }
        guard top.isDirectory else { return }
        let opened = try top.open(O_RDONLY | O_DIRECTORY)
        let prefix = renamed.isEmpty ? [] : renamed + [UInt8(ascii: "/")]
        try TreeWalk.visit(opened.raw) { item in
          let item = TreeItem(
            directory: item.directory, name: item.name, path: prefix + item.path, status: item.status)
          try archive.add(item)
          guard item.isDirectory, item.status.st_dev != status.st_dev else { return true }
          return !KernelFilesystem.holds(try item.open(O_RDONLY | O_DIRECTORY).raw)
        }
      }
    } catch let error as SystemError {
      throw failure.system(error)
    }
    return archive.notes
  }
}

struct Archive {
  private struct FileID: Hashable {
    var device: UInt
    var inode: UInt
  }

  let source: TreeArchive.Source
  let writer: TarWriter
  let owners: OwnerShift
  let failure: ArchiveFailure
  /// What is said differently than the tree has it; nil is nothing.
  private let rules: ArchiveRules?
  /// The first name of each file that has several.
  private var written: [FileID: [UInt8]] = [:]
  private var sockets = 0
  private var shortened = 0
  private let buffer = ContentBuffer()

  init(
    source: TreeArchive.Source, writer: TarWriter, owners: OwnerShift, rules: ArchiveRules? = nil,
    failure: ArchiveFailure
  ) {
    self.rules = rules
    self.source = source
    self.writer = writer
    self.owners = owners
    self.failure = failure
  }

  var notes: [String] {
    var result: [String] = []
    if sockets > 0 { result.append("left out \(sockets) socket\(sockets == 1 ? "" : "s")") }
    if shortened > 0 {
      result.append(
        "\(shortened) file\(shortened == 1 ? "" : "s") became shorter while being read: filled up with zeros")
    }
    return result
  }

  mutating func add(_ item: TreeItem) throws {
    if let rules, rules.refusesSpecialFiles, ![S_IFREG, S_IFDIR, S_IFLNK].contains(item.kind) {
      throw failure.invalid("\(item.shown) is a socket, a FIFO or a device", hint: "name it in .dockerignore")
    }
    switch item.kind {
    case S_IFREG: try addFile(item)
    case S_IFDIR: try addDirectory(item)
    case S_IFLNK:
      let target = try item.linkTarget()
      if try addKnown(item) { return }
      try writer.begin(try entry(.symlink, item, linkTarget: target))
    case S_IFIFO: if !(try addKnown(item)) { try writer.begin(try entry(.fifo, item)) }
    case S_IFCHR, S_IFBLK: try addDevice(item)
    default: sockets += 1
    }
  }

  private func entry(_ kind: TarEntry.Kind, _ item: TreeItem, linkTarget: [UInt8] = []) throws -> TarEntry {
    let owner = try owners.owner(of: item, failure)
    var entry = TarEntry(
      kind, item.path, mode: item.status.st_mode & 0o7777, uid: Int64(owner.user), gid: Int64(owner.group),
      mtimeSeconds: Int64(item.status.st_mtim.tv_sec), linkTarget: linkTarget)
    entry.mtimeNanoseconds = Int32(item.status.st_mtim.tv_nsec)
    rules?.apply(to: &entry)
    return entry
  }

  /// A further name of a file that is in the archive already.
  private mutating func addKnown(_ item: TreeItem) throws -> Bool {
    guard item.status.st_nlink > 1 else { return false }
    let id = FileID(device: UInt(item.status.st_dev), inode: UInt(item.status.st_ino))
    guard let first = written[id] else {
      written[id] = item.path
      return false
    }
    try writer.begin(try entry(.hardLink, item, linkTarget: first))
    return true
  }

  private mutating func addFile(_ item: TreeItem) throws {
    if try addKnown(item) { return }
    let file = try item.open()
    var status = stat()
    try systemCall("stat", item.shown) { fstat(file.raw, &status) }
    var entry = try entry(.regular, item)
    entry.size = Int64(status.st_size)
    entry.attributes = try owners.attributes(of: item, file.raw, failure)
    try writer.begin(entry)
    var remaining = entry.size
    while remaining > 0 {
      let space = UnsafeMutableRawBufferPointer(
        rebasing: buffer.bytes[..<Int(min(remaining, Int64(buffer.bytes.count)))])
      let count = try File.read(file.raw, into: space, shown: item.shown)
      if count == 0 {
        shortened += 1
        return try writer.fillUp()
      }
      try writer.write(UnsafeRawBufferPointer(rebasing: space[..<count]))
      remaining -= Int64(count)
    }
  }

  private func addDirectory(_ item: TreeItem) throws {
    let directory = try item.open(O_RDONLY | O_DIRECTORY)
    var entry = try entry(.directory, item)
    entry.attributes = try owners.attributes(of: item, directory.raw, failure)
    try writer.begin(entry)
    guard case .overlayUpper(let mode) = source else { return }
    try OverlayUpper.refuseRedirect(directory.raw, mode, item, failure)
    if AttributePolicy.isOpaque(directory.raw, mode) {
      try addWhiteout(item.path + Array("/.wh..wh..opq".utf8), like: item)
    }
  }

  private mutating func addDevice(_ item: TreeItem) throws {
    if case .overlayUpper = source, isWhiteoutStatus(item.status) {
      let slash = item.path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
      return try addWhiteout(item.path[..<slash] + Array(".wh.".utf8) + item.path[slash...], like: item)
    }
    if try addKnown(item) { return }
    var entry = try entry(item.kind == S_IFCHR ? .character : .block, item)
    let device = UInt64(item.status.st_rdev)
    entry.deviceMajor = Int64((device >> 8) & 0xFFF | (device >> 32) & ~0xFFF)
    entry.deviceMinor = Int64(device & 0xFF | (device >> 12) & 0xFFF_FF00)
    try writer.begin(entry)
  }

  private func addWhiteout(_ path: [UInt8], like item: TreeItem) throws {
    var entry = try entry(.regular, item)
    (entry.path, entry.mode) = (path, 0o600)
    try writer.begin(entry)
  }
}

/// What an overlay's upper directory may hold beside files.
enum OverlayUpper {
  /// A renamed directory that only names its origin cannot be told apart from the new directory it looks like;
  /// containers' overlays are mounted with `redirect_dir=off`, so this is another program's tree.
  static func refuseRedirect(
    _ directory: Int32, _ mode: OverlayMode, _ item: TreeItem, _ failure: ArchiveFailure
  ) throws {
    if AttributePolicy.hasRedirect(directory, mode) {
      throw failure.unsupported("\(item.shown) was renamed with overlayfs's redirect_dir, which is not understood")
    }
  }
}

/// A buffer for files' content that goes with its owner.
private final class ContentBuffer {
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  deinit { bytes.deallocate() }
}
