internal import Basics
internal import OCI
internal import Storage

extension Engine {
  /// Adds what a container gets besides the mounts of its own: those of other containers, and a volume for each VOLUME of
  /// its image. Every volume has a name afterwards.
  func planVolumes(
    _ request: ContainerRequest, _ defaults: ContainerDefaults, doing: String
  ) throws(EngineError) -> [MountRequest] {
    var mounts = request.settings.mounts
    for text in request.settings.volumesFrom {
      for mount in try mountsOfOther(text, doing: doing) where !mounts.contains(where: { $0.target == mount.target }) {
        mounts.append(mount)
      }
    }
    for path in defaults.volumes {
      let target = "/" + path.split(separator: "/").joined(separator: "/")
      guard target != "/", !mounts.contains(where: { $0.target == target }) else { continue }
      switch request.imageVolumes {
      case .anonymous: mounts.append(MountRequest(kind: .volume, source: "", target: target))
      case .tmpfs: mounts.append(MountRequest(kind: .tmpfs, source: "", target: target))
      case .ignore: break
      }
    }
    for index in mounts.indices where mounts[index].kind == .volume && mounts[index].source.isEmpty {
      mounts[index].source = newID()
      mounts[index].isAnonymous = true
    }
    return mounts
  }

  /// `--volumes-from CONTAINER[:ro|rw]`: volumes and binds, not tmpfs.
  private func mountsOfOther(_ text: String, doing: String) throws(EngineError) -> [MountRequest] {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let mode = parts.count == 2 ? parts[1] : ""
    guard ["", "rw", "ro", "z", "Z"].contains(mode) else {
      throw EngineError(.invalidInput, doing, "invalid mode for volumes-from: \(safeText(mode))", hint: "ro or rw")
    }
    let id = try containers.find(parts[0], doing: doing)
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(parts[0]))")
    }
    var mounts = record.settings.mounts.filter { $0.kind != .tmpfs }
    if mode == "ro" { for index in mounts.indices { mounts[index].readOnly = true } }
    return mounts
  }

  /// Makes the volumes of a container that are not there.
  func provideVolumes(of record: ContainerRecord) throws(EngineError) {
    for mount in record.settings.mounts where mount.kind == .volume {
      let volume = VolumeRecord(
        name: mount.source, created: .now, labels: mount.volumeLabels.map(Self.pair),
        options: mount.volumeOptions.map(Self.pair), isAnonymous: mount.isAnonymous)
      _ = try VolumeSource(volume)
      let durable = !(mount.isAnonymous && record.settings.autoRemove)
      // Whoever removes it has looked for users before and holds the lock until it is gone; now we are one.
      if try volumes.lock(mount.source) == nil, try volumes.create(volume, durable: durable).isNew {
        note("create", volume: mount.source)
      }
    }
  }

  private static func pair(_ text: String) -> (String, String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    return (parts[0], parts.count == 2 ? parts[1] : "")
  }
}
