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

  /// A registry keeps what it is given: an image whose layers are no archives of files, or not those that its config says,
  /// is stored and given back, and cannot be run here.
  private func publish(_ content: ImageManifest, _ pushed: PushedManifest, _ uploads: UploadArea) throws {
    do {
      try publish(content, pushed, uploads, unpacking: true)
    } catch let error as EngineError where error.kind == .corrupt {
      try publish(content, pushed, uploads, unpacking: false)
    }
  }

  private func publish(
    _ content: ImageManifest, _ pushed: PushedManifest, _ uploads: UploadArea, unpacking: Bool
  ) throws {
    let doing = "storing \(pushed.name.familiar)"
    let ingest = try ContentIngest(directory)
    let needed = [content.config] + content.layers
    try ingest.pin(blobs: [pushed.descriptor.digest] + needed.map(\.digest))
    var isWhole = true
    for blob in needed where try !take(blob, uploads, ingest) { isWhole = false }
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
        isWhole = isWhole && unpacking
        if isWhole { noted = try unpack(content, config, ingest, doing: doing) }
      }
    }
    if try !BlobStore(directory).contains(descriptor.digest) { _ = try ingest.add(blob: pushed.bytes) }
    try faultPoint("registry.manifest.staged")
    try ingest.publish()
    try faultPoint("registry.manifest.published")
    for (blob, diffID) in noted { try LayerStore(directory).note(blob, of: diffID) }
    let image = StoredImage(
      manifest: descriptor, id: content.config.digest, references: [], subject: content.subject?.digest,
      isUnpacked: isWhole)
    try add(image, as: pushed)
    try uploads.forget(needed.map(\.digest))
    try GarbageCollector(directory).sweep()
  }

  private func add(_ image: StoredImage, as pushed: PushedManifest) throws {
    let images = ImageStore(directory)
    try images.add(
      manifest: image.manifest, id: image.id, reference: nil, digests: [pushed.digestName], subject: image.subject,
      isUnpacked: image.isUnpacked)
    if pushed.name.tag != nil { try images.tag([image], as: pushed.name) }
  }

  /// Sees that a blob is here and has the size that the manifest says.
  /// - Returns: false for one that may stay elsewhere, and does.
  private func take(_ blob: Descriptor, _ uploads: UploadArea, _ ingest: ContentIngest) throws -> Bool {
    var size = try BlobStore(directory).size(blob.digest)
    if size == nil, let uploaded = try uploads.size(blob.digest) {
      try ingest.take(uploads.path(blob.digest), as: blob.digest)
      size = uploaded
    }
    guard let size else {
      if blob.mediaType.isNotDistributed { return false }
      throw RegistryError(404, .manifestBlobUnknown, "the blob \(blob.digest) was not pushed")
    }
    guard size == blob.size else {
      throw RegistryError(
        400, .manifestInvalid, "the blob \(blob.digest) has \(size) bytes, not \(blob.size) as the manifest says")
    }
    return true
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

  /// An index is stored beside what it lists, which must be here. The images it leads to get its name, one for each
  /// platform, so that they can be run.
  private func publish(_ content: ImageIndex, _ pushed: PushedManifest) throws {
    let ingest = try ContentIngest(directory)
    try ingest.pin(blobs: [pushed.descriptor.digest] + content.manifests.map(\.digest))
    let images = ImageStore(directory)
    let members = try self.members(of: content, depth: 1)
    if try !BlobStore(directory).contains(pushed.descriptor.digest) { _ = try ingest.add(blob: pushed.bytes) }
    try ingest.publish()
    try faultPoint("registry.manifest.published")
    for member in members {
      try images.add(
        manifest: member.image.manifest, id: member.image.id, reference: nil, digests: [pushed.digestName],
        subject: member.attested)
    }
    var named: [StoredImage] = []
    for member in members where member.attested == nil {
      // An artifact has none, and is nothing to run.
      guard let platform = member.image.manifest.platform else { continue }
      if !named.contains(where: { $0.manifest.platform == platform }) { named.append(member.image) }
    }
    let tag = pushed.name.tag == nil ? nil : pushed.name
    if let tag {
      if named.isEmpty { try images.untag(tag, exceptFrom: []) } else { try images.tag(named, as: tag) }
    }
    try images.add(
      index: pushed.descriptor, reference: tag, digests: [pushed.digestName], subject: content.subject?.digest)
    try GarbageCollector(directory).sweep()
  }

  /// The images that an index leads to, also by way of indexes in it.
  /// - Returns: each with what it attests, when it is no image to run.
  private func members(of content: ImageIndex, depth: Int) throws -> [(image: StoredImage, attested: Digest?)] {
    let images = ImageStore(directory)
    let known = try images.list()
    var members: [(image: StoredImage, attested: Digest?)] = []
    for entry in content.manifests {
      if entry.mediaType.kind == .index {
        guard depth < WholeIndex.depth else {
          throw RegistryError(400, .unsupported, "indexes nested more than \(WholeIndex.depth) deep are not taken here")
        }
        guard let inner = try images.listed(entry.digest) else {
          throw RegistryError(404, .manifestBlobUnknown, "the index \(entry.digest) was not pushed")
        }
        members += try self.members(of: inner, depth: depth + 1)
        continue
      }
      guard let member = known.first(where: { $0.manifest.digest == entry.digest }) else {
        throw RegistryError(404, .manifestBlobUnknown, "the manifest \(entry.digest) was not pushed")
      }
      var attested: Digest?
      if entry.isAttestation {
        // One that does not say of what goes with the index's first image.
        attested = entry.annotation("vnd.docker.reference.digest").flatMap { try? Digest(parsing: $0) }
        attested = attested ?? content.manifests.first { !$0.isAttestation }?.digest
      }
      members.append((member, attested))
    }
    return members
  }
}
