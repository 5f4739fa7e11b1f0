// Walking a tree that somebody else may be changing.
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// One thing found on a walk. The pointers are valid during the visit.
struct TreeItem {
  /// The directory it is in, and its name there.
  let directory: Int32
  let name: UnsafePointer<CChar>
  /// Below the walk's root, without a leading slash.
  let path: [UInt8]
  let status: stat

  var kind: mode_t { status.st_mode & S_IFMT }
  var isDirectory: Bool { kind == S_IFDIR }
  var shown: String { shownPath(path) }

  /// Opens what was found, without following a link and without waiting for a FIFO; it is proved to be the same thing.
  func open(_ flags: Int32 = O_RDONLY) throws(SystemError) -> OwnedDescriptor {
    let raw = try systemCall("open", shown) { openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
    let opened = OwnedDescriptor(owning: raw)
    var now = stat()
    try systemCall("stat", shown) { fstat(raw, &now) }
    guard now.st_ino == status.st_ino, now.st_dev == status.st_dev else {
      throw SystemError("open", shown, errno: EBUSY)
    }
    return opened
  }

  func linkTarget() throws(SystemError) -> [UInt8] {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = try systemCall("readlink", shown) { readlinkat(directory, name, &buffer, buffer.count) }
    return buffer[..<count].map(UInt8.init(bitPattern:))
  }
}

/// A walk by descriptors: parents before children, names by the order of their bytes, links not followed, one
/// descriptor open whatever the depth.
enum TreeWalk {
  private struct Frame {
    let names: NameList
    var next = 0
    let device: dev_t
    let inode: ino_t
    let pathCount: Int
  }

  /// Visits everything below a directory; the answer of a visit to a directory says whether to go into it. What
  /// vanishes while the walk looks is passed by.
  static func visit(_ root: Int32, _ body: (TreeItem) throws -> Bool) throws {
    var current = try File.open(at: root, ".", O_RDONLY | O_DIRECTORY).take()
    defer { close(current) }
    var path: [UInt8] = []
    var frames = [try frame(current, path)]
    while let top = frames.last {
      path.removeLast(path.count - top.pathCount)
      if top.next == top.names.count {
        frames.removeLast()
        guard let parent = frames.last else { return }
        let above = try ascend(current, to: parent, path)
        close(current)
        current = above
        continue
      }
      frames[frames.count - 1].next += 1
      let name = top.names.name(top.next)
      if !path.isEmpty { path.append(UInt8(ascii: "/")) }
      path.append(contentsOf: UnsafeRawBufferPointer(start: name, count: strlen(name)))
      var status = stat()
      guard fstatat(current, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
        if errno == ENOENT { continue }
        throw SystemError("stat", shownPath(path))
      }
      let item = TreeItem(directory: current, name: name, path: path, status: status)
      guard try body(item), item.isDirectory else { continue }
      let below = try item.open(O_RDONLY | O_DIRECTORY).take()
      close(current)
      current = below
      frames.append(try frame(current, path))
    }
  }

  private static func frame(_ directory: Int32, _ path: [UInt8]) throws(SystemError) -> Frame {
    var status = stat()
    try systemCall("stat", shownPath(path)) { fstat(directory, &status) }
    let names = try NameList(directory, shown: shownPath(path))
    names.sort()
    return Frame(names: names, device: status.st_dev, inode: status.st_ino, pathCount: path.count)
  }

  private static func ascend(_ directory: Int32, to frame: Frame, _ path: [UInt8]) throws(SystemError) -> Int32 {
    let above = try systemCall("open", shownPath(path)) { openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    var status = stat()
    guard fstat(above, &status) == 0, status.st_dev == frame.device, status.st_ino == frame.inode else {
      close(above)
      throw SystemError("open", shownPath(path), errno: EBUSY)
    }
    return above
  }
}

/// Opens a path of bytes below a directory and follows no link on the way; the empty path is the directory itself.
func openBelow(
  _ directory: Int32, _ path: some Collection<UInt8>, _ flags: Int32
) throws(SystemError) -> OwnedDescriptor {
  if path.isEmpty { return try File.open(at: directory, ".", flags) }
  let text = path.map(CChar.init(bitPattern:)) + [0]
  let raw = try systemCall("open", shownPath(path)) {
    dhow_openat2(
      directory, text, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), 0,
      UInt64(DHOW_RESOLVE_BENEATH | DHOW_RESOLVE_NO_SYMLINKS | DHOW_RESOLVE_NO_MAGICLINKS))
  }
  return OwnedDescriptor(owning: raw)
}
