package import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Registry
internal import Storage

extension Engine {
  /// Sends an image to a registry under its name: only the blobs that are missing there, then the manifests, the tag last.
  /// Afterwards the image is known by the digest it has there.
  /// - Returns: what the registry has now, one for each tag.
  package func pushImage(
    _ request: PushRequest, observer: any TransferObserver
  ) throws(EngineError) -> [PushedImage] {
    let doing = "pushing \(safeText(request.destination ?? request.image))"
    do {
      return try push(request, observer, doing: doing)
    } catch let interrupted as Interrupted {
      observer.end()
      interrupted.die()
    } catch {
      observer.end()
      try during(doing) { throw error }
      throw EngineError(.internal, doing, "\(error)")
    }
  }

  private func push(
    _ request: PushRequest, _ observer: any TransferObserver, doing: String
  ) throws -> [PushedImage] {
    let target = try pushTarget(request, doing: doing)
    let platform = try request.platform.map { try Platform(parsing: $0) }
    let jobs: [(reference: Reference, image: StoredImage)]
    if request.allTags {
      jobs = try allTags(of: target, platform)
      if jobs.isEmpty {
        throw EngineError(
          .notFound, doing, "An image does not exist locally with the tag: \(target.familiarName)",
          hint: "dhow images shows the names there are")
      }
    } else {
      jobs = [(target.withDefaultTag, try pushSource(request, platform, doing: doing))]
    }
    for compression in [request.compression ?? .gzip] {
      let levels = Compressor.levels(compression == .gzip ? .gzip : .zstd)
      guard request.compressionLevel.map(levels.contains) ?? true else {
        throw EngineError(
          .usage, "",
          "--compression-level: \(compression.rawValue) has levels \(levels.lowerBound) to \(levels.upperBound)")
      }
    }
    let client = try registryClient(for: target, actions: [.pull, .push], access: request.access)
    observer.say("The push refers to repository [\(target.familiarName)]")
    let sources = try MountSources(images, for: target)
    var result: [PushedImage] = []
    for job in jobs {
      result.append(try push(job.image, as: job.reference, request, client, sources, observer, doing: doing))
    }
    return result
  }

  /// Where it goes: docker's one operand, or podman's second.
  private func pushTarget(_ request: PushRequest, doing: String) throws -> Reference {
    let text = try registryDestination(request.destination ?? request.image, doing: doing)
    let reference = try Reference(parsing: text)
    guard reference.digest == nil else {
      throw EngineError(
        .invalidInput, doing, "cannot push a digest reference",
        hint: "give the image a tag: dhow tag \(safeText(request.image)) NAME:TAG")
    }
    if request.allTags {
      guard reference.tag == nil else {
        throw EngineError(.usage, "", "tag can't be used with --all-tags/-a")
      }
    }
    return reference
  }

  /// podman's `docker://`, which is what a name without a transport means as well.
  func registryDestination(_ text: String, doing: String) throws -> String {
    if text.hasPrefix("docker://") { return String(text.dropFirst("docker://".count)) }
    let others = ["oci:", "oci-archive:", "dir:", "docker-archive:", "docker-daemon:", "containers-storage:"]
    guard let transport = others.first(where: text.hasPrefix) else { return text }
    throw EngineError(
      .unsupported, doing, "push goes to registries, not to \(transport)", hint: "dhow save --format writes archives")
  }

  private func pushSource(_ request: PushRequest, _ platform: Platform?, doing: String) throws -> StoredImage {
    do throws(EngineError) {
      return try images.find(request.image, platform: platform, doing: doing).image
    } catch {
      // docker's words, for a name that is nowhere.
      guard error.kind == .notFound, error.reason.hasPrefix("No such image") else { throw error }
      let name = (try? Reference(parsing: request.image).withDefaultTag.familiar) ?? safeText(request.image)
      throw EngineError(
        .notFound, doing, "An image does not exist locally with the tag: \(name)",
        hint: "dhow images shows the names there are")
    }
  }

  private func allTags(
    of target: Reference, _ platform: Platform?
  ) throws(EngineError) -> [(reference: Reference, image: StoredImage)] {
    var names: [Reference] = []
    for image in try images.list() {
      for name in image.references where name.name == target.name && !names.contains(name) { names.append(name) }
    }
    var result: [(reference: Reference, image: StoredImage)] = []
    for name in names {
      if let image = try images.image(named: name, platform: platform) { result.append((name, image)) }
    }
    return result
  }

