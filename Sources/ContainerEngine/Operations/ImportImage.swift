package import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

extension Engine {
  /// Makes an image of one layer from a tar archive of a root file system, compressed or not.
  /// - Returns: the image's id, `sha256:…`.
  package func importImage(_ request: ImportRequest) throws(EngineError) -> String {
    let doing = "importing \(request.source.shown)"
    return try during(doing) {
      let platform = try request.platform.map { try Platform(parsing: $0) } ?? Platform.host
      let reference = try request.reference.map { try Reference(parsing: $0).withDefaultTag }
      if let digest = reference?.digest {
        throw EngineError(.invalidInput, doing, "an image is not named by a digest: \(digest)")
      }
      var defaults = ContainerDefaults()
      for change in request.changes { try ImageChange(parsing: change, doing: doing).apply(to: &defaults) }
      let input = try request.source.open(doing: doing)
      guard try File.status(input.raw, shown: request.source.shown).kind != .directory else {
        throw EngineError(
          .invalidInput, doing, "it is a directory",
          hint: "tar -C \(request.source.shown) -c . | dhow import - NAME")
      }
      try prepareForLayers()
      let ingest = try ContentIngest(directory)
      let layer = try importLayer(
        DescriptorSource(input.raw, shown: request.source.shown), into: ingest, doing: doing)
      let now = Timestamp.now
      let comment = request.message.isEmpty ? "Imported from \(request.source.comment)" : request.message
      let config = ImageConfig(
        created: now, platform: platform, defaults: defaults, diffIDs: [layer.diffID],
        history: [History(created: now, comment: comment)])
      let bytes = config.json.bytes()
      // What is written must be readable: the changes came from a person.
      _ = try ImageConfig(parsing: bytes)
      let id = try ingest.add(blob: bytes)
      let manifest = ImageManifest(
        config: Descriptor(mediaType: .ociConfig, digest: id, size: Int64(bytes.count)), layers: [layer.blob])
      let manifestBytes = manifest.json.bytes()
      let digest = try ingest.add(blob: manifestBytes)
      try ingest.pin(blobs: [digest, id, layer.blob.digest], layers: [layer.diffID])
      try ingest.publish()
      let descriptor = Descriptor(
        mediaType: .ociManifest, digest: digest, size: Int64(manifestBytes.count), platform: platform)
      try images.add(manifest: descriptor, id: id, reference: reference)
      note("import", image: id.description, name: reference?.familiar)
      return id.description
    }
  }

  /// Stores and unpacks the layer in one pass. It is stored as it came, unless it is compressed in a way that images do
  /// not know: then uncompressed.
  private func importLayer(
    _ source: any ByteSource, into ingest: ContentIngest, doing: String
  ) throws -> (blob: Descriptor, diffID: Digest) {
    let failure = ArchiveFailure(doing: doing)
    let draft = try ingest.unknownLayer()
    let asItCame = try ingest.blob()
    let plain = try ingest.blob()
    let compressed = HashingSource(source) { try asItCame.write($0) }
    let decompressor = Decompressor(compressed, failure: failure)
    let uncompressed = HashingSource(decompressor) {
      if decompressor.method?.isOfLayers == false { try plain.write($0) }
    }
    let extractor = try LayerExtractor(
      uncompressed, into: draft.tree.raw, options: try layerOptions(), failure: failure)
    let result = try extractor.extract()
    guard compressed.hash.count > 0 else { throw EngineError(.invalidInput, doing, "it is empty") }
    // There is nothing below: what the archive only implies has its defaults.
    try LayerCompletion.complete(
      draft.tree.raw, result.unresolved, lower: LowerChain([], mode: isRootless ? .rootless : .root),
      mode: isRootless ? .rootless : .root, failure: failure)
    let diffID = uncompressed.hash.digest
    try draft.finish(
      archive: (diffID, uncompressed.hash.count), contentSize: result.contentSize, entries: result.entries)
    let type: MediaType
    let blob: (digest: Digest, size: Int64)
    switch decompressor.method ?? .none {
    case .none: (type, blob) = (.ociLayer, try asItCame.finish(expecting: nil, size: nil))
    case .gzip: (type, blob) = (.ociLayerGzip, try asItCame.finish(expecting: nil, size: nil))
    case .zstd: (type, blob) = (.ociLayerZstd, try asItCame.finish(expecting: nil, size: nil))
    case .xz, .bzip2, .lzip, .compress: (type, blob) = (.ociLayer, try plain.finish(expecting: diffID, size: nil))
    }
    return (Descriptor(mediaType: type, digest: blob.digest, size: blob.size), diffID)
  }
}

extension ArchiveSource {
  /// As docker writes it into the history.
  fileprivate var comment: String {
    switch self {
    case .standardInput: "-"
    case .file(let path): path
    }
  }
}
