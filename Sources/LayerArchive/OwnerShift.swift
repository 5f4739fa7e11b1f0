// Owners of one user namespace as those of another.
internal import Basics
internal import Glibc
package import LinuxKernel

/// Gives everything of a tree that names a user or a group another one: owners, the ids in ACLs, and whose root a
/// file's capabilities are for. An id without a counterpart is an error that names it and the file.
package struct OwnerShift: Equatable, Sendable {
  private let users: [IDRange]
  private let groups: [IDRange]

  private init(users: [IDRange], groups: [IDRange]) {
    self.users = users
    self.groups = groups
  }

  /// From the ids inside a map to those outside.
  package init(_ map: IDMap) { self.init(users: map.uids, groups: map.gids) }

  /// Everything stays as it is.
  package static let none = OwnerShift(.host)

  /// The way back.
  package var inverse: OwnerShift { OwnerShift(users: users.inverse, groups: groups.inverse) }

  func owner(of item: TreeItem, _ failure: ArchiveFailure) throws(EngineError) -> (user: UInt32, group: UInt32) {
    try owner(of: item.status, item.path, failure)
  }

  func owner(
    of status: stat, _ path: [UInt8], _ failure: ArchiveFailure
  ) throws(EngineError) -> (user: UInt32, group: UInt32) {
    (
      try shifted(status.st_uid, users, "user", path, failure),
      try shifted(status.st_gid, groups, "group", path, failure)
    )
  }

  private func shifted(
    _ id: UInt32, _ ranges: [IDRange], _ kind: String, _ path: [UInt8], _ failure: ArchiveFailure
  ) throws(EngineError) -> UInt32 {
    if let shifted = ranges.outside(of: id) { return shifted }
    let shown = path.isEmpty ? "the root directory" : shownPath(path)
    throw failure.limit(
      "\(shown) belongs to the \(kind) id \(id), which the container's id map does not hold",
      hint: "widen your ranges in /etc/subuid and /etc/subgid, or use an image with smaller ids")
  }

  /// The attributes of an open file or directory that are carried, for its new owners.
  func attributes(
    of item: TreeItem, _ descriptor: Int32, _ failure: ArchiveFailure
  ) throws -> [(name: [UInt8], value: [UInt8])] {
    try attributes(item.path, descriptor, failure)
  }

  func attributes(
    _ path: [UInt8], _ descriptor: Int32, _ failure: ArchiveFailure
  ) throws -> [(name: [UInt8], value: [UInt8])] {
    var attributes = try AttributePolicy.read(descriptor, shown: shownPath(path))
    if self == .none { return attributes }
    for index in attributes.indices where AttributePolicy.isACL(attributes[index].name) {
      try shiftACL(&attributes[index].value, path, failure)
    }
    return attributes
  }

  /// struct posix_acl_xattr_entry of linux/posix_acl_xattr.h: tag, permissions, id, little endian, after four bytes of
  /// version. Only entries for a named user or group have an id.
  private func shiftACL(_ value: inout [UInt8], _ path: [UInt8], _ failure: ArchiveFailure) throws(EngineError) {
    for start in stride(from: 4, to: value.count - 7, by: 8) {
      let tag = value[start]
      guard tag == 0x02 || tag == 0x08 else { continue }  // ACL_USER, ACL_GROUP
      let id = (0..<4).reduce(UInt32(0)) { $0 | UInt32(value[start + 4 + $1]) << UInt32($1 * 8) }
      let new =
        tag == 0x02
        ? try shifted(id, users, "user", path, failure) : try shifted(id, groups, "group", path, failure)
      for byte in 0..<4 { value[start + 4 + byte] = UInt8(truncatingIfNeeded: new >> UInt32(byte * 8)) }
    }
  }

  /// A portable capability as it is written for the namespace whose root is our `root` (capabilities(7)): version 3 with
  /// that id, which nobody else's root can use; for our own root the kernel itself makes it so.
  func capability(_ portable: [UInt8]) -> [UInt8] {
    guard let root = users.outside(of: 0), root != 0 else { return portable }
    var value = portable
    value[3] = 3
    return value + (0..<4).map { UInt8(truncatingIfNeeded: root >> UInt32($0 * 8)) }
  }
}
