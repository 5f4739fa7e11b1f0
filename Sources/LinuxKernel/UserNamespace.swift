package import Basics
internal import CLinux
internal import Glibc

/// The map of the user's namespace: container ids to the ids of the host.
package struct IDMap: Equatable, Sendable {
  package var uids: [IDRange]
  package var gids: [IDRange]

  package init(uids: [IDRange], gids: [IDRange]) {
    self.uids = uids
    self.gids = gids
  }

  /// The map of a process that is in no namespace of its own.
  package static let host = IDMap(
    uids: [IDRange(inside: 0, outside: 0, count: .max)], gids: [IDRange(inside: 0, outside: 0, count: .max)])

  /// True when only the user's own id is mapped: files of other owners cannot be made.
  package var isSingle: Bool { uids.count == 1 && uids[0].count == 1 }

  /// Number of consecutive ids from 0.
  package var size: UInt32 { uids.reduce(0) { $0 + $1.count } }

  /// The identity over the ids this map has inside: the map of a namespace nested in this one. A line for each of our
  /// own, since the kernel takes no range that spans two of the parent's (user_namespaces(7)).
  package var nestedIdentity: IDMap {
    func identity(_ ranges: [IDRange]) -> [IDRange] {
      ranges.map { IDRange(inside: $0.inside, outside: $0.inside, count: $0.count) }
    }
    return IDMap(uids: identity(uids), gids: identity(gids))
  }
}

/// The user's own user namespace, which a command that touches layers or root file systems enters in place.
///
/// The process must have one thread still (unshare(2): CLONE_NEWUSER is EINVAL otherwise).
package enum UserNamespace {
  /// The map for this user: 0 is the user, then the subordinate ranges in order; one id when there are none.
  package static func map(for account: Account) throws(SystemError) -> IDMap {
    let uids = try SubordinateIDs.ranges("/etc/subuid", user: account.name, uid: account.uid)
    let gids = try SubordinateIDs.ranges("/etc/subgid", user: account.name, uid: account.uid)
    guard !uids.isEmpty, !gids.isEmpty else {
      return IDMap(
        uids: [IDRange(inside: 0, outside: account.uid, count: 1)],
        gids: [IDRange(inside: 0, outside: account.gid, count: 1)])
    }
    return IDMap(uids: ranges(first: account.uid, uids), gids: ranges(first: account.gid, gids))
  }

  private static func ranges(first: UInt32, _ granted: [(start: UInt32, count: UInt32)]) -> [IDRange] {
    var result = [IDRange(inside: 0, outside: first, count: 1)]
    var next: UInt32 = 1
    // The kernel takes 340 lines (kernel 4.15); ids beyond 32 bits do not exist.
    for range in granted.prefix(300) {
      guard !next.addingReportingOverflow(range.count).overflow else { break }
      result.append(IDRange(inside: next, outside: range.start, count: range.count))
      next += range.count
    }
    return result
  }

  /// Enters a new user namespace with `map` in place and becomes its root; see `begin` for what can fail.
  package static func enter(_ map: IDMap, account: Account) throws(EngineError) {
    try begin(map, account: account).finish()
  }

  /// Enters a new user namespace whose map is still being written when this returns, so that other work can go on
  /// beside it: files are opened and made as the user until `PendingUserNamespace.finish`.
  ///
  /// With more than one id the set-user-ID helpers newuidmap(1) and newgidmap(1) write the map, both at once. They are
  /// children that were made before the unshare, so that they stay outside, and that execute the helpers after it.
  /// - Throws: `EngineError` that names what is missing: the helpers, the ranges, or the kernel's permission.
  package static func begin(_ map: IDMap, account: Account) throws(EngineError) -> PendingUserNamespace {
    guard !map.isSingle else {
      try unshareUser()
      try writeOwnSingleMap(map)
      return PendingUserNamespace(helpers: [], account: account)
    }
    let doing = "entering the user namespace"
    guard let newuidmap = Spawn.systemProgram("newuidmap"), let newgidmap = Spawn.systemProgram("newgidmap") else {
      throw EngineError(
        .unavailable, doing, "newuidmap and newgidmap are not installed", hint: "sudo apt-get install uidmap")
    }
    let refused: SystemError?
    var helpers: [WaitingProgram] = []
    do throws(SystemError) {
      let (readEnd, writeEnd) = try File.pipe()
      defer { close(writeEnd) }
      let ready = OwnedDescriptor(owning: readEnd)
      for (path, ranges) in [(newuidmap, map.uids), (newgidmap, map.gids)] {
        let numbers = ranges.flatMap { [String($0.inside), String($0.outside), String($0.count)] }
        helpers.append(try WaitingProgram(ready.raw, path, [path, String(getpid())] + numbers))
      }
      refused = dhow_unshare(Int32(DHOW_CLONE_NEWUSER)) == 0 ? nil : SystemError("unshare")
      if refused == nil { try File.writeAll(writeEnd, [1, 1]) }
    } catch { throw error.engineError(doing) }
    if let refused {
      // Without a byte they end at once, and how is of no interest.
      for helper in helpers { _ = try? helper.wait() }
      throw refusal(refused)
    }
    return PendingUserNamespace(helpers: helpers, account: account)
  }

  /// Joins the namespace that another process of the same user has entered with `map`, which costs a tenth of a new
  /// one: no helper runs. The process becomes its root.
  /// - Returns: false when that is none of ours, has another map, or its process is gone; nothing has changed then.
  package static func join(_ process: ProcessIdentity, _ map: IDMap, account: Account) throws(EngineError) -> Bool {
    do throws(SystemError) {
      guard let held = try process.open(), try isMapped(process.pid, map) else { return false }
      let namespace = try File.open("/proc/\(process.pid)/ns/user", O_RDONLY)
      // All was read of this very process if it is still there.
      guard dhow_pidfd_send_signal(held.raw, 0) == 0, dhow_namespace_owner(namespace.raw) == Int64(account.uid),
        try isChildOfOurs(namespace.raw), dhow_setns(namespace.raw, Int32(DHOW_CLONE_NEWUSER)) == 0
      else { return false }
    } catch { return false }
    try PendingUserNamespace(helpers: [], account: account).finish()
    return true
  }

  private static func isMapped(_ pid: Int32, _ map: IDMap) throws(SystemError) -> Bool {
    for (name, ranges) in [("uid_map", map.uids), ("gid_map", map.gids)] {
      let bytes = try File.readAll("/proc/\(pid)/\(name)", limit: 65_536)
      let lines = bytes.split(separator: UInt8(ascii: "\n")).map { line in
        line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
      }
      guard lines == ranges.map(\.line) else { return false }
    }
    return true
  }

  /// Of a container's own namespace, which is nested in such a one, the ids look the same from here.
  private static func isChildOfOurs(_ namespace: Int32) throws(SystemError) -> Bool {
    let parent = OwnedDescriptor(owning: try systemCall("ioctl") { dhow_namespace_parent(namespace) })
    let own = try File.status("/proc/self/ns/user", followLink: true)
    let found = try File.status(parent.raw)
    return own.inode == found.inode && own.device == found.device
  }

  private static func unshareUser() throws(EngineError) {
    if dhow_unshare(Int32(DHOW_CLONE_NEWUSER)) == 0 { return }
    throw refusal(SystemError("unshare"))
  }

  /// Why the kernel does not give us a user namespace, and what the administrator can do.
  private static func refusal(_ error: SystemError) -> EngineError {
    let doing = "entering the user namespace"
    func setting(_ path: String) -> String? {
      // A setting that does not exist on this kernel is not the cause.
      guard let bytes = try? File.readAll(path, limit: 64) else { return nil }
      return String(decoding: bytes.filter { $0 > 32 }, as: UTF8.self)
    }
    if setting("/proc/sys/user/max_user_namespaces") == "0" {
      return EngineError(
        .denied, doing, "user namespaces are disabled on this machine (user.max_user_namespaces is 0)",
        hint: "sudo sysctl -w user.max_user_namespaces=15000")
    }
    if setting("/proc/sys/kernel/unprivileged_userns_clone") == "0" {
      return EngineError(
        .denied, doing, "the kernel lets only root make user namespaces (kernel.unprivileged_userns_clone is 0)",
        hint: "sudo sysctl -w kernel.unprivileged_userns_clone=1")
    }
    if setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" {
      return EngineError(
        .denied, doing, "AppArmor restricts user namespaces for ordinary users",
        hint: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
    }
    if error.errno == ENOSPC {
      return EngineError(
        .limitReached, doing, "the limit of user namespaces is reached (user.max_user_namespaces)",
        hint: "sudo sysctl -w user.max_user_namespaces=15000")
    }
    return EngineError(.denied, doing, error.description, hint: "dhow info shows what this machine grants")
  }

  private static func writeOwnSingleMap(_ map: IDMap) throws(EngineError) {
    do throws(SystemError) {
      // setgroups must be denied before an unprivileged process may write its gid_map (user_namespaces(7), CVE-2014-8989).
      try write("/proc/self/setgroups", "deny")
      try write("/proc/self/uid_map", map.uids[0].line)
      try write("/proc/self/gid_map", map.gids[0].line)
    } catch { throw error.engineError("entering the user namespace") }
  }

  private static func write(_ path: String, _ text: String) throws(SystemError) {
    let file = try File.open(path, O_WRONLY)
    try File.writeAll(file.raw, Array(text.utf8), shown: path)
  }
}

