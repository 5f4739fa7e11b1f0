package import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

extension Engine {
  /// Makes an image of a container: its image's layers, and one of what the container changed. Only the change is read;
  /// it is stored uncompressed, and compressed by who sends it.
  /// - Returns: the image's id, `sha256:…`.
  package func commitContainer(_ request: CommitRequest) throws(EngineError) -> String {
    let doing = "committing \(safeText(request.container))"
    return try during(doing) {
      let reference = try request.reference.map { try Reference(parsing: $0).withDefaultTag }
      if let digest = reference?.digest {
        throw EngineError(.invalidInput, doing, "an image is not named by a digest: \(digest)")
      }
      let id = try containers.find(request.container, doing: doing)
      guard let record = try containers.record(id) else {
        throw EngineError(.notFound, doing, "No such container: \(safeText(request.container))")
      }
      var defaults = Self.defaults(of: record)
      for change in request.changes { try ImageChange(parsing: change, doing: doing).apply(to: &defaults) }
      let lock = try containers.lock(id, doing: doing)
      defer { withExtendedLifetime(lock) {} }
      let hold = request.pauses ? try hold(id, doing: doing) : nil
      try prepareForLayers()
      let ingest = try ContentIngest(directory)
      let base = try baseImage(of: record, ingest, doing: doing)
      let layer = try writeLayer(record, ingest, doing: doing)
      try hold?.release()
      let image = try compose(base, layer, defaults, record, request, ingest)
      try ingest.publish()
      try images.add(manifest: image.manifest, id: image.id, reference: reference)
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

  /// Stages the writable layer as a blob and as a tree.
  private func writeLayer(
    _ record: ContainerRecord, _ ingest: ContentIngest, doing: String
  ) throws(EngineError) -> Descriptor {
    try during(doing) {
      let failure = ArchiveFailure(doing: doing)
      let upper = try openUpper(record.id, doing: doing)
      let owners = try ContainerLayers(self, record, doing: doing).archiveOwners
      let stubs = try unusedStubs(record, upper.raw, failure)
      let writer = try ingest.blob()
      let tar = TarWriter { try writer.write($0) }
      for note in try TreeArchive.write(
        upper.raw, as: .overlayUpper(overlayMode), to: tar, excluding: stubs, owners: owners, failure: failure)
      { Log.note("\(doing): \(note)") }
      try tar.finish()
      try faultPoint("commit.written")
      let blob = try writer.finish(expecting: nil, size: nil)
      // From the blob and not from the tree: what later containers get is what the image says.
      if let draft = try ingest.layer(blob.digest) {
        let file = try ingest.openBlob(blob.digest)
        let unpacked = try LayerUnpacking.unpack(
          DescriptorSource(file.raw, shown: "\(blob.digest)"), into: draft.tree.raw, options: try layerOptions(),
          doing: doing)
        try draft.finish(
          archive: (unpacked.diffID, unpacked.uncompressedSize), contentSize: unpacked.extraction.contentSize,
          entries: unpacked.extraction.entries)
        try complete(blob.digest, unpacked, record, ingest, failure)
      }
      return Descriptor(mediaType: .ociLayer, digest: blob.digest, size: blob.size)
    }
  }

  private func complete(
    _ diffID: Digest, _ unpacked: UnpackedLayer, _ record: ContainerRecord, _ ingest: ContentIngest,
    _ failure: ArchiveFailure
  ) throws {
    let open = unpacked.extraction.unresolved
    if open.isEmpty { return }
    let lower = OpenedTrees(try record.layers.reversed().map { try ingest.openTree($0).take() })
    let tree = try ingest.openTree(diffID)
    try LayerCompletion.complete(
      tree.raw, open, lower: LowerChain(lower.descriptors, mode: overlayMode), mode: overlayMode, failure: failure)
  }

  /// What the engine made in the layer only to mount on.
  private func unusedStubs(
    _ record: ContainerRecord, _ upper: Int32, _ failure: ArchiveFailure
  ) throws -> Set<[UInt8]> {
    let stubs = MountStubs.paths(of: record.settings)
    let changed = try withLowerTrees(record, doing: failure.doing) { trees in
      Set(
        try LayerDiff.changes(
          upper: upper, lower: LowerChain(trees, mode: overlayMode), mode: overlayMode, stubs: stubs, failure: failure
        ).map { Array($0.path.dropFirst()) })
    }
    return stubs.subtracting(changed)
  }

  /// Stages config and manifest.
  private func compose(
    _ base: BaseImage, _ layer: Descriptor, _ defaults: ContainerDefaults, _ record: ContainerRecord,
    _ request: CommitRequest, _ ingest: ContentIngest
  ) throws -> (manifest: Descriptor, id: Digest) {
    let now = Timestamp.now
    var config = base.config
    config.created = now
    config.author = request.author
    config.defaults = defaults
    config.diffIDs.append(layer.digest)
    config.history.append(
      History(
        created: now, createdBy: record.command.joined(separator: " "), author: request.author,
        comment: request.message))
    let configBytes = config.json.bytes()
    // What is written must be readable: the changes came from a person.
    _ = try ImageConfig(parsing: configBytes)
    let id = try ingest.add(blob: configBytes)
    let manifest = ImageManifest(
      config: Descriptor(mediaType: .ociConfig, digest: id, size: Int64(configBytes.count)),
      layers: base.manifest.layers.map(\.asOCILayer) + [layer])
    let bytes = manifest.json.bytes()
    let digest = try ingest.add(blob: bytes)
    try ingest.pin(blobs: [digest, id, layer.digest], layers: [layer.digest])
    return (Descriptor(mediaType: .ociManifest, digest: digest, size: Int64(bytes.count)), id)
  }
}

extension Descriptor {
  /// The same layer under the standard's type: an OCI manifest does not list docker's.
  fileprivate var asOCILayer: Descriptor {
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
