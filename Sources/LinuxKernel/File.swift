internal import CLinux
internal import Glibc

/// What stat(2) tells of a file.
package struct FileStatus: Equatable, Sendable {
  package enum Kind: Sendable { case regular, directory, symlink, character, block, fifo, socket }
  package var kind: Kind
  /// Permission bits with setuid, setgid and sticky.
  package var mode: UInt32
  package var uid: UInt32
  package var gid: UInt32
  /// Bytes.
  package var size: Int64
  /// Bytes on disk.
  package var allocated: Int64
  /// Nanoseconds since the epoch.
  package var modified: Int64
  package var device: UInt64
  package var inode: UInt64
  package var links: UInt64
  /// Device number of a device node.
  package var deviceNode: UInt64

  init(_ status: stat) {
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFDIR: .directory
      case S_IFLNK: .symlink
      case S_IFCHR: .character
      case S_IFBLK: .block
      case S_IFIFO: .fifo
      case S_IFSOCK: .socket
      default: .regular
      }
    mode = status.st_mode & 0o7777
    uid = status.st_uid
    gid = status.st_gid
    size = Int64(status.st_size)
    allocated = Int64(status.st_blocks) * 512
    modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    links = UInt64(status.st_nlink)
    deviceNode = UInt64(status.st_rdev)
  }
}

