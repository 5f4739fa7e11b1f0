// A tree once more with other owners: layers for containers whose id map is not ours.
internal import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

package enum TreeCopy {
  /// Copies the directory `source` and all below it into the empty directory `target`: kinds, contents, modes with the
  /// set-id bits, times of modification, carried attributes, whiteouts and opaque marks as they are, files of several names as
  /// one, owners as `owners` gives them. Contents are shared where the filesystem can. No link is followed in either tree.
  /// - Parameter progress: called often.
  package static func copy(
    _ source: Int32, to target: Int32, owners: OwnerShift, mode: OverlayMode, failure: ArchiveFailure,
    progress: () -> Void = {}
  ) throws {
    let copier = Copier(target: target, owners: owners, mode: mode, failure: failure)
    do {
      try copier.noteRoot(source)
      try TreeWalk.visit(source) { item in
        try copier.add(item, progress)
        progress()
        return true
      }
      try copier.settleDirectories()
    } catch let error as SystemError {
      throw failure.system(error)
    }
  }
}

private final class Copier {
  private struct FileID: Hashable {
    var device: UInt
    var inode: UInt
  }

  /// What a directory gets when all is in it: its times would change, and its default ACL would go to what is made
  /// in it.
  private struct Directory {
    var path: [UInt8]
    var status: stat
    var owner: (user: UInt32, group: UInt32)
    var attributes: [(name: [UInt8], value: [UInt8])]
    var isOpaque: Bool
  }

  private let target: Int32
  private let owners: OwnerShift
  private let mode: OverlayMode
  private let failure: ArchiveFailure
  private var directories: [Directory] = []
  /// The first name of each file that has several.
  private var copied: [FileID: [UInt8]] = [:]
  /// The directory that the last item was put in, and its path; most follow a sibling.
  private var parent: Int32
  private var parentPath: ArraySlice<UInt8> = []
  private var content = ContentCopy()

  init(target: Int32, owners: OwnerShift, mode: OverlayMode, failure: ArchiveFailure) {
    self.target = target
    self.owners = owners
    self.mode = mode
    self.failure = failure
    parent = target
  }

  deinit { if parent != target { close(parent) } }

  func noteRoot(_ source: Int32) throws {
    var status = stat()
    try systemCall("stat", "the layer's root") { fstat(source, &status) }
    try note([], status, source)
  }

  private func note(_ path: [UInt8], _ status: stat, _ directory: Int32) throws {
    directories.append(
      Directory(
        path: path, status: status, owner: try owners.owner(of: status, path, failure),
        attributes: try owners.attributes(path, directory, failure),
        isOpaque: AttributePolicy.isOpaque(directory, mode)))
  }

  private func enterParent(of path: [UInt8]) throws(SystemError) {
    let wanted = path.lastIndex(of: UInt8(ascii: "/")).map { path[..<$0] } ?? []
    if wanted == parentPath { return }
    let opened = try openBelow(target, wanted, O_RDONLY | O_DIRECTORY).take()
    if parent != target { close(parent) }
    (parent, parentPath) = (opened, wanted)
  }

  func add(_ item: TreeItem, _ progress: () -> Void) throws {
    try enterParent(of: item.path)
    if try linkToKnown(item) { return }
    switch item.kind {
    case S_IFREG: try addFile(item, progress)
    case S_IFDIR:
      try systemCall("mkdir", item.shown) { mkdirat(parent, item.name, 0o700) }
      let directory = try item.open(O_RDONLY | O_DIRECTORY)
      try note(item.path, item.status, directory.raw)
    case S_IFLNK:
      let text = try item.linkTarget().map(CChar.init(bitPattern:)) + [0]
      try systemCall("symlink", item.shown) { symlinkat(text, parent, item.name) }
      try setOwnerAndTime(item)
    case S_IFIFO:
      try systemCall("mknod", item.shown) { mknodat(parent, item.name, S_IFIFO | 0o600, 0) }
      try setOwnerAndTime(item)
    case S_IFCHR where isWhiteoutStatus(item.status):
      // The one device that anybody may make (kernel 5.8); its owner means nothing.
      try systemCall("mknod", item.shown) { mknodat(parent, item.name, S_IFCHR, 0) }
    default:
      throw failure.unsupported("\(item.shown) is a device or a socket, which layers of ordinary users do not have")
    }
  }

  /// A further name of a file that is there already.
  private func linkToKnown(_ item: TreeItem) throws -> Bool {
    guard item.status.st_nlink > 1, !item.isDirectory else { return false }
    let id = FileID(device: UInt(item.status.st_dev), inode: UInt(item.status.st_ino))
    guard let first = copied[id] else {
      copied[id] = item.path
      return false
    }
    let slash = first.lastIndex(of: UInt8(ascii: "/"))
    let holder = try openBelow(target, slash.map { first[..<$0] } ?? [], O_RDONLY | O_DIRECTORY)
    let name = first[(slash.map { $0 + 1 } ?? 0)...].map(CChar.init(bitPattern:)) + [0]
    try systemCall("link", item.shown) { linkat(holder.raw, name, parent, item.name, 0) }
    return true
  }

