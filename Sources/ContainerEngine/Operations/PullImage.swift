package import Basics
internal import LinuxKernel
internal import OCI
internal import Registry
internal import Storage

extension Engine {
  /// Brings an image from its registry into the store, all of it or nothing.
  ///
  /// One HEAD tells whether the tag has moved; documents come next, then all layers at the same time, each hashed,
  /// uncompressed, hashed again and unpacked in one pass. What a pull that was cut short has fetched is not fetched again.
  package func pullImage(
    _ request: PullRequest, observer: any TransferObserver
  ) throws(EngineError) -> PulledImage {
    let doing = "pulling \(safeText(request.name))"
    do {
      let reference = try Reference(parsing: request.name).withDefaultTag
      let platform = try request.platform.map { try Platform(parsing: $0) }
      return try pull(reference, platform, request.policy, observer, doing: doing)
    } catch let interrupted as Interrupted {
      observer.end()
      interrupted.die()
    } catch {
      observer.end()
      try during(doing) { throw error }
      throw EngineError(.internal, doing, "\(error)")
    }
  }

  private func pull(
    _ reference: Reference, _ platform: Platform?, _ policy: PullPolicy, _ observer: any TransferObserver,
    doing: String
  ) throws -> PulledImage {
    let client = try registryClient(for: reference)
    let top = try client.resolve(ManifestName(reference))
    observer.say("\(reference.tag ?? reference.description): Pulling from \(reference.path)")
    if let present = try present(reference, top.digest, platform) {
      return report(present, reference, top.digest, isNew: false, observer)
    }
    let finder = RemoteImageFinder(client: client, blobs: BlobStore(directory), platform: platform, doing: doing)
    let image = try finder.find(top.digest)
    try prepareForLayers()
    let ingest = try ContentIngest(directory)
    try ingest.pin(blobs: image.blobs, layers: image.config.diffIDs)
    let layers = try LayerPull(
      image, into: ingest, client: client, options: try layerOptions(), observer: observer, doing: doing)
    try layers.run()
    observer.end()
    for document in image.documents where try !BlobStore(directory).contains(document.digest) {
      _ = try ingest.add(blob: document.bytes)
    }
    try faultPoint("pull.content.staged")
    try ingest.publish()
    try faultPoint("pull.content.published")
    try images.add(
      manifest: image.manifest, id: image.id, reference: reference.digest == nil ? reference : nil,
      digests: [reference.withoutDigest.withoutTag.with(digest: image.top)])
    try GarbageCollector(directory).sweep()
    let stored = StoredImage(manifest: image.manifest, id: image.id, references: [])
    var pulled = report(stored, reference, image.top, isNew: true, observer)
    pulled.notes = layers.notes
    if platform == nil, Platform.host.distance(to: image.config.platform) == nil {
      pulled.notes.append("the image is for \(image.config.platform), and this host is \(Platform.host)")
    }
    return pulled
  }

  private func report(
    _ image: StoredImage, _ reference: Reference, _ digest: Digest, isNew: Bool, _ observer: any TransferObserver
  ) -> PulledImage {
    observer.say("Digest: \(digest)")
    let status = isNew ? "Downloaded newer image for" : "Image is up to date for"
    observer.say("Status: \(status) \(reference.familiar)")
    return PulledImage(id: image.id.description, name: reference.description, isNew: isNew)
  }

  /// The image that the store has under this name and digest for this platform, when nothing of it is missing.
  private func present(
    _ reference: Reference, _ digest: Digest, _ platform: Platform?
  ) throws(EngineError) -> StoredImage? {
    for image in try images.list() {
      guard reference.digest != nil || image.references.contains(reference) else { continue }
      let isKnown = image.digests.contains { $0.digest == digest && $0.name == reference.name }
      guard isKnown else { continue }
      // Of an index another platform may be here; a manifest is what it is.
      let wanted = platform ?? .host
      if image.manifest.digest != digest || platform != nil {
        guard wanted.distance(to: try images.platform(of: image)) != nil else { continue }
      }
      if try isWhole(image) { return image }
    }
    return nil
  }

  /// Whether everything of an image is there, by name: a pull brings again what is missing.
  private func isWhole(_ image: StoredImage) throws(EngineError) -> Bool {
    let blobs = BlobStore(directory)
    guard try blobs.contains(image.manifest.digest), try blobs.contains(image.id) else { return false }
    for layer in try images.manifest(of: image).layers where try !blobs.contains(layer.digest) { return false }
    for diffID in try images.config(of: image).diffIDs where try !LayerStore(directory).contains(diffID) {
      return false
    }
    return true
  }
}
