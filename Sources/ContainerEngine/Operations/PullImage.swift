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
    try transferring("pulling \(safeText(request.name))", observer) {
      let platform = try request.platform.map { try Platform(parsing: $0) }
      let doing = "pulling \(safeText(request.name))"
      let local = try local(request, platform, doing: doing)
      if let local, request.policy == .missing || request.policy == .never { return local }
      if request.policy == .never { throw ImageStore.missing(safeText(request.name), doing) }
      do {
        let pulled = try pullFirst(request, platform, observer, doing: doing)
        noteTransfer("pull", of: pulled.name)
        return pulled
      } catch {
        guard request.policy == .newer, var local else { throw error }
        local.notes.append("the registry was not asked for a newer image: \(reason(error))")
        return local
      }
    }
  }

  /// Brings all images of a repository that are for a platform.
  package func pullAllTags(
    _ request: PullRequest, observer: () -> any TransferObserver
  ) throws(EngineError) -> [PulledImage] {
    let doing = "pulling \(safeText(request.name))"
    return try during(doing) {
      guard let reference = try registryConfiguration(request.access).candidates(for: request.name).first else {
        return []
      }
      guard reference.tag == nil, reference.digest == nil else {
        throw EngineError(.usage, "", "tag can't be used with --all-tags/-a")
      }
      let tags = try registryClient(for: reference, access: request.access).tags()
      guard !tags.isEmpty else { throw EngineError(.notFound, doing, "the repository has no tags") }
      // Each in turn: layers of one are there for the next.
      return try tags.map { tag in
        var one = request
        one.name = "\(reference.name):\(tag)"
        return try pullImage(one, observer: observer())
      }
    }
  }

  /// Runs a transfer; its end is shown whatever comes of it, and a person's signal ends the process.
  func transferring<Value>(
    _ doing: String, _ observer: any TransferObserver, _ body: () throws -> Value
  ) throws(EngineError) -> Value {
    do { return try body() } catch let interrupted as Interrupted {
      observer.end()
      interrupted.die()
    } catch {
      observer.end()
      return try during(doing) { throw error }
    }
  }

  private func reason(_ error: any Error) -> String {
    switch error {
    case let error as EngineError: error.reason
    case let error as RegistryError: error.reason
    default: "\(error)"
    }
  }

  /// What the store has by this name already.
  private func local(
    _ request: PullRequest, _ platform: Platform?, doing: String
  ) throws(EngineError) -> PulledImage? {
    guard request.policy != .always else { return nil }
    do throws(EngineError) {
      let (image, name) = try images.find(request.name, platform: platform, doing: doing)
      return PulledImage(id: image.id.description, name: name?.description ?? request.name, isNew: false)
    } catch {
      if error.kind == .notFound { return nil }
      throw error
    }
  }

  /// A short name may stand for several; the first that is there counts.
  private func pullFirst(
    _ request: PullRequest, _ platform: Platform?, _ observer: any TransferObserver, doing: String
  ) throws -> PulledImage {
    let configuration = try registryConfiguration(request.access)
    let policy = try TrustPolicy(RegistryEnvironment(account: account))
    var failure: (any Error)?
    for candidate in try configuration.candidates(for: request.name) {
      let reference = candidate.withDefaultTag
      do {
        try policy.check(reference)
        let client = try registryClient(for: reference, access: request.access)
        let top = try resolve(reference, client)
        return try pull(reference, top, from: client, request, platform, observer, doing: doing)
      } catch let error as RegistryError where [.notFound, .unauthorized, .denied, .unavailable].contains(error.kind) {
        failure = failure ?? error
      }
    }
    throw failure ?? EngineError(.internal, doing, "the name stands for nothing")
  }

  /// The digest a name stands for now. A tag that is not there comes with those that are much like it.
  private func resolve(_ reference: Reference, _ client: RegistryClient) throws -> Digest {
    do throws(RegistryError) { return try client.resolve(ManifestName(reference)).digest } catch {
      guard error.kind == .notFound, reference.digest == nil, let tag = reference.tag, error.hint == nil else {
        throw error
      }
      var error = error
      // A registry that lists no tags has no advice.
      let close = near(tag, among: (try? client.tags(limit: Self.tagsLookedAt)) ?? [])
      if !close.isEmpty { error.hint = "did you mean \(close.map(safeText).joined(separator: ", "))?" }
      throw error
    }
  }

  /// Tags among which one is looked for that was meant.
  private static let tagsLookedAt = 10_000

  private func pull(
    _ reference: Reference, _ top: Digest, from client: RegistryClient, _ request: PullRequest,
    _ platform: Platform?, _ observer: any TransferObserver, doing: String
  ) throws -> PulledImage {
    observer.say("\(reference.tag ?? reference.description): Pulling from \(reference.path)")
    if let present = try present(reference, top, platform) {
      return report(present, reference, top, isNew: false, observer)
    }
    let finder = RemoteImageFinder(client: client, blobs: BlobStore(directory), platform: platform, doing: doing)
    let image = try finder.find(top)
    try prepareForLayers()
    let ingest = try ContentIngest(directory)
    try ingest.pin(blobs: image.blobs, layers: image.config.diffIDs)
    let layers = try LayerPull(
      image, into: ingest, client: client, options: try layerOptions(), observer: observer, doing: doing)
    try layers.run()
    observer.end()
    var companions = CompanionPull(client: client, ingest: ingest, doing: doing)
    try companions.addAttestations(of: image)
    if request.keepsReferrers { try companions.addReferrers(of: image) }
    for document in image.documents where try !BlobStore(directory).contains(document.digest) {
      _ = try ingest.add(blob: document.bytes)
    }
    try faultPoint("pull.content.staged")
    try ingest.publish()
    try faultPoint("pull.content.published")
    try images.add(
      manifest: image.manifest, id: image.id, reference: reference.digest == nil ? reference : nil,
      digests: [reference.withoutTag.with(digest: image.top)])
    try images.add(referrers: companions.referrers, digests: reference.withoutTag)
    try GarbageCollector(directory).sweep()
    let stored = StoredImage(manifest: image.manifest, id: image.id, references: [])
    var pulled = report(stored, reference, image.top, isNew: true, observer)
    pulled.notes = layers.notes + companions.notes
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
