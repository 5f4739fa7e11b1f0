package import Basics
internal import Glibc
import LinuxKernel
package import OCI

/// Mends what `StoreCheck` found, or removes only what is damaged, after saying so.
package struct StoreRepair {
  package let directory: StateDirectory
  private let sources: [Digest: LayerSource]
  /// Unpacks the blob of a layer into the ingest, which does not have it.
  private let extract: (LayerSource, ContentIngest) throws(EngineError) -> Void

  package init(
    _ directory: StateDirectory, sources: [Digest: LayerSource],
    extract: @escaping (LayerSource, ContentIngest) throws(EngineError) -> Void
  ) {
    self.directory = directory
    self.sources = sources
    self.extract = extract
  }

  /// Repairs one damage.
  /// - Parameter say: gets one sentence before something is changed.
  /// - Returns: false when only a person can help.
  package func repair(_ damage: StoreDamage, say: (String) -> Void) throws(EngineError) -> Bool {
    guard damage.remedy != .none else { return false }
    say("\(damage.remedy == .mend ? "mending" : "removing") \(damage.object): \(damage.detail)")
    switch damage.target {
    case .index: try rebuildIndex()
    case .blob(let digest): try Trash(directory).discard(StatePath.blob(digest))
    case .path(let path): try repair(path, isRemoval: damage.remedy == .remove)
    case .image(let manifest): try ImageStore(directory).remove([manifest])
    case .layer(let diffID): try extractAgain(diffID)
    case .container(let id): try removeContainer(id)
    case .name(let name, let id): try repair(name: name, of: id)
    case .volume(let name): try rewriteVolumeRecord(name)
    }
    return true
  }

  private func repair(_ path: String, isRemoval: Bool) throws(EngineError) {
    if isRemoval { return try Trash(directory).discard(path) }
    try during("repairing \(path)") {
      try File.ensureDirectory(at: directory.root.raw, path)
      try systemCall("chmod", path) { fchmodat(directory.root.raw, path, 0o700, 0) }
    }
  }

  /// An index that cannot be read is kept beside the new one. Every manifest among the blobs becomes an image again; their
  /// names are lost with the index.
  private func rebuildIndex() throws(EngineError) {
    let blobs = BlobStore(directory)
    let lock = try StoreLock.acquire(.content, in: directory)
    defer { withExtendedLifetime(lock) {} }
    var index = IndexFile()
    for digest in try blobs.list() {
      guard let size = try blobs.size(digest), size <= Int64(OCILimits.documentBytes) else { continue }
      // Most blobs are no manifests; those that are not whole are reported on their own.
      guard let bytes = try? blobs.read(digest),
        case .manifest(let manifest)? = try? ManifestDocument(parsing: bytes, declared: nil),
        try blobs.contains(manifest.config.digest)
      else { continue }
      let descriptor = Descriptor(mediaType: manifest.mediaType, digest: digest, size: size)
      index.append(descriptor, id: manifest.config.digest, reference: nil, now: .now)
    }
    try during("rebuilding the image index") {
      if try File.exists(at: directory.root.raw, StatePath.index) {
        try File.rename(at: directory.root.raw, StatePath.index, to: directory.root.raw, StatePath.index + ".damaged")
      }
      try RecordFile.write(index.json, at: directory.root.raw, StatePath.index, durable: true)
    }
  }

  private func extractAgain(_ diffID: Digest) throws(EngineError) {
    let doing = "repairing layer \(diffID.short)"
    guard let source = sources[diffID] else {
      throw EngineError(.notFound, doing, "no whole image has its blob")
    }
    let containers = ContainerStore(directory)
    for id in try containers.ids() {
      // A damaged container is reported on its own, and does not run.
      guard let record = try? containers.record(id), record.layers.contains(diffID) else { continue }
      if try containers.status(of: id).isRunning {
        throw EngineError(
          .inUse, doing, "container \(record.name) runs on it", hint: "dhow stop \(record.name), then try again")
      }
    }
    let ingest = try ContentIngest(directory)
    try ingest.pin(blobs: [source.blob], layers: source.lower + [diffID])
    try Trash(directory).move(StatePath.layer(diffID))
    try extract(source, ingest)
    try ingest.publish()
  }

  private func removeContainer(_ id: String) throws(EngineError) {
    let containers = ContainerStore(directory)
    let lock = try containers.lock(id, doing: "removing container \(Identifier.short(id))")
    defer { withExtendedLifetime(lock) {} }
    let run = try directory.runRoot()
    let isHeld = try during("looking at container \(Identifier.short(id))") {
      guard let run else { return false }
      return try FileLock.isHeld(at: run, StatePath.Run.monitorLock(id))
    }
    guard !isHeld else {
      throw EngineError(.inUse, "removing container \(Identifier.short(id))", "it is still running")
    }
    try containers.remove(id, name: nil)
    // Its name cannot be known from a damaged record; it is stale now.
    _ = try GarbageCollector(directory).removeStaleNames()
  }

  private func repair(name: String, of id: String?) throws(EngineError) {
    guard let id else {
      _ = try GarbageCollector(directory).removeStaleNames()
      return
    }
    do throws(EngineError) { try ContainerNames(directory).claim(name, for: id) } catch {
      guard error.kind == .alreadyExists else { throw error }
      // Another container has the name by right; this one gets its id's beginning.
      let containers = ContainerStore(directory)
      guard let record = try containers.record(id) else { return }
      _ = try containers.rename(record, to: Identifier.short(id))
    }
  }

  /// The data is what matters: a volume gets a new record with what can still be known.
  private func rewriteVolumeRecord(_ name: String) throws(EngineError) {
    try during("repairing volume \(name)") {
      let created = try File.status(at: directory.root.raw, StatePath.volume(name)).modified
      let record = VolumeRecord(name: name, created: Timestamp(nanoseconds: created))
      try File.ensureDirectory(at: directory.root.raw, StatePath.volumeData(name), mode: 0o755)
      try RecordFile.write(record.json, at: directory.root.raw, StatePath.volumeRecord(name), durable: true)
    }
  }
}
