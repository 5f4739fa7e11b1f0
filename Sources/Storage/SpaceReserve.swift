internal import Basics
internal import Glibc
internal import LinuxKernel

/// Some room kept aside, so that on a disk without a byte left images can still be removed: their index is replaced as a
/// whole, and needs room for a second one (SECURITY F4).
struct SpaceReserve {
  private static let path = StatePath.lock("reserve")
  /// Bytes; an entry of the index takes about 400.
  private static let leastSize = 64 << 10

  let directory: StateDirectory

  /// Makes the reserve if it is not there. Without room there is none, which is no failure.
  func keep(forIndexOf bytes: Int) {
    let wanted = max(Self.leastSize, bytes * 2)
    let root = directory.root.raw
    // A reserve that cannot be looked at is made anew.
    if let status = try? File.status(at: root, Self.path), status.allocated >= wanted { return }
    // Without room, or a file system that gives none beforehand, there is no reserve.
    guard let file = try? File.open(at: root, Self.path, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600) else { return }
    if posix_fallocate(file.raw, 0, off_t(wanted)) != 0 { _ = release() }
  }

  /// Gives the room back to the file system.
  /// - Returns: whether there was any.
  func release() -> Bool { unlinkat(directory.root.raw, Self.path, 0) == 0 }
}
