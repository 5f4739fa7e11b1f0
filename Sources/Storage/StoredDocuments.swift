package import Basics
package import OCI

/// An index of the store with an entry of its own, as `registry serve` keeps what is pushed to it.
package struct StoredIndex: Equatable, Sendable {
  package var descriptor: Descriptor
  package var references: [Reference]
  package var digests: [Reference]
  /// What it refers to, nil for an ordinary index.
  package var subject: Digest?
}

extension ImageStore {
  /// All indexes with an entry of their own, in the order in which they came.
  package func indexes() throws(EngineError) -> [StoredIndex] {
    var result: [StoredIndex] = []
    for entry in try index().entries where entry.descriptor.mediaType.kind == .index {
      if let position = result.firstIndex(where: { $0.descriptor.digest == entry.descriptor.digest }) {
        if let name = entry.reference { result[position].references.append(name) }
        result[position].digests += entry.digests.filter { !result[position].digests.contains($0) }
        continue
      }
      let descriptor = Descriptor(
        mediaType: entry.descriptor.mediaType, digest: entry.descriptor.digest, size: entry.descriptor.size)
      result.append(
        StoredIndex(
          descriptor: descriptor, references: entry.reference.map { [$0] } ?? [], digests: entry.digests,
          subject: entry.subject))
    }
    return result
  }

  /// Keeps an index whose bytes are published, with a name that all other indexes lose. Images keep theirs.
  package func add(
    index descriptor: Descriptor, reference: Reference?, digests: [Reference], subject: Digest?, now: Timestamp = .now
  ) throws(EngineError) {
    try change { (file) throws(EngineError) in
      if let reference {
        file.remove(name: reference, keepsDigests: true) { $0.descriptor.mediaType.kind == .index }
        let known = file.removeUnnamed(descriptor.digest)
        file.append(descriptor, id: nil, reference: reference, digests: known + digests, subject: subject, now: now)
      } else if file.contains(descriptor.digest) {
        file.add(digests: digests, to: descriptor.digest)
      } else {
        file.append(descriptor, id: nil, reference: nil, digests: digests, subject: subject, now: now)
      }
    }
  }

  /// Adds manifests that refer to others, all at once.
  /// - Parameter repository: the repository they came from, without tag and digest.
  package func add(
    referrers: [StoredImage], digests repository: Reference, now: Timestamp = .now
  ) throws(EngineError) {
    if referrers.isEmpty { return }
    try change { (file) throws(EngineError) in
      for image in referrers {
        let name = repository.with(digest: image.manifest.digest)
        if file.contains(image.manifest.digest) {
          file.add(digests: [name], to: image.manifest.digest)
          if let subject = image.subject { file.set(subject: subject, of: image.manifest.digest) }
        } else {
          file.append(
            image.manifest, id: image.id, reference: nil, digests: [name], subject: image.subject, now: now)
        }
      }
    }
  }

  /// Takes a name away from images, of whatever platform, that are not among `manifests`: it stands for those from now on.
  package func untag(_ reference: Reference, exceptFrom manifests: Set<Digest>) throws(EngineError) {
    try change { (file) throws(EngineError) in
      file.remove(name: reference, keepsDigests: true) {
        $0.descriptor.mediaType.kind == .manifest && !manifests.contains($0.descriptor.digest)
      }
    }
  }

  /// What is in the store only on account of manifests that go: indexes that list them, and what refers to them or to an
  /// index they came by.
  package func dependents(
    of going: Set<Digest>
  ) throws(EngineError) -> (images: [StoredImage], indexes: Set<Digest>) {
    let file = try index()
    let images = try list()
    var gone = going
    let known = Set(images.filter { !going.contains($0.manifest.digest) }.flatMap { $0.digests.compactMap(\.digest) })
    for image in images where going.contains(image.manifest.digest) {
      gone.formUnion(image.digests.compactMap(\.digest).filter { !known.contains($0) })
    }
    var found: (images: [StoredImage], indexes: Set<Digest>) = ([], [])
    var isChanged = true
    while isChanged {
      isChanged = false
      for entry in file.entries where entry.descriptor.mediaType.kind == .index {
        let digest = entry.descriptor.digest
        guard !found.indexes.contains(digest) else { continue }
        let isOrphan = entry.reference == nil && entry.subject.map { gone.contains($0) } ?? false
        let isBroken = try lists(digest, anyOf: gone)
        guard isOrphan || isBroken else { continue }
        found.indexes.insert(digest)
        gone.insert(digest)
        isChanged = true
      }
      for image in images where image.isReferrer && !gone.contains(image.manifest.digest) {
        guard let subject = image.subject, gone.contains(subject) else { continue }
        found.images.append(image)
        gone.insert(image.manifest.digest)
        isChanged = true
      }
    }
    return found
  }

