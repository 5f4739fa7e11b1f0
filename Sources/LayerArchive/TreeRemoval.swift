// Removing a tree that somebody else has filled (SECURITY E12).
internal import Glibc
package import LinuxKernel

/// Removes trees by descriptors: whatever is renamed or linked meanwhile, nothing outside the tree is touched. One open
/// descriptor whatever the depth; directories without permissions, such as overlay's `work/work`, are given them first.
package enum TreeRemoval {
  /// Removes the tree, file or link `name` of a directory; absence is success. What cannot be removed does not stop the
  /// rest: the first failure is thrown at the end, and a second call goes on with what is left.
  package static func remove(at parent: Int32, _ name: String, shown: String? = nil) throws(SystemError) {
    let outcome: Result<Void, SystemError> = name.withCString { pointer in
      do throws(SystemError) { return .success(try remove(at: parent, pointer, shown: shown ?? name)) } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  /// Empties a directory and keeps it.
  package static func removeContents(_ directory: Int32, shown: String) throws(SystemError) {
    var removal = Removal(shown: shown)
    let names = try NameList(directory, shown: shown)
    for index in 0..<names.count { removal.remove(at: directory, names.name(index)) }
    if let failure = removal.failure { throw failure }
  }

  static func remove(at parent: Int32, _ name: UnsafePointer<CChar>, shown: String) throws(SystemError) {
    var removal = Removal(shown: shown)
    removal.remove(at: parent, name)
    if let failure = removal.failure { throw failure }
  }
}

private struct Removal {
  let shown: String
  let isPrivileged = geteuid() == 0
  var failure: SystemError?

  /// A directory that is being emptied, whose parent is the frame before it.
  struct Frame {
    let names: NameList
    var next = 0
    let device: UInt
    let inode: UInt
  }

  init(shown: String) { self.shown = shown }

  mutating func note(_ call: String) {
    if failure == nil { failure = SystemError(call, shown) }
  }

  mutating func remove(at parent: Int32, _ name: UnsafePointer<CChar>) {
    if unlink(parent, name) { return }
    guard let top = enter(parent, name) else { return }
    empty(top)
    if unlinkat(parent, name, AT_REMOVEDIR) != 0, errno != ENOENT { note("rmdir") }
  }

  /// Removes what is no full directory; false when it is one.
  private mutating func unlink(_ directory: Int32, _ name: UnsafePointer<CChar>) -> Bool {
    for attempt in 0..<2 {
      if unlinkat(directory, name, 0) == 0 || errno == ENOENT { return true }
      if errno == EISDIR || errno == EPERM, unlinkat(directory, name, AT_REMOVEDIR) == 0 { return true }
      if errno == ENOTEMPTY || errno == EEXIST { return false }
      // A directory of ours that we may not write to; at most once, or it is not the reason.
      if errno == EACCES, attempt == 0, fchmod(directory, 0o700) == 0 { continue }
      break
    }
    // A directory that cannot even be looked into says EACCES; everything else is a failure.
    var status = stat()
    if fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFDIR { return false }
    note("unlink")
    return true
  }

  /// Opens a directory for emptying, without following a link.
  private mutating func enter(_ parent: Int32, _ name: UnsafePointer<CChar>) -> Int32? {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    var directory = openat(parent, name, flags)
    if directory < 0, errno == EACCES {
      // fchmodat follows links, so the mode is changed through a descriptor that only names the directory.
      let handle = openat(parent, name, 0x200000 | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)  // O_PATH
      if handle >= 0 {
        chmod("/proc/self/fd/\(handle)", 0o700)
        close(handle)
        directory = openat(parent, name, flags)
      }
    }
    if directory < 0 {
      if errno != ENOENT { note("open") }
      return nil
    }
    return directory
  }

  /// Empties a directory and closes its descriptor.
  private mutating func empty(_ top: Int32) {
    var current = top
    var frames: [Frame] = []
    defer { close(current) }
    guard let first = frame(current) else { return }
    frames.append(first)
    while let frame = frames.last {
      if frame.next == frame.names.count {
        frames.removeLast()
        guard let parent = frames.last else { return }
        guard let above = ascend(current, to: parent) else { return }
        close(current)
        current = above
        let name = parent.names.name(parent.next)
        if unlinkat(current, name, AT_REMOVEDIR) != 0, errno != ENOENT { note("rmdir") }
        frames[frames.count - 1].next += 1
        continue
      }
      let name = frame.names.name(frame.next)
      if !unlink(current, name), let below = enter(current, name) {
        if let deeper = self.frame(below) {
          close(current)
          current = below
          frames.append(deeper)
          continue
        }
        close(below)
      }
      frames[frames.count - 1].next += 1
    }
  }

  private mutating func frame(_ directory: Int32) -> Frame? {
    var status = stat()
    guard fstat(directory, &status) == 0 else {
      note("stat")
      return nil
    }
    if !isPrivileged, status.st_mode & 0o700 != 0o700 { fchmod(directory, 0o700) }
    do throws(SystemError) {
      let names = try NameList(directory, shown: shown)
      return Frame(names: names, device: UInt(status.st_dev), inode: UInt(status.st_ino))
    } catch {
      if failure == nil { failure = error }
      return nil
    }
  }

  /// Back to the directory above, proved to be the one that we came from.
  private mutating func ascend(_ directory: Int32, to frame: Frame) -> Int32? {
    let above = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    var status = stat()
    guard above >= 0, fstat(above, &status) == 0 else {
      note("open")
      if above >= 0 { close(above) }
      return nil
    }
    guard UInt(status.st_dev) == frame.device, UInt(status.st_ino) == frame.inode else {
      close(above)
      if failure == nil { failure = SystemError("open", shown, errno: EBUSY) }
      return nil
    }
    return above
  }
}
