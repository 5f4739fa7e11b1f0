package import Basics
internal import LinuxKernel
package import OCI
package import Storage

/// The images of the store as repositories: the reading half of the registry. The index is read anew for each request.
package struct RegistryContents {
  private let images: ImageStore
  private let blobs: BlobStore

  package init(_ directory: StateDirectory) {
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
    Set(try images.list().flatMap(\.references).compactMap(RepositoryName.served)).sorted(by: precedes)
  }

  /// Tags of a repository, sorted; nil when there is no such repository.
  package func tags(_ repository: String) throws(EngineError) -> [String]? {
    let members = try images.list().filter { Self.isServed($0, in: repository) }
    if members.isEmpty { return nil }
    let names = members.flatMap(\.references).filter { RepositoryName.served($0) == repository }
    return Set(names.compactMap(\.tag)).sorted(by: precedes)
  }

  /// ASCII order, as the specification asks ("lexical").
  private func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

  static func isServed(_ image: StoredImage, in repository: String) -> Bool {
    (image.references + image.digests).contains { RepositoryName.served($0) == repository }
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
    let isIndex = members.contains { image in
      image.digests.contains { $0.digest == digest && RepositoryName.served($0) == repository }
    }
    guard isIndex, let size = try blobs.size(digest), size <= Int64(OCILimits.documentBytes) else { return nil }
    let type = try during("reading \(digest)") {
      switch try ManifestDocument(parsing: try blobs.read(digest), declared: nil) {
      case .index(let index): index.mediaType
      case .manifest(let manifest): manifest.mediaType
      }
    }
    return Document(mediaType: type, digest: digest, size: size)
  }

  private func document(
    tag: String, among members: [StoredImage], of repository: String
  ) throws(EngineError) -> Document? {
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
    return found
  }

  /// Takes a tag away, or all names of a manifest in a repository. The image stays, without that name.
  /// - Returns: false when there was none.
  package func delete(_ key: RegistryRoute.ManifestKey, in repository: String) throws(EngineError) -> Bool {
    var isFound = false
    for image in try images.list() {
      for reference in image.references + image.digests where RepositoryName.served(reference) == repository {
        switch key {
        case .tag(let tag) where reference.tag == tag && reference.digest == nil:
          isFound = try images.untag(reference) || isFound
        case .digest(let digest) where reference.digest == digest:
          isFound = try images.untag(reference) || isFound
        case .digest(let digest) where image.manifest.digest == digest && reference.digest == nil:
          isFound = try images.untag(reference, from: digest) || isFound
        default: continue
        }
      }
    }
    return isFound
  }
}
