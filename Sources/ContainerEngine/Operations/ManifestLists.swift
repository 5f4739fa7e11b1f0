package import Basics
internal import OCI
internal import Registry
internal import Storage

extension Engine {
  /// Begins a manifest list, with images in it.
  /// - Parameters:
  ///   - amends: goes on with one of that name.
  ///   - all: of an image that is a list itself all that it lists, and not only what fits this host.
  /// - Returns: the list's normalized name.
  package func createManifestList(
    _ name: String, images: [String], amends: Bool, all: Bool, access: RegistryAccess
  ) throws(EngineError) -> String {
    let doing = "creating the manifest list \(safeText(name))"
    let reference = try tagReference(name, doing: doing)
    try manifestLists.change(reference) { (list) throws(EngineError) in
      if list != nil, !amends {
        throw EngineError(
          .alreadyExists, doing, "there is a list of that name", hint: "--amend goes on with it")
      }
      if list == nil { list = ManifestList(name: reference) }
    }
    do throws(EngineError) {
      _ = try add(images, to: reference, ManifestEntryChange(), all: all, access: access, doing: doing)
    } catch {
      // One that was begun here and has nothing in it is of no use.
      if !amends { try manifestLists.change(reference) { (list) throws(EngineError) in list = nil } }
      throw error
    }
    return reference.description
  }

  /// Adds images to a list: of this store, or of registries (`docker://`, and names that are not here).
  /// - Returns: digests of the manifests that were added.
  package func addToManifestList(
    _ name: String, images: [String], _ change: ManifestEntryChange, all: Bool, access: RegistryAccess
  ) throws(EngineError) -> [String] {
    let doing = "adding to the manifest list \(safeText(name))"
    let reference = try listReference(name, doing: doing)
    return try add(images, to: reference, change, all: all, access: access, doing: doing)
  }

  private func add(
    _ names: [String], to list: Reference, _ change: ManifestEntryChange, all: Bool, access: RegistryAccess,
    doing: String
  ) throws(EngineError) -> [String] {
    // What comes from a registry is kept from the garbage collector until the list refers to it.
    let ingest = try ContentIngest(directory)
    var entries: [(entry: Descriptor, source: Reference?)] = []
    for name in names {
      entries += try during(doing) { try self.entries(name, all: all, access: access, ingest, doing: doing) }
    }
    try ingest.publish()
    for index in entries.indices { change.apply(to: &entries[index].entry) }
    try manifestLists.change(list) { (record) throws(EngineError) in
      guard record != nil else { throw missingList(list, doing) }
      for (entry, source) in entries {
        record?.index.manifests.removeAll { $0.digest == entry.digest }
        record?.index.manifests.append(entry)
        if let source { record?.sources[entry.digest] = source }
      }
    }
    return entries.map(\.entry.digest.description)
  }

  /// The entries that a name stands for.
  private func entries(
    _ name: String, all: Bool, access: RegistryAccess, _ ingest: ContentIngest, doing: String
  ) throws -> [(entry: Descriptor, source: Reference?)] {
    let local = "containers-storage:"
    if !name.hasPrefix("docker://") {
      let text = name.hasPrefix(local) ? String(name.dropFirst(local.count)) : name
      do throws(EngineError) {
        let image = try images.find(text, doing: doing).image
        let entry = Descriptor(
          mediaType: image.manifest.mediaType, digest: image.manifest.digest, size: image.manifest.size,
          platform: try images.platform(of: image))
        return [(entry, nil)]
      } catch {
        guard error.kind == .notFound, !name.hasPrefix(local) else { throw error }
      }
    }
    let reference = try Reference(parsing: try registryDestination(name, doing: doing)).withDefaultTag
    let client = try registryClient(for: reference, access: access)
    let source = reference.withoutDigest.withoutTag
    let top = try client.manifest(ManifestName(reference))
    guard case .index(let index) = try top.document() else {
      return [(try bring(top, nil, client, ingest, doing: doing), source)]
    }
    var wanted = index.manifests.filter { $0.mediaType.kind == .manifest }
    if !all {
      guard let own = index.manifest(for: .host) else {
        throw EngineError(
          .notFound, doing, "\(reference.familiar) has no image for \(Platform.host)",
          hint: "--all adds all that it lists")
      }
      wanted = [own]
    }
    return try wanted.map {
      (try bring(try client.manifest(.digest($0.digest)), $0, client, ingest, doing: doing), source)
    }
  }

  /// Brings manifest and config of an image into the store; its layers stay where they are until the list is pushed.
  private func bring(
    _ remote: RemoteManifest, _ listed: Descriptor?, _ client: RegistryClient, _ ingest: ContentIngest, doing: String
  ) throws -> Descriptor {
    guard case .manifest(let manifest) = try remote.document() else {
      throw EngineError(.unsupported, doing, "\(remote.digest) is a list in a list")
    }
    try ingest.pin(blobs: [remote.digest, manifest.config.digest])
    let config = try client.blob(manifest.config)
    for bytes in [remote.bytes, config] where try !BlobStore(directory).contains(SHA256Stream.digest(bytes)) {
      _ = try ingest.add(blob: bytes)
    }
    var platform = listed?.platform
    if platform == nil, manifest.artifactKind == nil { platform = try ImageConfig(parsing: config).platform }
    return Descriptor(
      mediaType: manifest.mediaType, digest: remote.digest, size: Int64(remote.bytes.count), platform: platform,
      annotations: listed?.annotations ?? [])
  }

