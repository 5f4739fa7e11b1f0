internal import Basics
internal import LinuxKernel
internal import OCI
internal import Registry
internal import Storage

/// An image of a registry, its documents fetched and checked; its layers are still there.
struct RemoteImage {
  /// What the name stands for: an index, or the manifest itself.
  var top: Digest
  var manifest: Descriptor
  /// Digest of the config: the image's id.
  var id: Digest
  var config: ImageConfig
  var layers: [Descriptor]
  /// Everything but the layers that belongs into the store, with the indexes on the way.
  var documents: [(digest: Digest, bytes: [UInt8])]

  /// Blobs of all of it.
  var blobs: [Digest] { documents.map(\.digest) + layers.map(\.digest) }
}

/// Finds an image in a registry: resolves its name to a digest once (SECURITY B14), chooses among the platforms, and checks
/// manifest and config as `load` does. Documents that the store has are not asked for.
struct RemoteImageFinder {
  let client: RegistryClient
  let blobs: BlobStore
  /// Nil is the host's, and any image that is there for only one.
  let platform: Platform?
  let doing: String

  /// Indexes in indexes (SECURITY B2).
  private static let depth = 2

  func find(_ top: Digest) throws -> RemoteImage {
    var documents: [(digest: Digest, bytes: [UInt8])] = []
    var next = Descriptor(mediaType: .ociManifest, digest: top, size: 0)
    var declared: MediaType?
    for _ in 0...Self.depth {
      let (bytes, document) = try fetch(next.digest, declared: declared)
      documents.append((next.digest, bytes))
      switch document {
      case .index(let index):
        guard let chosen = index.manifest(for: platform ?? .host) else { throw noPlatform(index) }
        next = chosen
        declared = chosen.mediaType
      case .manifest(let manifest):
        next.mediaType = manifest.mediaType
        next.size = Int64(bytes.count)
        return try image(next, manifest, top: top, documents)
      }
    }
    throw EngineError(.corrupt, doing, "an index in it is nested more than \(Self.depth) deep")
  }

  private func noPlatform(_ index: ImageIndex) -> EngineError {
    let there = Set(index.platforms.map(\.description)).sorted()
    return EngineError(
      .notFound, doing, "no matching manifest for \(platform ?? .host) in the manifest list entries",
      hint: there.isEmpty ? nil : "it has \(there.joined(separator: ", ")); choose with --platform")
  }

  /// A manifest or index from the store or the registry. What the registry's header, the one who refers to it and its own
  /// field say it is must be the same (SECURITY B2, CVE-2021-41190).
  private func fetch(_ digest: Digest, declared: MediaType?) throws -> ([UInt8], ManifestDocument) {
    if try blobs.contains(digest) {
      let bytes = try blobs.read(digest)
      return (bytes, try ManifestDocument(parsing: bytes, declared: declared))
    }
    let remote = try client.manifest(.digest(digest))
    try faultPoint("pull.manifest.fetched")
    let document = try remote.document()
    if let declared { _ = try ManifestDocument(parsing: remote.bytes, declared: declared) }
    return (remote.bytes, document)
  }

  private func image(
    _ entry: Descriptor, _ manifest: ImageManifest, top: Digest, _ documents: [(digest: Digest, bytes: [UInt8])]
  ) throws -> RemoteImage {
    if let kind = manifest.artifactKind {
      throw EngineError(
        .unsupported, doing, "it is not a runnable image (artifactType \(safeText(String(kind.prefix(200)))))")
    }
    for layer in manifest.layers {
      let type = layer.mediaType
      guard type.kind == .layer, !type.rawValue.hasSuffix("+encrypted") else {
        throw EngineError(
          .unsupported, doing, "layer \(layer.digest) is of the type \"\(safeText(String(type.rawValue.prefix(200))))\""
        )
      }
      guard layer.digest.algorithm == .sha256 else {
        throw EngineError(.unsupported, doing, "layer \(layer.digest) cannot be checked: only sha256 digests can")
      }
    }
    let bytes: [UInt8]
    if try blobs.contains(manifest.config.digest) {
      bytes = try blobs.read(manifest.config.digest)
    } else {
      bytes = try client.blob(manifest.config)
      try faultPoint("pull.config.fetched")
    }
    guard Int64(bytes.count) == manifest.config.size else {
      throw EngineError(
        .corrupt, doing,
        "the config \(manifest.config.digest) has \(bytes.count) bytes, not \(manifest.config.size) as the manifest says"
      )
    }
    let config = try ImageConfig(parsing: bytes)
    try config.check(against: manifest)
    var entry = Descriptor(
      mediaType: entry.mediaType, digest: entry.digest, size: entry.size,
      platform: entry.platform ?? config.platform)
    if entry.platform?.architecture.isEmpty ?? true { entry.platform = config.platform }
    if let platform, platform.distance(to: config.platform) == nil {
      throw EngineError(.notFound, doing, "the image is for \(config.platform), not for \(platform)")
    }
    return RemoteImage(
      top: top, manifest: entry, id: manifest.config.digest, config: config, layers: manifest.layers,
      documents: documents + [(manifest.config.digest, bytes)])
  }
}