  private func push(
    _ image: StoredImage, as reference: Reference, _ request: PushRequest, _ client: RegistryClient,
    _ sources: MountSources, _ observer: any TransferObserver, doing: String
  ) throws -> PushedImage {
    let plan = try PushPlanner(images: images, request: request, doing: doing).plan(image)
    let pushed = try send(plan, as: reference, request, client, sources, observer, doing: doing)
    noteTransfer("push", of: reference.description)
    var notes = plan.notes
    if request.withReferrers {
      let before = Set(plan.documents.map(\.descriptor.digest))
      notes += try sendReferrers(of: before, pushed.documents, request, client, sources, observer, doing: doing)
    }
    // Of content that was changed on the way the registry has another digest than the store.
    try images.add(digest: reference.withoutDigest.withoutTag.with(digest: pushed.digest), to: image)
    return PushedImage(
      name: reference.description, tag: pushed.tag, digest: pushed.digest.description, size: pushed.size,
      notes: notes)
  }

  /// Sends what is planned: blobs, then documents, the last of them under the tag.
  func send(
    _ plan: PushPlan, as reference: Reference, _ request: PushRequest, _ client: RegistryClient,
    _ sources: MountSources, _ observer: any TransferObserver, doing: String
  ) throws -> (tag: String, digest: Digest, size: Int64, documents: Set<Digest>) {
    // Nobody removes it under our hands.
    let ingest = try ContentIngest(directory)
    try ingest.pin(blobs: plan.blobs.map(\.descriptor.digest) + plan.documents.map(\.descriptor.digest))
    defer { withExtendedLifetime(ingest) {} }
    let blobs = try sendBlobs(of: plan, request, client, sources, observer, doing: doing)
    let rewriting = PushRewriting(replaced: blobs.replaced, format: request.manifestFormat, doing: doing)
    let documents = try rewriting.rewrite(plan.documents)
    guard let last = documents.last, let tag = reference.tag else {
      throw EngineError(.internal, doing, "an image without a manifest or a tag")
    }
    try faultPoint("push.blobs.done")
    for document in documents.dropLast() {
      try client.putManifest(
        document.bytes, mediaType: document.descriptor.mediaType, as: .digest(document.descriptor.digest))
    }
    try client.putManifest(last.bytes, mediaType: last.descriptor.mediaType, as: .tag(tag))
    observer.say("\(tag): digest: \(last.descriptor.digest) size: \(last.descriptor.size)")
    return (tag, last.descriptor.digest, last.descriptor.size, Set(documents.map(\.descriptor.digest)))
  }

  private func sendBlobs(
    of plan: PushPlan, _ request: PushRequest, _ client: RegistryClient, _ sources: MountSources,
    _ observer: any TransferObserver, doing: String
  ) throws -> BlobPush {
    let blobs = try BlobPush(
      plan, request, from: directory, to: client, sources: sources,
      fetching: { try self.registryClient(for: $0, access: request.access) }, observer: observer, doing: doing)
    try blobs.run()
    observer.end()
    return blobs
  }

  /// Sends what refers to the documents that a push sent, with the bytes they have: their digests are what was signed.
  /// - Parameters:
  ///   - stored: documents of the image as the store has it.
  ///   - pushed: those that the registry has now.
  /// - Returns: what could not be sent, a sentence each.
  private func sendReferrers(
    of stored: Set<Digest>, _ pushed: Set<Digest>, _ request: PushRequest, _ client: RegistryClient,
    _ sources: MountSources, _ observer: any TransferObserver, doing: String
  ) throws -> [String] {
    let lost = try images.referrers(of: stored.subtracting(pushed))
    let referrers = try images.referrers(of: pushed)
    var notes: [String] = []
    if !lost.isEmpty {
      notes.append(
        "what refers to the image was not pushed: it is for \(lost[0].subject?.short ?? ""), and the image changed on its "
          + "way, because its layers were compressed or its format was")
    }
    for referrer in referrers {
      guard let subject = referrer.subject else { continue }
      let plan = try PushPlanner(images: images, request: request, doing: doing).plan(asStored: referrer)
      let ingest = try ContentIngest(directory)
      try ingest.pin(blobs: plan.blobs.map(\.descriptor.digest) + plan.documents.map(\.descriptor.digest))
      defer { withExtendedLifetime(ingest) {} }
      _ = try sendBlobs(of: plan, request, client, sources, observer, doing: doing)
      let manifest = try images.manifest(of: referrer)
      let kind = manifest.artifactType ?? manifest.config.mediaType.rawValue
      for document in plan.documents {
        let isListed = try client.putManifest(
          document.bytes, mediaType: document.descriptor.mediaType, as: .digest(document.descriptor.digest))
        if isListed { continue }
        var entry = document.descriptor
        entry.artifactType = kind
        entry.annotations = manifest.annotations
        try client.addReferrer(entry, to: subject)
      }
      observer.say("\(referrer.manifest.digest): refers to \(subject.short) (\(safeText(String(kind.prefix(200)))))")
    }
    return notes
  }
}
