package import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import Storage

extension Engine {
  var volumes: VolumeStore { VolumeStore(directory) }

  /// Makes a volume; one of that name that is there already is answered as it is, as docker does.
  /// - Returns: its name.
  package func createVolume(_ request: VolumeRequest) throws(EngineError) -> String {
    let record = VolumeRecord(
      name: request.name ?? newID(), created: .now, labels: request.labels, options: request.options,
      isAnonymous: request.name == nil)
    _ = try VolumeSource(record.options, doing: "creating volume \(safeText(record.name))")
    let made = try volumes.create(record)
    if made.isNew {
      note("create", volume: record.name)
    } else if !request.options.isEmpty, !Self.same(made.record.options, request.options) {
      throw EngineError(
        .alreadyExists, "creating volume \(safeText(record.name))", "a volume of that name has other options",
        hint: "dhow volume inspect \(safeText(record.name))")
    }
    return record.name
  }

  private static func same(_ one: [(String, String)], _ other: [(String, String)]) -> Bool {
    one.count == other.count && one.allSatisfy { pair in other.contains { $0 == pair } }
  }

  /// All volumes, by name. One whose record is damaged is shown with what is known of it.
  package func listVolumes() throws(EngineError) -> [VolumeSummary] {
    let users = try volumeUsers()
    var list: [VolumeSummary] = []
    for name in try volumes.names().sorted() {
      let record: VolumeRecord?
      do throws(EngineError) { record = try volumes.record(name) } catch {
        if error.kind != .corrupt { throw error }
        warn("\(error.doing): \(error.reason); see `dhow system check`")
        record = VolumeRecord(name: name, created: Timestamp(seconds: 0))
      }
      // Removed meanwhile.
      guard let record else { continue }
      list.append(summary(of: record, users: users[name] ?? []))
    }
    return list
  }

  /// - Throws: `notFound` when there is none of that name.
  package func inspectVolume(_ name: String) throws(EngineError) -> VolumeSummary {
    let doing = "inspecting volume \(safeText(name))"
    guard let record = try volumes.record(name) else {
      throw EngineError(.notFound, doing, "no such volume: \(safeText(name))")
    }
    return summary(of: record, users: try volumeUsers()[name] ?? [])
  }

  private func summary(of record: VolumeRecord, users: [String]) -> VolumeSummary {
    VolumeSummary(
      name: record.name, created: record.created, labels: record.labels, options: record.options,
      isAnonymous: record.isAnonymous,
      mountpoint: directory.location.root + "/" + StatePath.volumeData(record.name), users: users)
  }

  /// Ids of the containers that have each volume.
  func volumeUsers() throws(EngineError) -> [String: [String]] {
    var users: [String: [String]] = [:]
    for id in try containers.ids() {
      // A damaged one has what nobody knows; `system check` tells of it.
      guard let record = try? containers.record(id) else { continue }
      for mount in record.settings.mounts where mount.kind == .volume { users[mount.source, default: []].append(id) }
    }
    return users
  }

  /// Removes a volume that no container has.
  /// - Throws: `inUse` with the containers' ids.
  package func removeVolume(_ name: String) throws(EngineError) {
    let doing = "removing volume \(safeText(name))"
    guard let lock = try volumes.lock(name) else {
      throw EngineError(.notFound, doing, "no such volume: \(safeText(name))")
    }
    let users = try volumeUsers()[name] ?? []
    guard users.isEmpty else {
      throw EngineError(
        .inUse, doing, "volume is in use - [\(users.joined(separator: ", "))]",
        hint: "dhow rm \(users.map(Identifier.short).joined(separator: " "))")
    }
    try volumes.remove(name)
    _ = consume lock
    note("destroy", volume: name)
  }

  /// Removes the anonymous volumes that a container had and no other one has. What fails is left to `volume prune`.
  func removeAnonymousVolumes(of record: ContainerRecord) {
    for mount in record.settings.mounts where mount.kind == .volume && mount.isAnonymous {
      do throws(EngineError) { try removeVolume(mount.source) } catch {
        if error.kind != .inUse && error.kind != .notFound { Log.note("\(error.doing): \(error.reason)") }
      }
    }
  }

  /// Removes the volumes that no container has and that `accepts` names.
  /// - Parameter all: named ones as well, not only anonymous ones.
  package func pruneVolumes(
    all: Bool, dryRun: Bool = false, _ accepts: (VolumeSummary) -> Bool
  ) throws(EngineError) -> PruneReport {
    // Trees of other ids' files are readable, and removable, to root of the namespace only.
    try enterUserNamespace()
    var report = PruneReport(removed: [], reclaimedBytes: 0)
    let space = SpaceUsage(directory)
    for volume in try listVolumes() where volume.users.isEmpty && (all || volume.isAnonymous) && accepts(volume) {
      do throws(EngineError) {
        let size = try space.allocated(StatePath.volume(volume.name))
        if !dryRun { try removeVolume(volume.name) }
        report.removed.append(volume.name)
        report.reclaimedBytes += size
      } catch {
        // Used or removed by somebody since we looked.
        if error.kind != .inUse && error.kind != .notFound { report.failures.append(error) }
      }
    }
    if !dryRun { try emptyTrash() }
    return report
  }

  /// Writes what is in a volume as a tar.
  package func exportVolume(_ name: String, to descriptor: Int32) throws(EngineError) {
    let doing = "exporting volume \(safeText(name))"
    try during(doing) {
      try enterUserNamespace()
      let data = try openVolume(name, doing: doing)
      let writer = TarWriter { try File.writeAll(descriptor, $0, shown: "the archive") }
      _ = try TreeArchive.write(data.raw, as: .tree, to: writer, owners: .none, failure: ArchiveFailure(doing: doing))
      try writer.finish()
    }
  }

  /// Unpacks a tar, compressed or not, into a volume; files of the same names are replaced.
  package func importVolume(_ name: String, from descriptor: Int32) throws(EngineError) {
    let doing = "importing into volume \(safeText(name))"
    try during(doing) {
      try enterUserNamespace()
      let data = try openVolume(name, doing: doing)
      let failure = ArchiveFailure(doing: doing)
      var options = LayerExtractor.Options(mode: overlayMode, ownership: .asArchived, readsWhiteouts: false)
      options.merge = LayerExtractor.Merge(top: nil)
      let archive = Decompressor(DescriptorSource(descriptor, shown: "the archive"), failure: failure)
      let result = try LayerExtractor(archive, into: data.raw, options: options, failure: failure).extract()
      if let link = result.unresolved.links.first {
        throw EngineError(
          .corrupt, doing,
          "the hard link \(safeText(String(decoding: link.path, as: UTF8.self))) leads to a file that is not there")
      }
    }
  }

  private func openVolume(_ name: String, doing: String) throws(EngineError) -> OwnedDescriptor {
    guard let record = try volumes.record(name) else {
      throw EngineError(.notFound, doing, "no such volume: \(safeText(name))")
    }
    guard case .directory = try VolumeSource(record) else {
      throw EngineError(.unsupported, doing, "what is in it is not in the store: it is mounted from elsewhere")
    }
    return try volumes.openData(name)
  }

  func note(_ action: String, volume name: String, _ more: [(String, String)] = []) {
    EventLog(directory).append(
      Event(type: "volume", action: action, id: name, attributes: [("driver", "local")] + more))
  }
}