  /// Of a link or FIFO; nobody else is in this tree, so that fchmodat's following of links cannot matter.
  private func setOwnerAndTime(_ item: TreeItem) throws {
    let owner = try owners.owner(of: item, failure)
    try systemCall("chown", item.shown) {
      fchownat(parent, item.name, owner.user, owner.group, AT_SYMLINK_NOFOLLOW)
    }
    if item.kind != S_IFLNK {
      try systemCall("chmod", item.shown) { fchmodat(parent, item.name, item.status.st_mode & 0o7777, 0) }
    }
    let times = [item.status.st_mtim, item.status.st_mtim]
    try systemCall("utimens", item.shown) { utimensat(parent, item.name, times, AT_SYMLINK_NOFOLLOW) }
  }

  private func addFile(_ item: TreeItem, _ progress: () -> Void) throws {
    let source = try item.open()
    let raw = try systemCall("create", item.shown) {
      openat(parent, item.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }
    let file = OwnedDescriptor(owning: raw)
    try content.copy(source.raw, to: raw, item.status, shown: item.shown, progress)
    try setMetadata(
      file.raw, item.status, try owners.owner(of: item, failure), try owners.attributes(of: item, source.raw, failure),
      item.shown)
  }

  /// Owner, attributes, mode, time, in this order: a change of owner takes set-id bits and capabilities away.
  private func setMetadata(
    _ descriptor: Int32, _ status: stat, _ owner: (user: UInt32, group: UInt32),
    _ attributes: [(name: [UInt8], value: [UInt8])], _ shown: String
  ) throws(SystemError) {
    try systemCall("chown", shown) { fchown(descriptor, owner.user, owner.group) }
    for attribute in attributes {
      let name = attribute.name.map(CChar.init(bitPattern:)) + [0]
      let value =
        AttributePolicy.isCapability(attribute.name) ? owners.capability(attribute.value) : attribute.value
      try systemCall("setxattr", shown) { dhow_fsetxattr(descriptor, name, value, value.count) }
    }
    try systemCall("chmod", shown) { fchmod(descriptor, status.st_mode & 0o7777) }
    let times = [status.st_mtim, status.st_mtim]
    try systemCall("utimens", shown) { futimens(descriptor, times) }
  }

  /// The deepest first, since a directory's mode may keep even its owner out.
  func settleDirectories() throws {
    for directory in directories.reversed() {
      let shown = directory.path.isEmpty ? "the layer's root" : shownPath(directory.path)
      let opened = try openBelow(target, directory.path, O_RDONLY | O_DIRECTORY)
      if directory.isOpaque { try AttributePolicy.setOpaque(opened.raw, mode, shown: shown) }
      try setMetadata(opened.raw, directory.status, directory.owner, directory.attributes, shown)
    }
  }
}

/// Copies the content of files, by the best way that the filesystem has.
private struct ContentCopy {
  /// Bytes between two looks at the progress.
  private static let step = 64 << 20
  /// Of lseek(2), which Glibc's module does not show.
  private static let seekData: Int32 = 3
  private static let seekHole: Int32 = 4
  private var canShare = true
  private var canCopyInKernel = true
  private var buffer: [UInt8] = []

  /// `to` is a new file.
  mutating func copy(_ from: Int32, to: Int32, _ status: stat, shown: String, _ progress: () -> Void) throws {
    if status.st_size == 0 { return }
    if canShare {
      if dhow_clone_file(to, from) == 0 { return }
      guard [EOPNOTSUPP, ENOTTY, EINVAL, EXDEV].contains(errno) else { throw SystemError("clone", shown) }
      canShare = false
    }
    let size = Int64(status.st_size)
    guard Int64(status.st_blocks) * 512 < size else {
      return try copyRange(from, to: to, 0..<size, shown, progress)
    }
    // Only the parts that are there; the holes stay holes.
    var offset: Int64 = 0
    while offset < size {
      let start = lseek(from, off_t(offset), Self.seekData)
      if start < 0, errno == ENXIO { break }
      guard start >= 0 else { throw SystemError("seek", shown) }
      let end = try systemCall("seek", shown) { lseek(from, start, Self.seekHole) }
      try copyRange(from, to: to, Int64(start)..<Int64(end), shown, progress)
      offset = Int64(end)
    }
    try systemCall("truncate", shown) { ftruncate(to, status.st_size) }
  }

  private mutating func copyRange(
    _ from: Int32, to: Int32, _ range: Range<Int64>, _ shown: String, _ progress: () -> Void
  ) throws {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let wanted = Int(min(range.upperBound - offset, Int64(Self.step)))
      var count = -1
      if canCopyInKernel {
        count = dhow_copy_range(from, to, offset, wanted)
        if count < 0, errno == EINTR { continue }
        if count < 0 {
          guard [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EPERM].contains(errno) else { throw SystemError("copy", shown) }
          canCopyInKernel = false
        }
      }
      if !canCopyInKernel { count = try copyThroughMemory(from, to: to, offset, wanted, shown) }
      // Nothing changes a layer: one that ends before its size is damaged.
      guard count > 0 else { throw SystemError("copy", shown, errno: EIO) }
      offset += Int64(count)
      progress()
    }
  }

  private mutating func copyThroughMemory(
    _ from: Int32, to: Int32, _ offset: Int64, _ wanted: Int, _ shown: String
  ) throws(SystemError) -> Int {
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 1 << 18) }
    let count = try systemCall("read", shown) { pread(from, &buffer, min(wanted, buffer.count), off_t(offset)) }
    var written = 0
    while written < count {
      let rest = count - written
      written += try systemCall("write", shown) {
        buffer.withUnsafeBytes { pwrite(to, $0.baseAddress.map { $0 + written }, rest, off_t(offset) + off_t(written)) }
      }
    }
    return count
  }
}
