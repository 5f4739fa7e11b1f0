package import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

extension Engine {
  /// Makes an image of a container: its image's layers, one for each snapshot the container stands on, and one of what it
  /// changed since. Of `CONTAINER@N` those up to snapshot N. Only changes are read; they are stored uncompressed, and
  /// compressed by who sends them.
  /// - Returns: the image's id, `sha256:…`.
  package func commitContainer(_ request: CommitRequest) throws(EngineError) -> String {
    let doing = "committing \(safeText(request.container))"
    return try during(doing) {
      let reference = try request.reference.map { try Reference(parsing: $0).withDefaultTag }
      if let digest = reference?.digest {
        throw EngineError(.invalidInput, doing, "an image is not named by a digest: \(digest)")
      }
      let asked =
        request.container.contains("@")
        ? try SnapshotOperand(parsing: request.container, least: 1, doing: doing) : nil
      let id = try containers.find(asked?.container ?? request.container, doing: doing)
      guard let record = try containers.record(id) else {
        throw EngineError(.notFound, doing, "No such container: \(safeText(request.container))")
      }
      var defaults = Self.defaults(of: record)
      for change in request.changes { try ImageChange(parsing: change, doing: doing).apply(to: &defaults) }
      let lock = try containers.lock(id, doing: doing)
      defer { withExtendedLifetime(lock) {} }
      let hold = request.pauses && asked == nil ? try hold(id, doing: doing) : nil
      try prepareForLayers()
      let ingest = try ContentIngest(directory)
      let base = try baseImage(of: record, ingest, doing: doing)
      let frozen = try frozenLayers(of: record, upTo: asked?.number, request)
      var layers: [Descriptor] = []
      for layer in frozen { layers.append(try writeLayer(layer, record, ingest, doing: doing)) }
      try hold?.release()
      try unpack(layers, on: record.layers, ingest, doing: doing)
      let image = try compose(base, Array(zip(frozen, layers)), defaults, request, ingest)
      try ingest.publish()
      try images.add(manifest: image.manifest, id: image.id, reference: reference)
      note("commit", record, [("imageID", image.id.description)])
      return image.id.description
    }
  }

  private struct BaseImage {
    var manifest: ImageManifest
    var config: ImageConfig
  }

  /// What the container was made from, kept from the garbage collector from here on.
  private func baseImage(
    of record: ContainerRecord, _ ingest: ContentIngest, doing: String
  ) throws(EngineError) -> BaseImage {
    guard let digest = record.manifest, let id = record.imageID else {
      throw EngineError(
        .unsupported, doing, "a container of --rootfs has no image to add a layer to",
        hint: "dhow export CONTAINER | dhow import - NAME")
    }
    try ingest.pin(blobs: [digest, id], layers: record.layers)
    let blobs = BlobStore(directory)
    return try during(doing) {
      guard case .manifest(let manifest) = try ManifestDocument(parsing: try blobs.read(digest), declared: nil) else {
        throw EngineError(.corrupt, doing, "\(digest) is no manifest", hint: "dhow system check --repair")
      }
      try ingest.pin(blobs: manifest.layers.map(\.digest))
      return BaseImage(manifest: manifest, config: try ImageConfig(parsing: try blobs.read(id)))
    }
  }

  /// The container's configuration as docker keeps it: the image's with the flags of `run` merged in.
  private static func defaults(of record: ContainerRecord) -> ContainerDefaults {
    var defaults = record.defaults
    let settings = record.settings
    defaults.environment = ContainerEnvironment.merged(record, hostname: "")
    if let entrypoint = settings.entrypoint { defaults.entrypoint = entrypoint.isEmpty ? nil : entrypoint }
    if let command = settings.command {
      defaults.command = command
    } else if settings.entrypoint != nil {
      defaults.command = nil
    }
    if let user = settings.user { defaults.user = user }
    if let directory = settings.workingDirectory { defaults.workingDirectory = directory }
    if let signal = settings.stopSignal { defaults.stopSignal = signal }
    for label in settings.labels {
      defaults.labels.removeAll { $0.0 == label.0 }
      defaults.labels.append(label)
    }
    return defaults
  }

  /// A writable layer, frozen or not, that becomes a layer of the image.
  private struct FrozenLayer {
    /// Below the root directory.
    var tree: String
    /// The snapshots it stands on, topmost first.
    var lower: [Snapshot]
    var history: History
  }

