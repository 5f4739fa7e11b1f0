package import Basics
internal import LinuxKernel
package import OCI
package import Storage

/// The images of the store as repositories: the reading half of the registry. The index is read anew for each request.
package struct RegistryContents {
  private let images: ImageStore
  private let blobs: BlobStore
  private let directory: StateDirectory

  package init(_ directory: StateDirectory) {
    self.directory = directory
    images = ImageStore(directory)
    blobs = BlobStore(directory)
  }

  /// A manifest or index as it is stored.
  package struct Document: Sendable {
    package var mediaType: MediaType
    package var digest: Digest
    package var size: Int64
  }

  /// Names of all repositories, sorted.
  package func repositories() throws(EngineError) -> [String] {
    let names = try images.list().flatMap(\.references) + images.indexes().flatMap(\.references)
    return Set(names.compactMap(RepositoryName.served)).sorted(by: precedes)
  }

  /// Tags of a repository, sorted; nil when there is no such repository.
  package func tags(_ repository: String) throws(EngineError) -> [String]? {
    let members = try images.list().filter { Self.isServed($0, in: repository) }
    let indexes = try indexes(of: repository)
    if members.isEmpty && indexes.isEmpty { return nil }
    let names = members.flatMap(\.references) + indexes.flatMap(\.references)
    return Set(names.filter { RepositoryName.served($0) == repository }.compactMap(\.tag)).sorted(by: precedes)
  }

  /// ASCII order, as the specification asks ("lexical").
  private func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

  static func isServed(_ image: StoredImage, in repository: String) -> Bool {
    (image.references + image.digests).contains { RepositoryName.served($0) == repository }
  }

  private func indexes(of repository: String) throws(EngineError) -> [StoredIndex] {
    try images.indexes().filter { index in
      (index.references + index.digests).contains { RepositoryName.served($0) == repository }
    }
  }

  /// The manifest or index that a tag or digest means in a repository; nil when there is none.
  package func document(
    _ key: RegistryRoute.ManifestKey, in repository: String
  ) throws(EngineError) -> Document? {
    let members = try images.list().filter { Self.isServed($0, in: repository) }
    switch key {
    case .digest(let digest): return try document(digest, among: members, of: repository)
    case .tag(let tag): return try document(tag: tag, among: members, of: repository)
    }
  }

  private func document(
    _ digest: Digest, among members: [StoredImage], of repository: String
  ) throws(EngineError) -> Document? {
    if let image = members.first(where: { $0.manifest.digest == digest }) { return Self.document(image.manifest) }
    let indexes = try indexes(of: repository)
    if let index = indexes.first(where: { $0.descriptor.digest == digest }) { return Self.document(index.descriptor) }
    let isIndex = members.contains { image in
      image.digests.contains { $0.digest == digest && RepositoryName.served($0) == repository }
    }
    let isPart = try isListed(digest, by: indexes, members)
    guard isIndex || isPart, let size = try blobs.size(digest), size <= Int64(OCILimits.documentBytes) else {
      return nil
    }
    let type = try during("reading \(digest)") {
      switch try ManifestDocument(parsing: try blobs.read(digest), declared: nil) {
      case .index(let index): index.mediaType
      case .manifest(let manifest): manifest.mediaType
      }
    }
    return Document(mediaType: type, digest: digest, size: size)
  }

  /// Whether an index of the repository has the document: an attestation, or an index in it.
  private func isListed(
    _ digest: Digest, by indexes: [StoredIndex], _ members: [StoredImage]
  ) throws(EngineError) -> Bool {
    var next = Set(indexes.map(\.descriptor.digest))
    for image in members { next.formUnion(image.digests.compactMap(\.digest).filter { $0 != image.manifest.digest }) }
    for _ in 0..<WholeIndex.depth {
      var inner: Set<Digest> = []
      for index in next {
        guard let entries = try images.listed(index)?.manifests else { continue }
        if entries.contains(where: { $0.digest == digest && ($0.isAttestation || $0.mediaType.kind == .index) }) {
          return true
        }
        inner.formUnion(entries.filter { $0.mediaType.kind == .index }.map(\.digest))
      }
      next = inner
    }
    return false
  }

  private func document(
    tag: String, among members: [StoredImage], of repository: String
  ) throws(EngineError) -> Document? {
    // An index that was pushed under the tag is that; the names of its images only say what can be run.
    if let index = try indexes(of: repository).first(where: { index in
      index.references.contains { $0.tag == tag && RepositoryName.served($0) == repository }
    }) {
      return Self.document(index.descriptor)
    }
    func name(_ image: StoredImage) -> Reference? {
      let names = image.references.filter { $0.tag == tag && RepositoryName.served($0) == repository }
      return names.min { RepositoryName.rank($0) < RepositoryName.rank($1) }
    }
    let named = members.compactMap { image in name(image).map { (image: image, name: $0) } }
    guard let best = named.min(by: { RepositoryName.rank($0.name) < RepositoryName.rank($1.name) }) else { return nil }
    let chosen = named.filter { $0.name == best.name }.map(\.image)
    // A tag with all platforms of the index that it came with is that index again.
    if let whole = try images.wholeIndex(of: best.image) {
      let listed = Set(whole.blobs)
      let others = members.filter { listed.contains($0.manifest.digest) && !$0.references.isEmpty }
      if others.allSatisfy({ other in chosen.contains { $0.manifest.digest == other.manifest.digest } }) {
        return Document(
          mediaType: whole.descriptor.mediaType, digest: whole.descriptor.digest, size: whole.descriptor.size)
      }
    }
    let image = try images.image(named: best.name) ?? best.image
    return Self.document(image.manifest)
  }

  private static func document(_ descriptor: Descriptor) -> Document {
    Document(mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size)
  }

  package func read(_ document: Document) throws(EngineError) -> [UInt8] { try blobs.read(document.digest) }

  /// A published blob and its size; nil when the store does not have it.
  package func blob(_ digest: Digest) throws(EngineError) -> (file: Int32, size: Int64)? {
    guard let size = try blobs.size(digest) else { return nil }
    return (try blobs.open(digest).take(), size)
  }

  package func blobSize(_ digest: Digest) throws(EngineError) -> Int64? { try blobs.size(digest) }

  /// Manifests in a repository that name `digest` as their subject, as descriptors (section "Listing Referrers").
  package func referrers(_ digest: Digest, in repository: String) throws(EngineError) -> [Descriptor] {
    var found: [Descriptor] = []
    for image in try images.list() where Self.isServed(image, in: repository) {
      let manifest = try images.manifest(of: image)
      guard manifest.subject?.digest == digest else { continue }
      var descriptor = image.manifest
      descriptor.platform = nil
      descriptor.annotations = manifest.annotations
      descriptor.artifactType = manifest.artifactType ?? manifest.config.mediaType.rawValue
      found.append(descriptor)
    }
    for stored in try indexes(of: repository) where stored.subject == digest {
      guard let index = try images.listed(stored.descriptor.digest) else { continue }
      var descriptor = stored.descriptor
      descriptor.annotations = index.annotations
      descriptor.artifactType = index.artifactType
      found.append(descriptor)
    }
    return found
  }

  /// Why a blob cannot be deleted.
  package enum BlobDeletion: Equatable, Sendable {
    case deleted, unknown
    /// An image needs it that has a name, or that a container was made from.
    case needed
  }

  /// Removes a blob that no image needs but those that were deleted here, which then go as well.
  package func delete(blob digest: Digest) throws(EngineError) -> BlobDeletion {
    guard try blobs.contains(digest) else { return .unknown }
    var used: Set<Digest> = []
    let containers = ContainerStore(directory)
    for id in try containers.ids() {
      // One whose record is damaged keeps what it has by its layers.
      if let record = try? containers.record(id), let image = record.imageID { used.insert(image) }
    }
    var going: [StoredImage] = []
    for image in try images.list() {
      let manifest = try images.manifest(of: image)
      let content = [image.manifest.digest, manifest.config.digest] + manifest.layers.map(\.digest)
      let beside = try images.indexContent(of: image)
      guard content.contains(digest) || beside.contains(digest) else { continue }
      guard image.references.isEmpty, image.digests.isEmpty, !used.contains(image.id) else { return .needed }
      going.append(image)
    }
    guard try !images.indexes().contains(where: { $0.descriptor.digest == digest }) else { return .needed }
    let others = try images.dependents(of: Set(going.map(\.manifest.digest)))
    var candidates: (blobs: [Digest], layers: [Digest]) = ([digest] + others.indexes, [])
    for image in going + others.images {
      candidates.blobs += [image.manifest.digest, image.id] + (try images.manifest(of: image).layers.map(\.digest))
      if image.isUnpacked { candidates.layers += (try? images.config(of: image).diffIDs) ?? [] }
    }
    try images.remove(Set((going + others.images).map(\.manifest.digest)).union(others.indexes))
    _ = try GarbageCollector(directory).collect(only: candidates)
    // Somebody may be bringing in an image with it.
    return try blobs.contains(digest) ? .needed : .deleted
  }

  /// Takes a tag away, or all names of a manifest in a repository. The image stays, without that name; without its tag it is
  /// still there by its digest.
  /// - Returns: false when there was none.
  package func delete(_ key: RegistryRoute.ManifestKey, in repository: String) throws(EngineError) -> Bool {
    var isFound = false
    for image in try images.list() {
      for reference in image.references + image.digests where RepositoryName.served(reference) == repository {
        switch key {
        case .tag(let tag) where reference.tag == tag && reference.digest == nil:
          isFound = try images.untag(reference, keepsDigests: true) || isFound
        case .digest(let digest) where reference.digest == digest:
          isFound = try images.untag(reference) || isFound
        case .digest(let digest) where image.manifest.digest == digest && reference.digest == nil:
          isFound = try images.untag(reference, from: digest) || isFound
        default: continue
        }
      }
    }
    for index in try indexes(of: repository) {
      for reference in index.references + index.digests where RepositoryName.served(reference) == repository {
        switch key {
        case .tag(let tag) where reference.tag == tag && reference.digest == nil:
          isFound = try images.untag(reference, keepsDigests: true) || isFound
          continue
        case .digest(let digest) where index.descriptor.digest == digest: break
        default: continue
        }
        isFound = try images.untag(reference) || isFound
      }
    }
    if case .digest(let digest) = key, isFound { try forget(digest) }
    return isFound
  }

  /// What has no name left and is no image for people: nobody would find it to remove it.
  private func forget(_ digest: Digest) throws(EngineError) {
    let isIndex = try images.indexes().contains {
      $0.descriptor.digest == digest && $0.references.isEmpty && $0.digests.isEmpty
    }
    let isReferrer = try images.list().contains {
      $0.manifest.digest == digest && $0.isReferrer && $0.digests.isEmpty
    }
    guard isIndex || isReferrer else { return }
    var blobs = [digest]
    if let image = try images.list().first(where: { $0.manifest.digest == digest }) {
      blobs += [image.id] + (try images.manifest(of: image).layers.map(\.digest))
    }
    try images.remove([digest])
    _ = try GarbageCollector(directory).collect(only: (blobs, []))
  }
}
