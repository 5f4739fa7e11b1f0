package import Basics
internal import Glibc
internal import LayerArchive
package import LinuxKernel
package import OCI

/// Copies of layers for containers whose id map is not ours (`--userns keep-id`): everything that an image gives to its
/// user n belongs to what n of the container is in our namespace, so that the container sees the image's owners. The
/// kernel does not let an ordinary user give a mount of the host's filesystem another id map (mount_setattr(2):
/// MOUNT_ATTR_IDMAP wants CAP_SYS_ADMIN over the filesystem's own user namespace).
///
/// One copy for each layer and map, made at the first start that needs it and shared from then on. It never changes,
/// and goes with its layer.
package struct ShiftedLayers {
  private let directory: StateDirectory
  private let map: ShiftMap

  /// - Parameter map: the container's ids to those of our namespace.
  package init(_ directory: StateDirectory, _ map: IDMap) {
    self.directory = directory
    self.map = ShiftMap(map)
  }

  /// The copy's tree, below the root directory, whether it is there or not.
  package func tree(_ diffID: Digest) -> String { StatePath.shiftedTree(diffID, map.key) }

  /// Makes the copies that are not there yet. Two who need the same one at once make one each, and the first to be done
  /// is adopted by the other: no lock is held over a copy.
  ///
  /// The caller is in the user's namespace, and something that it has published keeps the layers from the garbage
  /// collector.
  /// - Parameters:
  ///   - patience: nanoseconds after which the person is told what takes so long.
  ///   - announce: given one sentence for each layer that takes longer.
  package func prepare(
    _ diffIDs: [Digest], patience: Int64 = 1_000_000_000, announce: (String) -> Void
  ) throws(EngineError) {
    var missing: [Digest] = []
    for diffID in diffIDs where !missing.contains(diffID) {
      let path = StatePath.shiftedLayer(diffID, map.key)
      let isThere = try during("looking for layer \(diffID.short)") { try File.exists(at: directory.root.raw, path) }
      if !isThere { missing.append(diffID) }
    }
    if missing.isEmpty { return }
    let area = try StagingArea(in: directory)
    let start = MonotonicClock.now
    for diffID in missing {
      var isAnnounced = false
      try copy(diffID, in: area) {
        guard !isAnnounced, MonotonicClock.now - start > patience else { return }
        isAnnounced = true
        announce("preparing layer \(diffID.short) for --userns keep-id")
      }
    }
    try publish(missing, from: area)
  }

  private func copy(_ diffID: Digest, in area: StagingArea, progress: () -> Void) throws(EngineError) {
    let doing = "preparing layer \(diffID.short) for another id map"
    let source = try LayerStore(directory).openTree(diffID)
    try during(doing) {
      let staged = area.descriptor.raw
      try File.makeDirectory(at: staged, diffID.hex)
      let tree = "\(diffID.hex)/\(StatePath.layerTreeName)"
      try File.makeDirectory(at: staged, tree)
      let target = try File.openDirectory(at: staged, tree)
      try TreeCopy.copy(
        source.raw, to: target.raw, owners: OwnerShift(map.ids), mode: ShiftMap.overlayMode,
        failure: ArchiveFailure(doing: doing), progress: progress)
      try RecordFile.create(
        map.json, at: staged, "\(diffID.hex)/\(StatePath.shiftedRecordName)", durable: false)
      try faultPoint("store.shifted.staged")
    }
  }

  private func publish(_ diffIDs: [Digest], from area: StagingArea) throws(EngineError) {
    try during("storing layers for another id map") {
      // A copy that is there is whole after a power cut, too.
      try File.syncFilesystem(area.descriptor.raw)
      for diffID in diffIDs {
        _ = try area.publish(diffID.hex, as: StatePath.shiftedLayer(diffID, map.key), durable: true)
        try faultPoint("store.shifted.published")
      }
    }
  }

  /// What is wrong with the copies of a layer: each path below the root directory with its first difference. Read
  /// whole.
  static func damages(
    of diffID: Digest, in directory: StateDirectory
  ) throws(EngineError) -> [(path: String, detail: String)] {
    let layer = StatePath.layer(diffID)
    let entries = try during("listing the copies of layer \(diffID.short)") {
      try File.listIfPresent(at: directory.root.raw, layer)
    }
    var damages: [(path: String, detail: String)] = []
    for entry in entries where entry.name.hasPrefix(StatePath.shiftedLayerPrefix) {
      let path = "\(layer)/\(entry.name)"
      do throws(EngineError) {
        if let detail = try difference(of: path, from: diffID, directory) { damages.append((path, detail)) }
      } catch { damages.append((path, error.reason)) }
    }
    return damages
  }

  private static func difference(
    of path: String, from diffID: Digest, _ directory: StateDirectory
  ) throws(EngineError) -> String? {
    let doing = "checking a copy of layer \(diffID.short)"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, "\(path)/\(StatePath.shiftedRecordName)", version: ShiftMap.version,
        subject: "the copy")
    else { return "its id map is missing" }
    let source = try LayerStore(directory).openTree(diffID)
    return try during(doing) {
      let map = try ShiftMap(fields)
      guard path == StatePath.shiftedLayer(diffID, map.key) else { return "its id map is another one" }
      let copy = try File.openDirectory(at: directory.root.raw, "\(path)/\(StatePath.layerTreeName)")
      let damages = try TreeComparison.damages(
        expected: source.raw, actual: copy.raw, mode: ShiftMap.overlayMode, failure: ArchiveFailure(doing: doing),
        owners: OwnerShift(map.ids))
      guard let first = damages.first else { return nil }
      return damages.count == 1 ? first.description : "\(first.description), and \(damages.count - 1) more differences"
    }
  }
}

/// The map of shifted layers, as their record has it.
private struct ShiftMap {
  static let version: Int64 = 1
  /// Only containers of ordinary users have a map of their own.
  static let overlayMode = OverlayMode.rootless

  let ids: IDMap

  init(_ ids: IDMap) { self.ids = ids }

  /// - Throws: `JSONShapeError` for a damaged record.
  init(_ fields: JSONFields) throws(JSONShapeError) {
    ids = IDMap(uids: try Self.ranges(fields, "uids"), gids: try Self.ranges(fields, "gids"))
  }

  private static func ranges(_ fields: JSONFields, _ name: String) throws(JSONShapeError) -> [IDRange] {
    try fields.strings(name).map { (line) throws(JSONShapeError) in
      let numbers = line.split(separator: " ").compactMap { UInt32($0) }
      guard numbers.count == 3 else { throw fields.failure(name, "is no id map") }
      return IDRange(inside: numbers[0], outside: numbers[1], count: numbers[2])
    }
  }

  var json: JSON {
    [
      "version": .integer(Self.version), "uids": JSON(ids.uids.map(\.line)), "gids": JSON(ids.gids.map(\.line)),
    ]
  }

  /// The same for the same map and short, since it is part of a path that mount options hold many of.
  var key: String {
    let text = ids.uids.map(\.line).joined(separator: "\n") + "\n\n" + ids.gids.map(\.line).joined(separator: "\n")
    return String(SHA256Stream.hex(Array(text.utf8)).prefix(16))
  }
}
