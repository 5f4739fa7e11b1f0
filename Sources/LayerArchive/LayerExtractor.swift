// Unpacking a layer's tar stream into a tree that overlayfs takes as a lower directory.
internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Unpacks one layer below one directory, by descriptors, following no link of the archive's (SECURITY C1–C11).
///
/// One rule for each case that archives leave open:
///   - A part of an entry's parent that this layer has made something else than a directory is an error: docker would
///     follow a link there, and a tree that is safe and one that means the same cannot both be had. What a *lower*
///     layer has there does not matter: the layer's own directory hides it, as in docker.
///   - Of entries of one name the last counts, whatever the first was, with all below it; only a directory over a
///     directory keeps its content. That is docker's rule.
///   - A whiteout hides what lower layers have and nothing of its own layer, before or after it (OCI image spec,
///     layer.md); a directory of the same name becomes opaque.
///   - `.wh.`, `.wh..`, `.wh...`, a whiteout of a whiteout, one that is a directory, and a `.wh.` part in the middle of
///     a path are refused. aufs's own names at the root are left out.
///   - A hard link's target is a file, link or FIFO that this layer has already, or else a file of a lower layer, which
///     is copied (`LayerCompletion`). The link's own metadata is not looked at: it is the target's.
///   - Device nodes and attributes that are not carried (`AttributePolicy`) are left out, with one note each.
package final class LayerExtractor {
  let root: Int32
  let options: Options
  let failure: ArchiveFailure
  let reader: TarReader
  let path: ArchivePath
  let target: ArchivePath
  /// The directory that the last entry was put in, and its path; most entries follow a sibling.
  var parent: Int32
  private var parentPath: [UInt8] = []
  private let isRootUser = geteuid() == 0
  let euid = Int64(geteuid())
  let egid = Int64(getegid())
  /// A setgid root gives its group to what is made below it, so owners are always set.
  let inheritsGroup: Bool
  var users: OwnerRange?
  var groups: OwnerRange?
  private var bytesSinceCheck: Int64 = 0
  private var contentSize: Int64 = 0
  var directories = DirectoryLedger()
  var unresolved = UnresolvedEntries()
  var notes = ExtractionNotes()

  /// Extracts below `root`, an open directory that is its caller's and stays so. The stream is read by `extract`.
  package init(_ source: any ByteSource, into root: Int32, options: Options, failure: ArchiveFailure) throws {
    self.root = root
    self.options = options
    self.failure = failure
    reader = TarReader(source, limits: options.limits, failure: failure)
    path = ArchivePath(limits: options.limits, failure: failure)
    target = ArchivePath(limits: options.limits, failure: failure)
    parent = root
    var status = stat()
    guard fstat(root, &status) == 0 else { throw failure.system(SystemError("stat", "the layer's directory")) }
    inheritsGroup = options.merge != nil || status.st_mode & S_ISGID != 0
    (users, groups) = (options.merge?.owners?.users, options.merge?.owners?.groups)
  }

  deinit { if parent != root { close(parent) } }

  /// Unpacks the whole stream, reads it to its end, and sets the directories' metadata.
  package func extract() throws -> ExtractionResult {
    var entries: Int64 = 0
    while try reader.next() {
      entries += 1
      try extractEntry()
      do throws(SystemError) { try faultPoint("layer.entry") } catch { throw failure.system(error) }
    }
    try reader.finish()
    leaveParent()
    unresolved.impliedDirectories = try directories.apply(self)
    return ExtractionResult(
      entries: entries, contentSize: contentSize, unresolved: unresolved, notes: notes.text)
  }

  private func extractEntry() throws {
    let entry = reader.entry
    try path.set(renamed(entry.path))
    if reader.count % 4096 == 0 { try checkSpace(for: 0) }
    if path.isRoot {
      guard entry.kind == .directory else { throw failure.corrupt("\(shownPath(entry.path)) is no name of a file") }
      if options.merge == nil { directories.add(path, entry) }
      return
    }
    if options.readsWhiteouts {
      if path.isAufsMetadata { return notes.add(.aufs, path.shown) }
      if path.parentHoldsWhiteout { throw failure.corrupt("\(path.shown) is below a whiteout") }
      if ArchivePath.hasWhiteoutPrefix(path.name) { return try extractWhiteout(entry) }
    }
    switch entry.kind {
    case .regular: try extractFile(entry)
    case .directory: try extractDirectory(entry)
    case .symlink: try extractLink(entry)
    case .hardLink: try extractHardLink(entry)
    case .fifo: try extractFIFO(entry)
    case .character, .block: notes.add(.device, path.shown)
    }
  }

  private func renamed(_ path: [UInt8]) -> [UInt8] {
    guard let top = options.merge?.top else { return path }
    let rest = path.firstIndex(of: UInt8(ascii: "/")).map { path[$0...] } ?? []
    return top.isEmpty ? Array(rest.dropFirst()) : top + rest
  }

  private func extractDirectory(_ entry: TarEntry) throws {
    try enterParent()
    try makeDirectory(parent, path.name, shown: path.shown)
    directories.add(path, entry)
  }

  private func extractFile(_ entry: TarEntry) throws {
    try enterParent()
    if entry.storedSize > 64 << 20 { try checkSpace(for: entry.storedSize) }
    let file = try make { () -> Int32 in
      openat(parent, path.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }
    defer { close(file) }
    let isSparse = entry.extents != nil
    while let piece = try reader.nextPiece() {
      try write(piece.bytes, to: file, at: isSparse ? piece.offset : nil)
      bytesSinceCheck += Int64(piece.bytes.count)
      if bytesSinceCheck > 64 << 20 { try checkSpace(for: 0) }
    }
    contentSize += entry.size
    if isSparse, ftruncate(file, off_t(entry.size)) != 0 { throw error("truncate") }
    try setMetadata(
      of: file, owner: (entry.uid, entry.gid), attributes: entry.attributes, mode: entry.mode,
      time: (entry.mtimeSeconds, entry.mtimeNanoseconds), shown: { self.path.shown })
  }

  private func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, at offset: Int64?) throws {
    var written = 0
    while written < bytes.count {
      let rest = bytes.count - written
      let count =
        if let offset {
          pwrite(file, bytes.baseAddress.map { $0 + written }, rest, off_t(offset) + off_t(written))
        } else {
          Glibc.write(file, bytes.baseAddress.map { $0 + written }, rest)
        }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw error("write") }
      written += count
    }
  }

  private func extractLink(_ entry: TarEntry) throws {
    guard !entry.linkTarget.isEmpty, !entry.linkTarget.contains(0) else {
      throw failure.corrupt("the symbolic link \(path.shown) has no target")
    }
    guard entry.linkTarget.count <= options.limits.linkTargetBytes else {
      throw failure.limit("the target of \(path.shown) has more than \(options.limits.linkTargetBytes) bytes")
    }
    try enterParent()
    let text = entry.linkTarget.map(CChar.init(bitPattern:)) + [0]
    _ = try make { symlinkat(text, parent, path.name) }
    try setOwner(entry.uid, entry.gid, shown: { self.path.shown }) {
      fchownat(parent, path.name, $0, $1, AT_SYMLINK_NOFOLLOW)
    }
    try setTimes(entry.mtimeSeconds, entry.mtimeNanoseconds)
  }

  private func extractFIFO(_ entry: TarEntry) throws {
    try enterParent()
    _ = try make { mknodat(parent, path.name, S_IFIFO | 0o600, 0) }
    try setOwner(entry.uid, entry.gid, shown: { self.path.shown }) {
      fchownat(parent, path.name, $0, $1, AT_SYMLINK_NOFOLLOW)
    }
    // The name was made just now and nobody else is in this tree, so fchmodat's following of links cannot matter.
    guard fchmodat(parent, path.name, permitted(entry.mode), 0) == 0 else { throw error("chmod") }
    try setTimes(entry.mtimeSeconds, entry.mtimeNanoseconds)
  }

  private func setTimes(_ seconds: Int64, _ nanoseconds: Int32) throws {
    let times = [
      timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)),
      timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)),
    ]
    guard utimensat(parent, path.name, times, AT_SYMLINK_NOFOLLOW) == 0 else { throw error("utimens") }
  }

  private func extractHardLink(_ entry: TarEntry) throws {
    try target.set(renamed(entry.linkTarget))
    guard !target.isRoot else { throw failure.corrupt("the hard link \(path.shown) leads to a directory") }
    guard !target.isSame(as: path) else { throw failure.corrupt("the hard link \(path.shown) leads to itself") }
    try enterParent()
    var status = stat()
    let holder = target.parentCount == 0 ? dup(root) : openBeneath(target.parent)
    defer { if holder >= 0 { close(holder) } }
    guard holder >= 0, fstatat(holder, target.name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if holder < 0, errno == ELOOP || errno == ENOTDIR {
        throw failure.corrupt("the hard link \(path.shown) leads through something that is no directory")
      }
      guard errno == ENOENT else { throw error("stat") }
      unresolved.links.append((path: path.bytes, target: target.bytes))
      if faccessat(parent, path.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 { try makeRoom() }
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG, S_IFLNK, S_IFIFO: break
    default: throw failure.corrupt("the hard link \(path.shown) leads to something that is no file")
    }
    _ = try make { linkat(holder, target.name, parent, path.name, 0) }
  }

  private func extractWhiteout(_ entry: TarEntry) throws {
    guard entry.kind != .directory else { throw failure.corrupt("the whiteout \(path.shown) is a directory") }
    try enterParent()
    if strcmp(path.name, ".wh..wh..opq") == 0 {
      if path.parentCount == 0 {
        unresolved.hidesEverything = true
      } else {
        do throws(SystemError) { try AttributePolicy.setOpaque(parent, options.mode, shown: path.shown) } catch {
          throw failure.system(error)
        }
      }
      return
    }
    let hidden = path.name + 4
    let isMalformed = hidden[0] == 0 || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0
    if isMalformed || ArchivePath.hasWhiteoutPrefix(hidden) {
      throw failure.corrupt("\(path.shown) is no valid whiteout")
    }
    if mknodat(parent, hidden, S_IFCHR, 0) == 0 { return }
    guard errno == EEXIST else { throw error("mknod") }
    let directory = openat(parent, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if directory < 0 { return }  // A file or a whiteout is there: the layer's own counts.
    defer { close(directory) }
    do throws(SystemError) { try AttributePolicy.setOpaque(directory, options.mode, shown: path.shown) } catch {
      throw failure.system(error)
    }
  }

  // Making things.

  func error(_ call: String) -> EngineError { failure.system(SystemError(call, path.shown)) }

  /// Makes something new at the entry's place; what is there already goes.
  private func make(_ body: () -> Int32) throws -> Int32 {
    var result = body()
    if result < 0, errno == EEXIST {
      try makeRoom()
      result = body()
    }
    guard result >= 0 else { throw error("create") }
    return result
  }

  private func makeRoom() throws {
    if options.merge != nil {
      var status = stat()
      guard fstatat(parent, path.name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw error("stat") }
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        throw EngineError(.alreadyExists, failure.doing, "cannot overwrite directory \(path.shown) with non-directory")
      case S_IFCHR, S_IFBLK:
        throw EngineError(.alreadyExists, failure.doing, "cannot overwrite the device \(path.shown)")
      default: break
      }
    }
    do throws(SystemError) {
      if unlinkat(parent, path.name, 0) == 0 { return }
      if options.merge != nil { throw SystemError("unlink", path.shown) }
      try TreeRemoval.remove(at: parent, path.name, shown: path.shown)
    } catch {
      throw failure.system(error)
    }
  }

  /// Makes a directory or finds it; a whiteout in its place leaves its mark on it, anything else goes.
  private func makeDirectory(_ holder: Int32, _ name: UnsafePointer<CChar>, shown: @autoclosure () -> String) throws {
    if mkdirat(holder, name, 0o700) == 0 { return }
    func failed(_ call: String) -> EngineError { failure.system(SystemError(call, shown())) }
    guard errno == EEXIST else { throw failed("mkdir") }
    var status = stat()
    guard fstatat(holder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw failed("stat") }
    if status.st_mode & S_IFMT == S_IFDIR { return }
    if options.merge != nil {
      throw EngineError(
        .alreadyExists, failure.doing, "cannot overwrite non-directory \(shown()) with directory")
    }
    guard unlinkat(holder, name, 0) == 0, mkdirat(holder, name, 0o700) == 0 else { throw failed("mkdir") }
    guard isWhiteoutStatus(status) else { return }
    let directory = openat(holder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard directory >= 0 else { throw failed("open") }
    defer { close(directory) }
    do throws(SystemError) { try AttributePolicy.setOpaque(directory, options.mode, shown: shown()) } catch {
      throw failure.system(error)
    }
  }

  func openBeneath(_ path: UnsafePointer<CChar>) -> Int32 {
    dhow_openat2(
      root, path, UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0,
      UInt64(DHOW_RESOLVE_BENEATH | DHOW_RESOLVE_NO_SYMLINKS | DHOW_RESOLVE_NO_MAGICLINKS))
  }

  private func leaveParent() {
    if parent != root { close(parent) }
    parent = root
    parentPath.removeAll(keepingCapacity: true)
  }

  /// Makes `parent` the directory that the entry goes in.
  private func enterParent() throws {
    let count = path.parentCount
    // An entry that replaces this directory is put in another one first, so it is still the one of that name.
    if count == parentPath.count, parentPath.elementsEqual(UnsafeRawBufferPointer(start: path.parent, count: count)) {
      return
    }
    leaveParent()
    if count == 0 { return }
    var opened = openBeneath(path.parent)
    if opened < 0 {
      guard errno == ENOENT || errno == ENOTDIR || errno == ELOOP else { throw error("open") }
      opened = openExisting(path.parent)
      if opened < 0 { opened = try makeParents() }
    }
    parent = opened
    parentPath.append(contentsOf: UnsafeRawBufferPointer(start: path.parent, count: count))
  }

  /// Makes the directories that the archive only implies, one by one.
  private func makeParents() throws -> Int32 {
    var current = dup(root)
    var position = 0
    let whole = [UInt8](UnsafeRawBufferPointer(start: path.parent, count: path.parentCount))
    while position < whole.count {
      let end = whole[position...].firstIndex(of: UInt8(ascii: "/")) ?? whole.count
      let name = whole[position..<end].map(CChar.init(bitPattern:)) + [0]
      var status = stat()
      if fstatat(current, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || isWhiteoutStatus(status) {
        try makeDirectory(current, name, shown: self.path.shown)
        let implied = Array(whole[..<end])
        directories.addImplied(implied)
      } else if status.st_mode & S_IFMT != S_IFDIR, !isConfinedLink(status) {
        close(current)
        let what = status.st_mode & S_IFMT == S_IFLNK ? "a symbolic link" : "no directory"
        throw failure.corrupt("\(path.shown) is below \(shownPath(whole[..<end])), which this layer made \(what)")
      }
      let next =
        isConfinedLink(status)
        ? openConfined(current, name) : openat(current, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      close(current)
      guard next >= 0 else { throw error("open") }
      current = next
      position = end + 1
    }
    return current
  }

  private func isConfinedLink(_ status: stat) -> Bool {
    options.merge?.isConfined == true && status.st_mode & S_IFMT == S_IFLNK
  }

  /// A directory that is there, through links where those are followed.
  func openExisting(_ path: UnsafePointer<CChar>) -> Int32 {
    let opened = openBeneath(path)
    if opened < 0, errno == ELOOP || errno == EXDEV, options.merge?.isConfined == true {
      return openConfined(root, path)
    }
    return opened
  }

  private func openConfined(_ directory: Int32, _ path: UnsafePointer<CChar>) -> Int32 {
    dhow_openat2(
      directory, path, UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, UInt64(DHOW_RESOLVE_NO_MAGICLINKS))
  }

  /// Free space and inodes, before they run out for everybody else on the filesystem too.
  private func checkSpace(for wanted: Int64) throws {
    bytesSinceCheck = 0
    var status = statvfs()
    guard fstatvfs(root, &status) == 0 else { return }
    let free = Int64(clamping: status.f_bavail).multipliedReportingOverflow(by: Int64(status.f_frsize)).partialValue
    if free - wanted < options.limits.freeBytes {
      throw failure.limit(
        "the filesystem has only \(free >> 20) MiB left at \(path.shown)",
        hint: "make room, for example with: dhow image prune")
    }
    if status.f_files > 0, status.f_favail < options.limits.freeInodes {
      throw failure.limit("the filesystem has no inodes left", hint: "make room, for example with: dhow image prune")
    }
  }
}
