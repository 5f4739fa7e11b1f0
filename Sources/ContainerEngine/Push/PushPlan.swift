internal import Basics
internal import LayerArchive
internal import OCI
internal import Storage

/// What is sent for one name: documents, those that others refer to first, and the blobs that they need.
struct PushPlan {
  struct Document {
    var descriptor: Descriptor
    var bytes: [UInt8]
  }

  struct Blob {
    var descriptor: Descriptor
    /// Nil for a config.
    var diffID: Digest?
    /// Nil to send it as it is stored.
    var compression: LayerCompression?
    /// The repository that has it when the store does not.
    var source: Reference?
  }

  /// The last one gets the tag.
  var documents: [Document] = []
  /// Each digest once.
  var blobs: [Blob] = []
  /// What is left out, a sentence each.
  var notes: [String] = []
}

/// Plans a push.
struct PushPlanner {
  let images: ImageStore
  let request: PushRequest
  let doing: String

  private var blobs: BlobStore { BlobStore(images.directory) }

  /// The whole index when all of it is here and no platform was asked for, so that who pulls gets what was pulled; else
  /// the one manifest.
  func plan(_ image: StoredImage) throws -> PushPlan {
    var plan = PushPlan()
    if request.platform == nil, let index = try images.wholeIndex(of: image) {
      try add(index.descriptor, to: &plan, depth: 0)
      return plan
    }
    try add(image.manifest, to: &plan, depth: 0)
    if request.platform == nil, try isPartOfIndex(image) {
      let platform = try images.platform(of: image)
      plan.notes.append("only \(platform) is pushed: the other platforms of the image are not here")
    }
    return plan
  }

  /// One manifest and what it needs, none of it compressed on the way.
  func plan(asStored image: StoredImage) throws -> PushPlan {
    var plan = PushPlan()
    try add(image.manifest, to: &plan, depth: 0)
    for index in plan.blobs.indices { plan.blobs[index].compression = nil }
    return plan
  }

  /// Whether it was chosen from an index, whose blob is kept.
  private func isPartOfIndex(_ image: StoredImage) throws -> Bool {
    for digest in Set(image.digests.compactMap(\.digest)) where digest != image.manifest.digest {
      guard let size = try blobs.size(digest), size <= Int64(OCILimits.documentBytes) else { continue }
      if case .index = try ManifestDocument(parsing: try blobs.read(digest), declared: nil) { return true }
    }
    return false
  }

  private func add(_ descriptor: Descriptor, to plan: inout PushPlan, depth: Int) throws {
    guard depth <= 2 else { throw EngineError(.corrupt, doing, "an index in it is nested more than 2 deep") }
    let bytes = try blobs.read(descriptor.digest)
    switch try ManifestDocument(parsing: bytes, declared: descriptor.mediaType) {
    case .index(let index): for entry in index.manifests { try add(entry, to: &plan, depth: depth + 1) }
    case .manifest(let manifest): try add(manifest, to: &plan)
    }
    guard !plan.documents.contains(where: { $0.descriptor.digest == descriptor.digest }) else { return }
    plan.documents.append(
      PushPlan.Document(
        descriptor: Descriptor(
          mediaType: descriptor.mediaType, digest: descriptor.digest, size: Int64(bytes.count)), bytes: bytes))
  }

  /// What a manifest list of our own stands for: the index, and all that it lists.
  /// - Parameter withContent: false when the registry has what is listed.
  func plan(_ list: ManifestList, withContent: Bool) throws -> PushPlan {
    var plan = PushPlan()
    if withContent {
      for entry in list.index.manifests {
        let first = plan.blobs.count
        try add(entry, to: &plan, depth: 0)
        guard let source = list.sources[entry.digest] else { continue }
        for index in first..<plan.blobs.count where try !blobs.contains(plan.blobs[index].descriptor.digest) {
          plan.blobs[index].source = source
          plan.blobs[index].compression = nil
        }
      }
    }
    let bytes = list.index.json.bytes()
    plan.documents.append(
      PushPlan.Document(
        descriptor: Descriptor(
          mediaType: list.index.mediaType, digest: SHA256Stream.digest(bytes), size: Int64(bytes.count)), bytes: bytes))
    return plan
  }

  private func add(_ manifest: ImageManifest, to plan: inout PushPlan) throws {
    var diffIDs: [Digest] = []
    if manifest.artifactKind == nil {
      diffIDs = try ImageConfig(parsing: try blobs.read(manifest.config.digest)).diffIDs
    }
    for (index, layer) in manifest.layers.enumerated() {
      // What its maker does not let registries distribute stays where it is; the manifest says where (urls).
      if layer.mediaType.isNotDistributed { continue }
      guard !plan.blobs.contains(where: { $0.descriptor.digest == layer.digest }) else { continue }
      let diffID = index < diffIDs.count ? diffIDs[index] : nil
      plan.blobs.append(
        PushPlan.Blob(descriptor: layer, diffID: diffID, compression: diffID == nil ? nil : compression(of: layer)))
    }
    if !plan.blobs.contains(where: { $0.descriptor.digest == manifest.config.digest }) {
      plan.blobs.append(PushPlan.Blob(descriptor: manifest.config))
    }
  }

  /// What a layer is to be compressed with; nil when it is sent as it is.
  private func compression(of layer: Descriptor) -> LayerCompression? {
    let wanted = request.compression ?? .gzip
    // An attestation's are documents.
    guard layer.mediaType.kind == .layer else { return nil }
    guard let present = layer.mediaType.compression else { return wanted }
    return request.forcesCompression && present != wanted ? wanted : nil
  }
}

extension MediaType {
  /// How a layer is compressed by its type; nil for a plain tar.
  var compression: LayerCompression? {
    if rawValue.hasSuffix("+gzip") || rawValue.hasSuffix(".gzip") { return .gzip }
    if rawValue.hasSuffix("+zstd") || rawValue.hasSuffix(".zstd") { return .zstd }
    return nil
  }

  /// The type of the same layer compressed otherwise. docker's schema 2 has no zstd: such a layer is one of OCI's.
  func compressed(_ compression: LayerCompression) -> MediaType {
    let isDocker = rawValue.hasPrefix("application/vnd.docker.")
    switch compression {
    case .gzip: return isDocker ? .dockerLayerGzip : .ociLayerGzip
    case .zstd: return .ociLayerZstd
    }
  }

  /// The same kind of document in another family of types; nil for a type that has none there.
  func inFormat(_ format: ManifestFormat) -> MediaType? {
    let pairs: [(oci: MediaType, docker: MediaType)] = [
      (.ociManifest, .dockerManifest), (.ociIndex, .dockerManifestList), (.ociConfig, .dockerConfig),
      (.ociLayer, .dockerLayer), (.ociLayerGzip, .dockerLayerGzip),
    ]
    if format == .oci, self == .dockerLayerZstd { return .ociLayerZstd }
    for pair in pairs where self == pair.oci || self == pair.docker { return format == .oci ? pair.oci : pair.docker }
    return format == .oci && rawValue.hasPrefix("application/vnd.oci.") ? self : nil
  }
}
