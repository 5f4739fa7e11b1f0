internal import CLinux
internal import Glibc
package import LinuxKernel

/// The merged view of an overlay's directories without a mount: what a container's root would show at a path.
///
/// It reads the few files that are needed before a container runs (`/etc/passwd`, `/etc/group`). Links are followed
/// inside the root only, `..` stops at it, and every step is a descriptor, so nothing in the layers can lead out of them
/// (SECURITY A13). Whiteouts are character devices 0:0, opaque directories carry overlay's attribute (overlayfs.rst).
package struct LayeredRoot: ~Copyable {
  /// Links followed in one look-up at most, as in the kernel (path_resolution(7)).
  private static let linkLimit = 40

  private let root: MergedDirectory

  /// - Parameter directories: descriptors of the upper directory, if any, then of the layers from top to bottom. They
  ///   are duplicated.
  package init(_ directories: [Int32]) throws(SystemError) {
    var copies: [Int32] = []
    for directory in directories { copies.append(try File.duplicate(directory).take()) }
    root = MergedDirectory(copies)
  }

  /// Opens the regular file at `path`; nil when nothing is there. Anything but a regular file is EINVAL: a FIFO or a
  /// device of an image is never opened.
  package func openRegularFile(_ path: String) throws(SystemError) -> OwnedDescriptor? {
    guard let (parent, name) = try resolve(path) else { return nil }
    guard case .file(let directory, let kind) = try parent.lookUp(name, path) else {
      throw SystemError("open", path, errno: EISDIR)
    }
    guard kind == .regular else { throw SystemError("open", path, errno: EINVAL) }
    let file = try File.open(at: directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, shown: path)
    // Between look-up and open the name may have changed; what was opened decides.
    guard try File.status(file.raw, shown: path).kind == .regular else {
      throw SystemError("open", path, errno: EINVAL)
    }
    return file
  }

  /// Walks to the directory that holds the last component, links resolved; nil when the path does not exist.
  private func resolve(_ path: String) throws(SystemError) -> (MergedDirectory, String)? {
    var pending = Array(path.split(separator: "/").reversed()).map(String.init)
    var stack = [root]
    var links = 0
    while let name = pending.popLast() {
      if name == "." { continue }
      if name == ".." {
        if stack.count > 1 { stack.removeLast() }
        continue
      }
      let here = stack[stack.count - 1]
      switch try here.lookUp(name, path) {
      case .nothing: return nil
      case .directory(let next):
        if pending.isEmpty { throw SystemError("open", path, errno: EISDIR) }
        stack.append(next)
      case .file(let directory, .symlink):
        links += 1
        guard links <= Self.linkLimit else { throw SystemError("open", path, errno: ELOOP) }
        let target = try File.readLink(at: directory, name)
        if target.hasPrefix("/") { stack = [root] }
        pending.append(contentsOf: target.split(separator: "/").reversed().map(String.init))
      case .file:
        guard pending.isEmpty else { throw SystemError("open", path, errno: ENOTDIR) }
        return (here, name)
      }
    }
    throw SystemError("open", path, errno: EISDIR)
  }
}

/// One directory of the merged view: the same directory in every layer that has it, from top to bottom.
private final class MergedDirectory {
  enum Found {
    case nothing
    case directory(MergedDirectory)
    /// Not a directory, in the directory with this descriptor.
    case file(Int32, FileStatus.Kind)
  }

  private let descriptors: [Int32]

  init(_ descriptors: [Int32]) { self.descriptors = descriptors }

  deinit { for descriptor in descriptors { close(descriptor) } }

  func lookUp(_ name: String, _ path: String) throws(SystemError) -> Found {
    var directories: [Int32] = []
    for descriptor in descriptors {
      let status: FileStatus
      do throws(SystemError) { status = try File.status(at: descriptor, name) } catch {
        if error.errno == ENOENT { continue }
        throw error
      }
      if status.kind == .character, status.deviceNode == 0 { break }
      guard status.kind == .directory else {
        if directories.isEmpty { return .file(descriptor, status.kind) }
        break
      }
      let opened = try File.openDirectory(at: descriptor, name, shown: path)
      let opaque = isOpaque(opened.raw)
      directories.append(opened.take())
      if opaque { break }
    }
    return directories.isEmpty ? .nothing : .directory(MergedDirectory(directories))
  }

  private func isOpaque(_ directory: Int32) -> Bool {
    for name in ["user.overlay.opaque", "trusted.overlay.opaque"] {
      var value: UInt8 = 0
      if dhow_fgetxattr(directory, name, &value, 1) == 1, value == UInt8(ascii: "y") { return true }
    }
    return false
  }
}
