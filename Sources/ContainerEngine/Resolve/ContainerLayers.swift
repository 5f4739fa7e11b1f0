internal import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// The trees below a container's writable layer: those of its image's layers, or copies of them with the owners that
/// the container's id map asks for.
struct ContainerLayers {
  private let engine: Engine
  private let record: ContainerRecord
  private let doing: String
  /// The container's ids to those of our namespace; nil when they are the same.
  private let map: IDMap?
  /// Of the image's layers, below the root directory, the topmost first.
  let imageTrees: [String]

  /// - Throws: `notFound` when the container is gone whose namespaces this one joins.
  init(_ engine: Engine, _ record: ContainerRecord, doing: String) throws(EngineError) {
    let map = record.layers.isEmpty ? nil : try engine.shift(of: record.settings, doing: doing)
    self.init(engine, record, map, doing)
  }

  /// The image's own layers, whatever the map is.
  init(unshifted record: ContainerRecord, _ engine: Engine) { self.init(engine, record, nil, "") }

  private init(_ engine: Engine, _ record: ContainerRecord, _ map: IDMap?, _ doing: String) {
    self.engine = engine
    self.record = record
    self.doing = doing
    self.map = map
    let shifted = map.map { ShiftedLayers(engine.directory, $0) }
    // Overlay takes no directory twice, and of a layer that an image has twice the upper one hides the lower.
    var seen: Set<Digest> = []
    imageTrees = record.layers.reversed().filter { seen.insert($0).inserted }
      .map { shifted?.tree($0) ?? StatePath.layerTree($0) }
  }

  /// All that the writable layer stands on: snapshots, then the image's layers.
  func trees() throws(EngineError) -> [String] {
    try engine.snapshots.lower(of: record.id).map { StatePath.snapshotTree($0.id) } + imageTrees
  }

  /// From the ids of our namespace to those that an archive of the container's files has.
  var archiveOwners: OwnerShift { map.map { OwnerShift($0).inverse } ?? .none }

  /// The container's ids to those of the user's namespace; nil when they are the same.
  var idMap: IDMap? { map }

  /// Makes the copies that are missing, and the writable layer the container's root's. Nothing is done when the image's
  /// layers are right as they are.
  func prepare() throws(EngineError) {
    guard let map else { return }
    // Who joins namespaces must stay outside the user's until the launch.
    if record.settings.joinsNamespaces {
      return try ChildTask.run(doing: doing) {
        try engine.enterUserNamespace()
        try prepare(map)
      }
    }
    try engine.enterUserNamespace()
    try prepare(map)
  }

  private func prepare(_ map: IDMap) throws(EngineError) {
    try ShiftedLayers(engine.directory, map).prepare(record.layers) { sentence in
      // Nobody can be told when standard error itself is broken.
      try? File.writeAll(2, Array("dhow: \(sentence)\n".utf8))
    }
    guard let user = map.uids.outside(of: 0), let group = map.gids.outside(of: 0) else { return }
    // Once it has run, the container may have given its root directory away.
    if try engine.containers.startRecord(record.id) != nil { return }
    let upper = try engine.openUpper(record.id, doing: doing)
    try during(doing) { try systemCall("chown", "upper") { fchown(upper.raw, user, group) } }
  }
}

extension Engine {
  /// Containers that join each other's namespaces are looked through this far: nobody makes longer chains.
  private static let joinLimit = 16

  /// The id map of a container's programs, its ids to those of our namespace; nil where they are the same, and where
  /// the user has one id only, whose image files are all that one's.
  fileprivate func shift(of settings: ContainerSettings, doing: String) throws(EngineError) -> IDMap? {
    guard isRootless else { return nil }
    var settings = settings
    for _ in 0..<Self.joinLimit {
      // Whoever joins a container's namespaces has its map.
      let joined = [settings.pidNamespace, settings.network, settings.ipcNamespace].first { $0.hasPrefix("container:") }
      guard let joined else { break }
      let id = try containers.find(String(joined.dropFirst("container:".count)), doing: doing)
      guard let record = try containers.record(id) else { break }
      settings = record.settings
    }
    if settings.userNamespace.isEmpty || settings.userNamespace == "host" { return nil }
    let outer = try idMap()
    if outer.isSingle { return nil }
    let resolved = try IDMapResolver.resolve(settings.userNamespace, outer: outer, account: account, doing: doing)
    let map = IDMap(uids: resolved.uids.map(\.range), gids: resolved.gids.map(\.range))
    return map.isIdentity ? nil : map
  }
}

extension RuntimeSpec.IDMapping {
  fileprivate var range: IDRange { IDRange(inside: containerID, outside: hostID, count: size) }
}
