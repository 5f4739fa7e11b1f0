// What an image shows below a layer, without mounting it.
internal import CLinux
internal import Glibc
package import LinuxKernel

/// The trees of lower layers, topmost first, looked into as overlayfs would merge them: whiteouts and opaque
/// directories hide what is below, links are never followed.
package struct LowerChain: Sendable {
  private let layers: [Int32]
  private let mode: OverlayMode

  /// Descriptors of the layers' trees, topmost first; they stay their owner's.
  package init(_ layers: [Int32], mode: OverlayMode) {
    self.layers = layers
    self.mode = mode
  }

  package var isEmpty: Bool { layers.isEmpty }

  /// Whether the merged view has something at `path`, and what. The empty path is the root.
  package func status(_ path: [UInt8]) throws(SystemError) -> FileStatus? {
    guard let found = try open(path, flags: 0x200000) else { return nil }  // O_PATH
    return try File.status(found.raw, shown: "a lower layer")
  }

  /// Opens what the merged view has at `path`, never through a link; nil when it has nothing.
  package func open(_ path: [UInt8], flags: Int32 = O_RDONLY | O_NONBLOCK) throws(SystemError) -> OwnedDescriptor? {
    let parts = path.split(separator: UInt8(ascii: "/")).map { $0.map(CChar.init(bitPattern:)) + [0] }
    for layer in layers {
      switch try look(parts, in: layer, flags: flags) {
      case .found(let descriptor): return OwnedDescriptor(owning: descriptor)
      case .hidden: return nil
      case .absent: continue
      }
    }
    return nil
  }

  /// Opens what the topmost layer itself has, a whiteout too; nil when there is nothing.
  func openAsIs(_ path: [UInt8], flags: Int32) throws(SystemError) -> OwnedDescriptor? {
    guard let layer = layers.first else { return nil }
    let text = path.map(CChar.init(bitPattern:)) + [0]
    do throws(SystemError) {
      let raw = try systemCall("open", shownPath(path)) {
        dhow_openat2(
          layer, text, UInt64(UInt32(bitPattern: flags | O_NOFOLLOW)), 0,
          UInt64(DHOW_RESOLVE_BENEATH | DHOW_RESOLVE_NO_SYMLINKS))
      }
      return OwnedDescriptor(owning: raw)
    } catch {
      if error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP { return nil }
      throw error
    }
  }

  /// The names of a directory of the merged view; of each layer's part, whiteouts left out. Empty when there is none.
  package func names(_ path: [UInt8]) throws(SystemError) -> Set<[UInt8]> {
    let parts = path.split(separator: UInt8(ascii: "/")).map { $0.map(CChar.init(bitPattern:)) + [0] }
    var names: Set<[UInt8]> = []
    var hidden: Set<[UInt8]> = []
    for layer in layers {
      var isLast = false
      switch try look(parts, in: layer, flags: O_RDONLY | O_DIRECTORY, opaque: &isLast) {
      case .hidden: return names
      case .absent: if isLast { return names }
      case .found(let raw):
        let directory = OwnedDescriptor(owning: raw)
        let list = try NameList(directory.raw, shown: "a lower layer")
        for index in 0..<list.count {
          let name = bytes(of: list.name(index))
          if hidden.contains(name) || names.contains(name) { continue }
          if isWhiteout(directory.raw, list.name(index)) { hidden.insert(name) } else { names.insert(name) }
        }
        if isLast { return names }
      }
    }
    return names
  }

  private enum Look {
    case found(Int32)
    /// This layer says that there is nothing, whatever lower ones have.
    case hidden
    case absent
  }

  private func look(_ parts: [[CChar]], in layer: Int32, flags: Int32) throws(SystemError) -> Look {
    var opaque = false
    let look = try look(parts, in: layer, flags: flags, opaque: &opaque)
    if case .absent = look, opaque { return .hidden }
    return look
  }

  /// `opaque` becomes true when a directory on the way, or the one found, hides lower layers.
  private func look(
    _ parts: [[CChar]], in layer: Int32, flags: Int32, opaque: inout Bool
  ) throws(SystemError) -> Look {
    var current = try File.open(at: layer, ".", parts.isEmpty ? flags : 0x200000)  // O_PATH
    for (index, part) in parts.enumerated() {
      let isLast = index == parts.count - 1
      var status = stat()
      guard fstatat(current.raw, part, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
        if errno == ENOENT { return .absent }
        throw SystemError("stat", "a lower layer")
      }
      if isWhiteoutStatus(status) { return .hidden }
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      if !isLast, !isDirectory { return .hidden }
      if flags & O_DIRECTORY != 0, !isDirectory { return .hidden }
      let wanted = isLast ? flags : O_RDONLY | O_DIRECTORY
      let raw = try systemCall("open", "a lower layer") { openat(current.raw, part, wanted | O_NOFOLLOW | O_CLOEXEC) }
      current = OwnedDescriptor(owning: raw)
      if isDirectory, flags & 0x200000 == 0 || !isLast, AttributePolicy.isOpaque(current.raw, mode) { opaque = true }
    }
    return .found(current.take())
  }
}

/// A whiteout of overlayfs: a character device 0:0.
func isWhiteoutStatus(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == 0 }

func isWhiteout(_ directory: Int32, _ name: UnsafePointer<CChar>) -> Bool {
  var status = stat()
  return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && isWhiteoutStatus(status)
}
