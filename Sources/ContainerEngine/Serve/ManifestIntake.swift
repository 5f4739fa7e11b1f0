internal import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import RegistryServer
internal import Storage

/// Makes images of what clients push to `registry serve`: blobs come from the uploads or the store, layers are unpacked and
/// checked, and only then the image has a name, so that it can be run at once and nobody sees half of it.
struct ManifestIntake: ManifestPublisher {
  let directory: StateDirectory
  let options: LayerExtractor.Options

  func publish(_ manifest: PushedManifest, uploads: UploadArea) throws {
    switch manifest.document {
    case .manifest(let content): try publish(content, manifest, uploads)
    case .index(let content): try publish(content, manifest)
    }
  }

  private func publish(_ content: ImageManifest, _ pushed: PushedManifest, _ uploads: UploadArea) throws {
    let doing = "storing \(pushed.name.familiar)"
    let ingest = try ContentIngest(directory)
    let needed = [content.config] + content.layers
    try ingest.pin(blobs: [pushed.descriptor.digest] + needed.map(\.digest))
    for blob in needed { try take(blob, uploads, ingest) }
    var descriptor = pushed.descriptor
    var noted: [(blob: Digest, diffID: Digest)] = []
    if content.artifactKind == nil {
      let file = try ingest.openBlob(content.config.digest)
      let bytes = try File.readAll(file.raw, limit: OCILimits.documentBytes, shown: "the config")
      let config = try ImageConfig(parsing: bytes)
      descriptor.platform = config.platform
      // BuildKit's attestations look like images and have layers of other types.
      if content.layers.allSatisfy({ $0.mediaType.kind == .layer }) {
        try config.check(against: content)
        noted = try unpack(content, config, ingest, doing: doing)
      }
    }
    if try !BlobStore(directory).contains(descriptor.digest) { _ = try ingest.add(blob: pushed.bytes) }
    try faultPoint("registry.manifest.staged")
    try ingest.publish()
    try faultPoint("registry.manifest.published")
    for (blob, diffID) in noted { try LayerStore(directory).note(blob, of: diffID) }
    let images = ImageStore(directory)
    try images.add(manifest: descriptor, id: content.config.digest, reference: nil, digests: [pushed.digestName])
    if pushed.name.tag != nil {
      try images.tag([StoredImage(manifest: descriptor, id: content.config.digest, references: [])], as: pushed.name)
    }
    try uploads.forget(needed.map(\.digest))
    try GarbageCollector(directory).sweep()
  }

  /// Sees that a blob is here and has the size that the manifest says.
  private func take(_ blob: Descriptor, _ uploads: UploadArea, _ ingest: ContentIngest) throws {
    var size = try BlobStore(directory).size(blob.digest)
    if size == nil, let uploaded = try uploads.size(blob.digest) {
      try ingest.take(uploads.path(blob.digest), as: blob.digest)
      size = uploaded
    }
    guard let size else { throw RegistryError(404, .manifestBlobUnknown, "the blob \(blob.digest) was not pushed") }
    guard size == blob.size else {
      throw RegistryError(
        400, .manifestInvalid, "the blob \(blob.digest) has \(size) bytes, not \(blob.size) as the manifest says")
    }
  }

  /// - Returns: which blob was found to be which layer.
  private func unpack(
    _ content: ImageManifest, _ config: ImageConfig, _ ingest: ContentIngest, doing: String
  ) throws -> [(blob: Digest, diffID: Digest)] {
    try ingest.pin(layers: config.diffIDs)
    var jobs: [LayerWorkers.Job] = []
    var others: [(blob: Descriptor, diffID: Digest)] = []
    for (index, (diffID, blob)) in zip(config.diffIDs, content.layers).enumerated() {
      if jobs.contains(where: { $0.diffID == diffID && $0.blob.digest == blob.digest }) { continue }
      if let draft = try ingest.layer(diffID) {
        jobs.append(
          LayerWorkers.Job(diffID: diffID, blob: blob, draft: draft, lower: Array(config.diffIDs[..<index])))
      } else if try !isKnown(blob.digest, of: diffID) {
        others.append((blob, diffID))
      }
    }
    _ = try LayerWorkers(ingest: ingest, options: options, doing: doing).run(jobs)
    for (blob, diffID) in others { try check(blob, diffID, ingest, doing: doing) }
    return jobs.map { ($0.blob.digest, $0.diffID) } + others.map { ($0.blob.digest, $0.diffID) }
  }

  private func isKnown(_ blob: Digest, of diffID: Digest) throws -> Bool {
    let layers = LayerStore(directory)
    return try layers.contains(diffID) && layers.isKnown(blob, of: diffID)
  }

  /// A blob of a layer whose tree is there already must still be what the config says (SECURITY B10).
  private func check(_ blob: Descriptor, _ diffID: Digest, _ ingest: ContentIngest, doing: String) throws {
    let file = try ingest.openBlob(blob.digest)
    let found = try LayerUnpacking.digests(
      DescriptorSource(file.raw, shown: "\(blob.digest)"), expecting: blob, doing: doing)
    guard found.diffID == diffID else {
      throw RegistryError(
        400, .manifestInvalid, "layer \(blob.digest) unpacks to \(found.diffID), but the config says \(diffID)")
    }
  }

  /// An index is stored beside the manifests it lists, which must be here, and they get its name, one for each platform.
  private func publish(_ content: ImageIndex, _ pushed: PushedManifest) throws {
    let ingest = try ContentIngest(directory)
    try ingest.pin(blobs: [pushed.descriptor.digest] + content.manifests.map(\.digest))
    let images = ImageStore(directory)
    let known = try images.list()
    var members: [StoredImage] = []
    for entry in content.manifests {
      guard entry.mediaType.kind == .manifest else {
        throw RegistryError(400, .unsupported, "an index within an index is not taken here")
      }
      guard let member = known.first(where: { $0.manifest.digest == entry.digest }) else {
        throw RegistryError(404, .manifestBlobUnknown, "the manifest \(entry.digest) was not pushed")
      }
      members.append(member)
    }
    let named = zip(content.manifests, members).filter { !$0.0.isAttestation }.map(\.1)
    guard !named.isEmpty else { throw RegistryError(400, .manifestInvalid, "the index lists no image") }
    if try !BlobStore(directory).contains(pushed.descriptor.digest) { _ = try ingest.add(blob: pushed.bytes) }
    try ingest.publish()
    try faultPoint("registry.manifest.published")
    for member in members {
      try images.add(manifest: member.manifest, id: member.id, reference: nil, digests: [pushed.digestName])
    }
    if pushed.name.tag != nil { try images.tag(named, as: pushed.name) }
    try GarbageCollector(directory).sweep()
  }
}