  /// Bottom first; without `number` the container's own writable layer is the last.
  private func frozenLayers(
    of record: ContainerRecord, upTo number: Int64?, _ request: CommitRequest
  ) throws(EngineError) -> [FrozenLayer] {
    let chain = if let number { try snapshots.chain(number, of: record.id) } else { try snapshots.lower(of: record.id) }
    var layers: [FrozenLayer] = []
    for (index, snapshot) in chain.enumerated().reversed() {
      layers.append(
        FrozenLayer(
          tree: StatePath.snapshotTree(snapshot.id), lower: Array(chain[(index + 1)...]),
          history: History(
            created: snapshot.created, createdBy: "snapshot \(snapshot.number)", comment: snapshot.message)))
    }
    if number == nil {
      layers.append(
        FrozenLayer(
          tree: StatePath.containerUpper(record.id), lower: chain,
          history: History(created: .now, createdBy: record.command.joined(separator: " "))))
    }
    if let last = layers.indices.last {
      layers[last].history.author = request.author
      if !request.message.isEmpty { layers[last].history.comment = request.message }
    }
    return layers
  }

  /// Stages a writable layer as a blob.
  private func writeLayer(
    _ layer: FrozenLayer, _ record: ContainerRecord, _ ingest: ContentIngest, doing: String
  ) throws(EngineError) -> Descriptor {
    try during(doing) {
      let failure = ArchiveFailure(doing: doing)
      let upper = try File.openDirectory(at: directory.root.raw, layer.tree)
      let owners = try ContainerLayers(self, record, doing: doing).archiveOwners
      let stubs = try unusedStubs(layer, upper.raw, record, failure)
      let writer = try ingest.blob()
      let tar = TarWriter { try writer.write($0) }
      for note in try TreeArchive.write(
        upper.raw, as: .overlayUpper(overlayMode), to: tar, excluding: stubs, owners: owners, failure: failure)
      { Log.note("\(doing): \(note)") }
      try tar.finish()
      try faultPoint("commit.written")
      let blob = try writer.finish(expecting: nil, size: nil)
      return Descriptor(mediaType: .ociLayer, digest: blob.digest, size: blob.size)
    }
  }

  /// Makes the trees of new layers from their blobs and not from the writable ones: what later containers get is what the
  /// image says. The container need not stand still for this.
  private func unpack(
    _ layers: [Descriptor], on base: [Digest], _ ingest: ContentIngest, doing: String
  ) throws {
    var jobs: [LayerWorkers.Job] = []
    for (index, layer) in layers.enumerated() where !jobs.contains(where: { $0.diffID == layer.digest }) {
      guard let draft = try ingest.layer(layer.digest) else { continue }
      let lower = base + layers[..<index].map(\.digest)
      jobs.append(LayerWorkers.Job(diffID: layer.digest, blob: layer, draft: draft, lower: lower))
    }
    for note in try LayerWorkers(ingest: ingest, options: try layerOptions(), doing: doing).run(jobs) {
      Log.note("\(doing): \(note)")
    }
  }

  /// What the engine made in the layer only to mount on.
  private func unusedStubs(
    _ layer: FrozenLayer, _ upper: Int32, _ record: ContainerRecord, _ failure: ArchiveFailure
  ) throws -> Set<[UInt8]> {
    let stubs = MountStubs.paths(of: record.settings)
    let changed = try withLowerTrees(record, chain: layer.lower, doing: failure.doing) { trees in
      Set(
        try LayerDiff.changes(
          upper: upper, lower: LowerChain(trees, mode: overlayMode), mode: overlayMode, stubs: stubs, failure: failure
        ).map { Array($0.path.dropFirst()) })
    }
    return stubs.subtracting(changed)
  }

  /// Stages config and manifest.
  private func compose(
    _ base: BaseImage, _ layers: [(frozen: FrozenLayer, blob: Descriptor)], _ defaults: ContainerDefaults,
    _ request: CommitRequest, _ ingest: ContentIngest
  ) throws -> (manifest: Descriptor, id: Digest) {
    var config = base.config
    config.created = .now
    config.author = request.author
    config.defaults = defaults
    config.diffIDs += layers.map(\.blob.digest)
    config.history += layers.map(\.frozen.history)
    let configBytes = config.json.bytes()
    // What is written must be readable: the changes came from a person.
    _ = try ImageConfig(parsing: configBytes)
    let id = try ingest.add(blob: configBytes)
    let manifest = ImageManifest(
      config: Descriptor(mediaType: .ociConfig, digest: id, size: Int64(configBytes.count)),
      layers: base.manifest.layers.map(\.asOCILayer) + layers.map(\.blob))
    let bytes = manifest.json.bytes()
    let digest = try ingest.add(blob: bytes)
    let blobs = layers.map(\.blob.digest)
    try ingest.pin(blobs: [digest, id] + blobs, layers: blobs)
    return (Descriptor(mediaType: .ociManifest, digest: digest, size: Int64(bytes.count)), id)
  }
}

extension Descriptor {
  /// The same layer under the standard's type: an OCI manifest does not list docker's.
  var asOCILayer: Descriptor {
    var copy = self
    switch mediaType {
    case .dockerLayer: copy.mediaType = .ociLayer
    case .dockerLayerGzip: copy.mediaType = .ociLayerGzip
    case .dockerLayerZstd: copy.mediaType = .ociLayerZstd
    default: break
    }
    return copy
  }
}
