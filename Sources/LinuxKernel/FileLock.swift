internal import CLinux
internal import Glibc

/// A lock of a whole file that lives as long as this value (open file description lock, fcntl(2), kernel 3.15):
/// released by the kernel when its holder dies, whatever the way.
package struct FileLock: ~Copyable, Sendable {
  private let descriptor: OwnedDescriptor

  private init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

  /// The locked file.
  package var raw: Int32 { descriptor.raw }

  /// Waits for the lock. The file is made when it is absent.
  package static func acquire(
    at directory: Int32 = File.workingDirectory, _ path: String, shared: Bool = false
  ) throws(SystemError) -> FileLock {
    let file = try File.open(at: directory, path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    let raw = file.raw
    try systemCall("lock", path) { dhow_ofd_lock(raw, shared ? 0 : 1, 1) }
    return FileLock(file)
  }

  /// Nil when somebody else holds a conflicting lock.
  package static func attempt(
    at directory: Int32 = File.workingDirectory, _ path: String, shared: Bool = false
  ) throws(SystemError) -> FileLock? {
    let file = try File.open(at: directory, path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    if dhow_ofd_lock(file.raw, shared ? 0 : 1, 0) == 0 { return FileLock(file) }
    let code = errno
    if code == EAGAIN || code == EACCES { return nil }
    throw SystemError("lock", path, errno: code)
  }

  /// Whether anybody holds the lock, without taking it; false when the file does not exist.
  package static func isHeld(at directory: Int32 = File.workingDirectory, _ path: String) throws(SystemError) -> Bool {
    let descriptor = openat(directory, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    if descriptor < 0 {
      let code = errno
      if code == ENOENT { return false }
      throw SystemError("open", path, errno: code)
    }
    defer { close(descriptor) }
    return try systemCall("lock", path) { dhow_ofd_is_locked(descriptor) } == 1
  }
}