/// System calls on files and directories relative to a descriptor. Every descriptor is close-on-exec.
///
/// `at` is a directory descriptor or `File.workingDirectory`; `shown` is the path as the user knows it, for errors.
package enum File {
  /// AT_FDCWD: paths are relative to the working directory, absolute ones as they are.
  package static let workingDirectory: Int32 = AT_FDCWD

  package static func open(
    at directory: Int32 = workingDirectory, _ path: String, _ flags: Int32, mode: UInt32 = 0, shown: String? = nil
  ) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(
      owning: try systemCall("open", shown ?? path) { Glibc.openat(directory, path, flags | O_CLOEXEC, mode) })
  }

  /// A directory for reading and for `at`; never through a link at its last component.
  package static func openDirectory(
    at directory: Int32 = workingDirectory, _ path: String, followLink: Bool = false, shown: String? = nil
  ) throws(SystemError) -> OwnedDescriptor {
    try open(at: directory, path, O_RDONLY | O_DIRECTORY | (followLink ? 0 : O_NOFOLLOW), shown: shown)
  }

  /// Opens `path` as a process whose root is `root` would: links and `..` stay inside, magic links are refused
  /// (openat2(2) RESOLVE_IN_ROOT, kernel 5.6).
  package static func openInRoot(
    _ root: Int32, _ path: String, _ flags: Int32, mode: UInt32 = 0, shown: String? = nil
  ) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(
      owning: try systemCall("open", shown ?? path) {
        dhow_openat2(
          root, path, UInt64(UInt32(bitPattern: flags)), UInt64(mode),
          UInt64(DHOW_RESOLVE_IN_ROOT | DHOW_RESOLVE_NO_MAGICLINKS))
      })
  }

  /// Opens `path` below `directory` and refuses every link on the way (openat2(2) RESOLVE_BENEATH and NO_SYMLINKS).
  package static func openBeneath(
    _ directory: Int32, _ path: String, _ flags: Int32, mode: UInt32 = 0, shown: String? = nil
  ) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(
      owning: try systemCall("open", shown ?? path) {
        dhow_openat2(
          directory, path, UInt64(UInt32(bitPattern: flags)), UInt64(mode),
          UInt64(
            DHOW_RESOLVE_BENEATH | DHOW_RESOLVE_NO_SYMLINKS | DHOW_RESOLVE_NO_MAGICLINKS))
      })
  }

  /// Closes a descriptor that has no owner.
  package static func close(_ descriptor: Int32) { Glibc.close(descriptor) }

  package static func duplicate(_ descriptor: Int32) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try systemCall("dup") { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) })
  }

  package static func status(_ descriptor: Int32, shown: String = "") throws(SystemError) -> FileStatus {
    var result = stat()
    try systemCall("stat", shown) { fstat(descriptor, &result) }
    return FileStatus(result)
  }

  /// Of the link itself unless `followLink`.
  package static func status(
    at directory: Int32 = workingDirectory, _ path: String, followLink: Bool = false, shown: String? = nil
  ) throws(SystemError) -> FileStatus {
    var result = stat()
    try systemCall("stat", shown ?? path) {
      fstatat(directory, path, &result, followLink ? 0 : AT_SYMLINK_NOFOLLOW)
    }
    return FileStatus(result)
  }

  /// True when the path leads to something, a dangling link included; other failures than absence are thrown.
  package static func exists(at directory: Int32 = workingDirectory, _ path: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      _ = try status(at: directory, path)
      return true
    } catch {
      if error.errno == ENOENT || error.errno == ENOTDIR { return false }
      throw error
    }
  }

  package static func makeDirectory(
    at directory: Int32 = workingDirectory, _ path: String, mode: UInt32 = 0o700, shown: String? = nil
  ) throws(SystemError) {
    try systemCall("mkdir", shown ?? path) { mkdirat(directory, path, mode) }
  }

  /// Makes the directory unless it is there already; answers whether it was made.
  @discardableResult
  package static func ensureDirectory(
    at directory: Int32 = workingDirectory, _ path: String, mode: UInt32 = 0o700, shown: String? = nil
  ) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try makeDirectory(at: directory, path, mode: mode, shown: shown)
      return true
    } catch {
      if error.errno == EEXIST { return false }
      throw error
    }
  }

  package static func rename(
    at from: Int32 = workingDirectory, _ old: String, to: Int32 = workingDirectory, _ new: String, shown: String? = nil
  ) throws(SystemError) {
    try systemCall("rename", shown ?? new) { renameat(from, old, to, new) }
  }

  /// Renames only when `new` does not exist (renameat2(2) RENAME_NOREPLACE); EEXIST otherwise.
  package static func renameWithoutReplacing(
    at from: Int32 = workingDirectory, _ old: String, to: Int32 = workingDirectory, _ new: String, shown: String? = nil
  ) throws(SystemError) {
    try systemCall("rename", shown ?? new) { dhow_renameat2(from, old, to, new, 1) }
  }

  package static func link(
    at from: Int32 = workingDirectory, _ old: String, to: Int32 = workingDirectory, _ new: String, shown: String? = nil
  ) throws(SystemError) {
    try systemCall("link", shown ?? new) { linkat(from, old, to, new, 0) }
  }

  package static func symlink(
    _ target: String, at directory: Int32 = workingDirectory, _ path: String
  ) throws(SystemError) {
    try systemCall("symlink", path) { symlinkat(target, directory, path) }
  }

  package static func readLink(
    at directory: Int32 = workingDirectory, _ path: String
  ) throws(SystemError) -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = try systemCall("readlink", path) {
      buffer.withUnsafeMutableBytes { bytes in
        bytes.baseAddress.map { readlinkat(directory, path, $0, bytes.count) } ?? -1
      }
    }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  /// Removes a file, a link, or with `directory` an empty directory.
  package static func remove(
    at parent: Int32 = workingDirectory, _ path: String, directory: Bool = false, shown: String? = nil
  ) throws(SystemError) {
    try systemCall(directory ? "rmdir" : "unlink", shown ?? path) {
      unlinkat(parent, path, directory ? AT_REMOVEDIR : 0)
    }
  }

  /// `remove` for which absence is success.
  package static func removeIfPresent(
    at parent: Int32 = workingDirectory, _ path: String, directory: Bool = false
  ) throws(SystemError) {
    do throws(SystemError) { try remove(at: parent, path, directory: directory) } catch {
      if error.errno != ENOENT { throw error }
    }
  }

  package static func sync(_ descriptor: Int32, shown: String = "") throws(SystemError) {
    try systemCall("fsync", shown) { fsync(descriptor) }
  }

  /// Makes everything written to the filesystem of this descriptor durable (syncfs(2)).
  package static func syncFilesystem(_ descriptor: Int32, shown: String = "") throws(SystemError) {
    try systemCall("syncfs", shown) { dhow_syncfs(descriptor) }
  }

  /// A pipe: read end, write end.
  package static func pipe() throws(SystemError) -> (read: Int32, write: Int32) {
    var ends: (Int32, Int32) = (-1, -1)
    try systemCall("pipe") {
      withUnsafeMutablePointer(to: &ends) {
        $0.withMemoryRebound(to: Int32.self, capacity: 2) { dhow_pipe2($0, O_CLOEXEC) }
      }
    }
    return (ends.0, ends.1)
  }
}