  /// Changes what a list says about one of its images.
  /// - Returns: the digest of the image's manifest.
  package func annotateManifestList(
    _ name: String, image: String, _ change: ManifestEntryChange
  ) throws(EngineError) -> String {
    let doing = "annotating \(safeText(image)) in the manifest list \(safeText(name))"
    let reference = try listReference(name, doing: doing)
    return try manifestLists.change(reference) { (list) throws(EngineError) in
      let position = try self.position(of: image, in: list, reference, doing: doing)
      guard var entry = list?.index.manifests[position] else { throw missingList(reference, doing) }
      change.apply(to: &entry)
      list?.index.manifests[position] = entry
      return entry.digest.description
    }
  }

  /// Takes an image out of a list.
  /// - Returns: the digest of its manifest.
  package func removeFromManifestList(_ name: String, image: String) throws(EngineError) -> String {
    let doing = "removing \(safeText(image)) from the manifest list \(safeText(name))"
    let reference = try listReference(name, doing: doing)
    return try manifestLists.change(reference) { (list) throws(EngineError) in
      let position = try self.position(of: image, in: list, reference, doing: doing)
      guard let entry = list?.index.manifests.remove(at: position) else { throw missingList(reference, doing) }
      list?.sources[entry.digest] = nil
      return entry.digest.description
    }
  }

  /// An entry by its digest, or by a name that stands for it here.
  private func position(
    of image: String, in list: ManifestList?, _ name: Reference, doing: String
  ) throws(EngineError) -> Int {
    guard let list else { throw missingList(name, doing) }
    var digests: Set<Digest> = []
    // No digest and no reference here: it may be the other one, or a name of an image.
    if let digest = try? Digest(parsing: image) { digests.insert(digest) }
    let reference = try? Reference(parsing: image)
    if let digest = reference?.digest { digests.insert(digest) }
    if digests.isEmpty, let found = try? images.find(image, doing: doing) {
      digests.insert(found.image.manifest.digest)
    }
    if let position = list.index.manifests.firstIndex(where: { digests.contains($0.digest) }) { return position }
    let named = list.index.manifests.indices.filter { index in
      guard let source = list.sources[list.index.manifests[index].digest] else { return false }
      return source.name == reference?.name
    }
    guard named.count == 1 else {
      throw EngineError(
        .notFound, doing, named.isEmpty ? "the list does not have it" : "the list has several of that repository",
        hint: "dhow manifest inspect \(name.familiar) shows the digests")
    }
    return named[0]
  }

  /// Removes a list; the images stay.
  package func removeManifestList(_ name: String) throws(EngineError) {
    let doing = "removing the manifest list \(safeText(name))"
    let reference = try listReference(name, doing: doing)
    try manifestLists.change(reference) { (list) throws(EngineError) in
      guard list != nil else { throw missingList(reference, doing) }
      list = nil
    }
  }

  package func hasManifestList(_ name: String) throws(EngineError) -> Bool {
    let reference = try listReference(name, doing: "looking for the manifest list \(safeText(name))")
    return try manifestLists.list(named: reference) != nil
  }

  /// Sends a list to a registry, with the images that it lists.
  package func pushManifestList(
    _ request: ManifestPushRequest, observer: any TransferObserver
  ) throws(EngineError) -> PushedImage {
    let doing = "pushing the manifest list \(safeText(request.list))"
    do {
      let name = try listReference(request.list, doing: doing)
      guard let list = try manifestLists.list(named: name) else { throw missingList(name, doing) }
      guard !list.index.manifests.isEmpty else {
        throw EngineError(
          .invalidInput, doing, "the list is empty", hint: "dhow manifest add \(name.familiar) IMAGE")
      }
      let target = try tagReference(
        try registryDestination(request.destination ?? request.list, doing: doing), doing: doing)
      var push = PushRequest(image: request.list)
      push.access = request.access
      push.manifestFormat = request.manifestFormat
      let plan = try PushPlanner(images: images, request: push, doing: doing)
        .plan(list, withContent: request.withContent)
      let client = try registryClient(for: target, actions: [.pull, .push], access: request.access)
      var sources = try MountSources(images, for: target)
      for blob in plan.blobs {
        guard let source = blob.source, source.domain == target.domain, source.path != target.path else { continue }
        sources.add(blob.descriptor.digest, source.path)
      }
      let pushed = try send(plan, as: target, push, client, sources, observer, doing: doing)
      if request.removesList { try removeManifestList(request.list) }
      return PushedImage(
        name: target.description, tag: pushed.tag, digest: pushed.digest.description, size: pushed.size)
    } catch let interrupted as Interrupted {
      observer.end()
      interrupted.die()
    } catch {
      observer.end()
      try during(doing) { throw error }
      throw EngineError(.internal, doing, "\(error)")
    }
  }

  private func listReference(_ name: String, doing: String) throws(EngineError) -> Reference {
    try tagReference(name, doing: doing)
  }

  private func missingList(_ name: Reference, _ doing: String) -> EngineError {
    EngineError(
      .notFound, doing, "No such manifest list: \(name.familiar)",
      hint: "dhow manifest create \(name.familiar) begins one")
  }
}

extension ManifestEntryChange {
  func apply(to entry: inout Descriptor) {
    if os != nil || architecture != nil || variant != nil || osVersion != nil || !osFeatures.isEmpty {
      let old = entry.platform ?? Platform(os: "linux", architecture: "")
      entry.platform = Platform(
        os: os ?? old.os, architecture: architecture ?? old.architecture, variant: variant ?? old.variant,
        osVersion: osVersion ?? old.osVersion, osFeatures: osFeatures.isEmpty ? old.osFeatures : osFeatures)
    }
    for annotation in annotations {
      entry.annotations.removeAll { $0.0 == annotation.0 }
      entry.annotations.append(annotation)
    }
  }
}
