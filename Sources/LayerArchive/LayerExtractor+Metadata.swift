// Owners, attributes, modes and times of what is unpacked.
internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

extension LayerExtractor {
  func permitted(_ mode: UInt32) -> UInt32 { options.merge?.dropsPrivileges == true ? mode & 0o1777 : mode }

  /// Owner, attributes, mode, times, in this order: a change of owner takes setuid bits and capabilities away.
  func setMetadata(
    of file: Int32, owner: (uid: Int64, gid: Int64), attributes: [(name: [UInt8], value: [UInt8])], mode: UInt32,
    time: (seconds: Int64, nanoseconds: Int32), shown: () -> String
  ) throws {
    try setOwner(owner.uid, owner.gid, shown: shown) { fchown(file, $0, $1) }
    for attribute in attributes { try setAttribute(attribute.name, attribute.value, of: file, shown: shown) }
    guard fchmod(file, permitted(mode)) == 0 else { throw failure.system(SystemError("chmod", shown())) }
    let moment = timespec(tv_sec: Int(time.seconds), tv_nsec: Int(time.nanoseconds))
    let isSet = withUnsafeTemporaryAllocation(of: timespec.self, capacity: 2) { times in
      (times[0], times[1]) = (moment, moment)
      return futimens(file, times.baseAddress)
    }
    guard isSet == 0 else { throw failure.system(SystemError("utimens", shown())) }
  }

  func setOwner(_ uid: Int64, _ gid: Int64, shown: () -> String, _ chown: (uid_t, gid_t) -> Int32) throws {
    guard options.ownership != .squashed, inheritsGroup || uid != euid || gid != egid else { return }
    let uid = try mapped(uid, in: &users, map: "/proc/self/uid_map", "user", shown: shown)
    let gid = try mapped(gid, in: &groups, map: "/proc/self/gid_map", "group", shown: shown)
    if chown(uid_t(uid), gid_t(gid)) != 0 { throw failure.system(SystemError("chown", shown())) }
  }

  /// The id as it can be given here.
  func mapped(
    _ id: Int64, in range: inout OwnerRange?, map: String, _ kind: String, shown: () -> String
  ) throws -> Int64 {
    if range == nil {
      do throws(SystemError) { range = try OwnerRange(map: map) } catch { throw failure.system(error) }
    }
    guard let range, !range.contains(id) || id == 0xFFFF_FFFF else { return id }
    guard id >= 0, id < 0xFFFF_FFFF else {
      throw failure.corrupt("\(shown()) belongs to the \(kind) id \(id), which cannot be")
    }
    if options.ownership == .fitted {
      notes.add(.owner, "\(shown()) of the \(kind) id \(id)")
      return 0
    }
    throw EngineError(
      .limitReached, failure.doing,
      "\(shown()) belongs to the \(kind) id \(id), and you have the ids 0 to \(range.count - 1)",
      hint:
        "give yourself \(id) subordinate ids in /etc/sub\(kind == "user" ? "uid" : "gid"), "
        + "or take the image with --squash-ids"
    )
  }

  func setAttribute(_ name: [UInt8], _ value: [UInt8], of file: Int32, shown: () -> String) throws {
    guard AttributePolicy.isCarried(name) else { return notes.add(.attribute, String(decoding: name, as: UTF8.self)) }
    var value = value
    if AttributePolicy.isCapability(name) {
      if options.merge?.dropsPrivileges == true { return }
      guard let portable = AttributePolicy.portableCapability(value) else {
        return notes.add(.attribute, "security.capability of \(shown())")
      }
      value = portable
    }
    let text = name.map(CChar.init(bitPattern:)) + [0]
    if dhow_fsetxattr(file, text, value, value.count) == 0 { return }
    switch errno {
    case EOPNOTSUPP: notes.add(.unsupportedAttribute, String(decoding: name, as: UTF8.self))
    // Malformed ACLs, and what one may not set without privileges in a squashed tree.
    case EINVAL where AttributePolicy.isACL(name):
      notes.add(.attribute, "\(String(decoding: name, as: UTF8.self)) of \(shown())")
    case EPERM where options.ownership == .squashed: notes.add(.attribute, String(decoding: name, as: UTF8.self))
    default: throw failure.system(SystemError("setxattr", shown()))
    }
  }
}
