package import Basics
package import LinuxKernel
package import OCI

/// The user namespace of a container: whether it gets one of its own, and with which map.
package struct ContainerIDMap: Equatable, Sendable {
  /// Empty without a namespace of its own.
  package var uids: [RuntimeSpec.IDMapping] = []
  package var gids: [RuntimeSpec.IDMapping] = []
  /// setgroups(2) is denied: only a single id is mapped.
  package var setgroupsDenied = false
  /// The user that a container with `keep-id` runs as unless told otherwise.
  package var defaultUser: String?
  package var warnings: [String] = []

  package init() {}

  package var makesNamespace: Bool { !uids.isEmpty }

  /// Whether the user, who is root of our namespace and makes the mounts, is somebody else than root in the container.
  package var userIsNotRoot: Bool { makesNamespace && !uids.contains { $0.containerID == 0 && $0.hostID == 0 } }

  /// Whether an id of the container exists on the host.
  package func maps(uid: UInt32, gid: UInt32) -> Bool {
    guard makesNamespace else { return true }
    func holds(_ mappings: [RuntimeSpec.IDMapping], _ id: UInt32) -> Bool {
      mappings.contains { id >= $0.containerID && id - $0.containerID < $0.size }
    }
    return holds(uids, uid) && holds(gids, gid)
  }
}

/// Decides the map of `--userns` (user_namespaces(7)). Pure.
package enum IDMapResolver {
  /// - Parameters:
  ///   - mode: "" (default), `host`, `private`, `keep-id`, `keep-id:uid=U,gid=G`.
  ///   - outer: the map of the namespace we run in; nil for root in the initial one.
  ///   - account: the user on the host, as it was before the namespace was entered.
  package static func resolve(
    _ mode: String, outer: IDMap?, account: Account, doing: String
  ) throws(EngineError) -> ContainerIDMap {
    var result = ContainerIDMap()
    result.setgroupsDenied = outer?.isSingle ?? false
    if result.setgroupsDenied {
      result.warnings.append(
        "only your own id is mapped, so users other than root in the container do not work; "
          + "fix: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(account.name ?? "USER")")
    }
    if mode == "host" { return result }
    if mode == "keep-id" || mode.hasPrefix("keep-id:") {
      guard let outer else {
        throw EngineError(.unsupported, doing, "--userns keep-id is for ordinary users; root keeps its ids by default")
      }
      let (uid, gid) = try keptIDs(mode, account, doing: doing)
      result.uids = keep(uid, outer.uids)
      result.gids = keep(gid, outer.gids)
      result.defaultUser = "\(uid):\(gid)"
      return result
    }
    guard mode.isEmpty || mode == "private" else {
      throw EngineError(
        .invalidInput, doing, "invalid --userns mode \"\(safeText(mode))\"",
        hint: "use host, keep-id or keep-id:uid=UID,gid=GID")
    }
    if let outer {
      let nested = outer.nestedIdentity
      result.uids = nested.uids.map(\.mapping)
      result.gids = nested.gids.map(\.mapping)
    }
    return result
  }

  private static func keptIDs(
    _ mode: String, _ account: Account, doing: String
  ) throws(EngineError) -> (UInt32, UInt32) {
    var uid = account.uid
    var gid = account.gid
    for option in mode.dropFirst("keep-id".count).dropFirst().split(separator: ",") {
      let parts = option.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, parts[0] == "uid" || parts[0] == "gid", let id = UInt32(parts[1]),
        id <= UserResolver.highestID
      else {
        throw EngineError(
          .invalidInput, doing, "invalid option \"\(safeText(String(option)))\" of --userns keep-id",
          hint: "use keep-id:uid=UID,gid=GID")
      }
      if parts[0] == "uid" { uid = id } else { gid = id }
    }
    return (uid, gid)
  }

  /// The map in which the container's `id` is the user (0 in our namespace), the ids below it are the subordinate ones
  /// from 1 on, and the rest follow.
  private static func keep(_ id: UInt32, _ outer: [IDRange]) -> [RuntimeSpec.IDMapping] {
    let subordinate = outer.reduce(UInt32(0)) { $0 &+ $1.count } - 1
    let below = min(id, subordinate)
    var wanted = [(container: id, host: UInt32(0), size: UInt32(1))]
    if below > 0 { wanted.insert((0, 1, below), at: 0) }
    if subordinate > below { wanted.append((id + 1, below + 1, min(subordinate - below, UInt32.max - id - 1))) }
    return wanted.flatMap { split($0, outer) }
  }

  /// Cuts a range where the ids of our own namespace come from another line of its map.
  private static func split(
    _ wanted: (container: UInt32, host: UInt32, size: UInt32), _ outer: [IDRange]
  ) -> [RuntimeSpec.IDMapping] {
    outer.compactMap { line in
      let first = max(wanted.host, line.inside)
      let end = min(UInt64(wanted.host) + UInt64(wanted.size), UInt64(line.inside) + UInt64(line.count))
      guard UInt64(first) < end else { return nil }
      return RuntimeSpec.IDMapping(
        containerID: wanted.container + (first - wanted.host), hostID: first, size: UInt32(end - UInt64(first)))
    }
  }
}

extension IDRange {
  fileprivate var mapping: RuntimeSpec.IDMapping {
    RuntimeSpec.IDMapping(containerID: inside, hostID: outside, size: count)
  }
}
