// Which extended attributes layers carry, and how (SECURITY C6).
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// How overlayfs is told that a directory hides what is below it (Documentation/filesystems/overlayfs.rst): by a name
/// that only root may write, or with the mount option `userxattr` by one that every owner may.
package enum OverlayMode: Sendable {
  case root, rootless

  var opaqueName: StaticString {
    switch self {
    case .root: "trusted.overlay.opaque"
    case .rootless: "user.overlay.opaque"
    }
  }

  var redirectName: StaticString {
    switch self {
    case .root: "trusted.overlay.redirect"
    case .rootless: "user.overlay.redirect"
    }
  }
}

/// The allow-list of extended attributes in both directions:
///   - `user.*`, except overlayfs's own names;
///   - `security.capability` of version 2 or 3, always written as version 2: the kernel makes it version 3 with the
///     owner of the namespace when that is not the first one (capabilities(7)), and gives version 2 back to that owner;
///   - `system.posix_acl_access` and `system.posix_acl_default`, whose ids the kernel translates. Everything else, such
///     as labels of a security module, belongs to the machine and not to the image.
enum AttributePolicy {
  static func isCarried(_ name: [UInt8]) -> Bool {
    if name.starts(with: Array("user.".utf8)) { return !name.starts(with: Array("user.overlay.".utf8)) }
    return isCapability(name) || isACL(name)
  }

  static func isCapability(_ name: [UInt8]) -> Bool { name.elementsEqual("security.capability".utf8) }

  static func isACL(_ name: [UInt8]) -> Bool {
    name.elementsEqual("system.posix_acl_access".utf8) || name.elementsEqual("system.posix_acl_default".utf8)
  }

  /// struct vfs_cap_data of linux/capability.h in version 2; nil when it is neither version 2 nor 3.
  static func portableCapability(_ value: [UInt8]) -> [UInt8]? {
    guard value.count == 20 || value.count == 24, value[3] == (value.count == 20 ? 2 : 3) else { return nil }
    var result = Array(value[..<20])
    result[3] = 2
    return result
  }

  /// Reads the attributes of an open file or directory that are carried, sorted by name. A filesystem without
  /// attributes has none.
  static func read(_ descriptor: Int32, shown: String) throws(SystemError) -> [(name: [UInt8], value: [UInt8])] {
    var list = [CChar](repeating: 0, count: 1024)
    var size = dhow_flistxattr(descriptor, &list, list.count)
    if size < 0, errno == ERANGE {
      list = [CChar](repeating: 0, count: 65536)  // XATTR_LIST_MAX
      size = dhow_flistxattr(descriptor, &list, list.count)
    }
    if size == 0 || (size < 0 && errno == EOPNOTSUPP) { return [] }
    guard size > 0 else { throw SystemError("listxattr", shown) }
    var result: [(name: [UInt8], value: [UInt8])] = []
    for part in list[..<size].split(separator: 0) {
      let name = part.map(UInt8.init(bitPattern:))
      guard isCarried(name), var value = try value(descriptor, name, shown: shown) else { continue }
      if isCapability(name) {
        guard let portable = portableCapability(value) else { continue }
        value = portable
      }
      result.append((name, value))
    }
    return result.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  private static func value(_ descriptor: Int32, _ name: [UInt8], shown: String) throws(SystemError) -> [UInt8]? {
    let text = name.map(CChar.init(bitPattern:)) + [0]
    var value = [UInt8](repeating: 0, count: 256)
    while true {
      let size = dhow_fgetxattr(descriptor, text, &value, value.count)
      if size >= 0 {
        value.removeLast(value.count - size)
        return value
      }
      if errno == ERANGE, value.count < 65536 {
        value = [UInt8](repeating: 0, count: 65536)
      } else if errno == ENODATA {
        return nil
      } else {
        throw SystemError("getxattr", shown)
      }
    }
  }

  static func isOpaque(_ directory: Int32, _ mode: OverlayMode) -> Bool {
    var value: UInt8 = 0
    return withName(mode.opaqueName) { dhow_fgetxattr(directory, $0, &value, 1) } == 1 && value == UInt8(ascii: "y")
  }

  static func hasRedirect(_ directory: Int32, _ mode: OverlayMode) -> Bool {
    withName(mode.redirectName) { dhow_fgetxattr(directory, $0, nil, 0) } > 0
  }

  static func setOpaque(_ directory: Int32, _ mode: OverlayMode, shown: String) throws(SystemError) {
    var value = UInt8(ascii: "y")
    try systemCall("setxattr", shown) { withName(mode.opaqueName) { dhow_fsetxattr(directory, $0, &value, 1) } }
  }

  private static func withName<Result>(_ name: StaticString, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    name.utf8Start.withMemoryRebound(to: CChar.self, capacity: name.utf8CodeUnitCount + 1, body)
  }
}