  private func lists(_ index: Digest, anyOf manifests: Set<Digest>) throws(EngineError) -> Bool {
    guard let document = try listed(index) else { return false }
    return document.manifests.contains { manifests.contains($0.digest) }
  }

  /// An index by its digest; nil when it is not here, is damaged or is no index.
  package func listed(_ digest: Digest) throws(EngineError) -> ImageIndex? {
    let blobs = BlobStore(directory)
    guard let size = try blobs.size(digest), size <= Int64(OCILimits.documentBytes) else { return nil }
    // A damaged one lists nothing; `system check` tells of it.
    guard let bytes = try? blobs.read(digest),
      case .index(let index)? = try? ManifestDocument(parsing: bytes, declared: nil)
    else { return nil }
    return index
  }

  /// What refers to manifests that are gone, and has no name: nobody can find it any more.
  package func orphans() throws(EngineError) -> [StoredImage] {
    let images = try list()
    var known = Set(try index().entries.map(\.descriptor.digest))
    known.formUnion(images.flatMap { $0.digests.compactMap(\.digest) })
    return images.filter { image in image.isReferrer && image.subject.map { !known.contains($0) } ?? false }
  }

  /// Indexes that have no name and list nothing that is here any more.
  package func emptyIndexes() throws(EngineError) -> Set<Digest> {
    let file = try index()
    var found: Set<Digest> = []
    for index in try indexes() where index.references.isEmpty {
      let entries = try listed(index.descriptor.digest)?.manifests ?? []
      if !entries.contains(where: { file.contains($0.digest) }) { found.insert(index.descriptor.digest) }
    }
    return found
  }

  /// What refers to any of these manifests, directly or by way of another referrer.
  package func referrers(of subjects: Set<Digest>) throws(EngineError) -> [StoredImage] {
    let images = try list()
    var known = subjects
    var found: [StoredImage] = []
    var isChanged = true
    while isChanged {
      isChanged = false
      for image in images where !known.contains(image.manifest.digest) {
        guard let subject = image.subject, known.contains(subject) else { continue }
        // An attestation goes with its image, in their index, and does not refer to it by itself.
        guard try manifest(of: image).subject?.digest == subject else { continue }
        found.append(image)
        known.insert(image.manifest.digest)
        isChanged = true
      }
    }
    return found
  }

  /// Blobs that an image has by way of the indexes it came by, as far as they are here: indexes in them and attestations,
  /// each with all it needs.
  package func indexContent(of image: StoredImage) throws(EngineError) -> Set<Digest> {
    var found: Set<Digest> = []
    for digest in image.digests.compactMap(\.digest) where digest != image.manifest.digest {
      try addIndexContent(digest, depth: 1, to: &found)
    }
    return found
  }

  private func addIndexContent(_ digest: Digest, depth: Int, to found: inout Set<Digest>) throws(EngineError) {
    guard depth <= WholeIndex.depth, let index = try listed(digest) else { return }
    let blobs = BlobStore(directory)
    for entry in index.manifests where !found.contains(entry.digest) {
      guard try blobs.contains(entry.digest) else { continue }
      if entry.mediaType.kind == .index {
        found.insert(entry.digest)
        try addIndexContent(entry.digest, depth: depth + 1, to: &found)
      } else if entry.isAttestation {
        found.insert(entry.digest)
        // As `listed`.
        guard let bytes = try? blobs.read(entry.digest),
          case .manifest(let manifest)? = try? ManifestDocument(parsing: bytes, declared: nil)
        else { continue }
        found.formUnion([manifest.config.digest] + manifest.layers.map(\.digest))
      }
    }
  }
}