/// A user namespace entered whose map is being written.
package struct PendingUserNamespace: ~Copyable {
  /// Of the user ids and of the group ids; none when there was nothing left to do.
  fileprivate let helpers: [WaitingProgram]
  fileprivate let account: Account

  /// Waits until the map is complete and becomes root of the namespace.
  package consuming func finish() throws(EngineError) {
    let doing = "entering the user namespace"
    var failed: Int?
    do throws(SystemError) {
      for (index, helper) in helpers.enumerated() where try helper.wait() != .exited(0) { failed = failed ?? index }
    } catch { throw error.engineError(doing) }
    if let failed { throw helperFailure(isGroups: failed == 1) }
    do throws(SystemError) {
      try systemCall("setresgid") { dhow_setresgid(0, 0, 0) }
      try systemCall("setresuid") { dhow_setresuid(0, 0, 0) }
    } catch { throw error.engineError(doing) }
  }

  private func helperFailure(isGroups: Bool) -> EngineError {
    let doing = "entering the user namespace"
    let name = isGroups ? "newgidmap" : "newuidmap"
    let path = Spawn.systemProgram(name) ?? name
    // The capability of a helper without the set-user-ID bit is not looked up: its failure is the same.
    if let status = try? File.status(path, followLink: true), status.mode & 0o4000 == 0 {
      return EngineError(
        .denied, doing, "\(path) is not set-user-ID root", hint: "sudo chmod u+s \(path), or reinstall uidmap")
    }
    let file = isGroups ? "/etc/subgid" : "/etc/subuid"
    return EngineError(
      .denied, doing, "\(path) refused the ids that \(file) grants \(account.name ?? "uid \(account.uid)")",
      hint: "check the ranges in \(file) and that no other line overlaps them")
  }
}
