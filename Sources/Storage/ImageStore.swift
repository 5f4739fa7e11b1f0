package import Basics
import LinuxKernel
package import OCI

/// An image of the store: a manifest in the index, with its names.
package struct StoredImage: Equatable, Sendable {
  package var manifest: Descriptor
  /// Digest of the config: what people know as the image's id.
  package var id: Digest
  /// Names in the order they were given; none for a dangling image.
  package var references: [Reference]
  /// When the image got its last name, nil when nobody wrote it down.
  package var tagged: Timestamp?

  package init(manifest: Descriptor, id: Digest, references: [Reference], tagged: Timestamp? = nil) {
    self.manifest = manifest
    self.id = id
    self.references = references
    self.tagged = tagged
  }
}

/// The images: `index.json` of the OCI layout. An image has one entry for each name, with the full normalized name in the
/// annotation `org.opencontainers.image.ref.name`, or one without it. Readers take no lock; changes are made under the
/// exclusive `content` lock.
package struct ImageStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// All images, in the order in which they came.
  package func list() throws(EngineError) -> [StoredImage] { try images(in: try index()) }

  /// The image with that name exactly, nil when there is none.
  package func image(named reference: Reference) throws(EngineError) -> StoredImage? {
    let images = try list()
    return images.first { $0.references.contains(reference) }
  }

  /// The image a person means: by digest or full id, by name, or by the beginning of its id, in this order as docker does.
  /// A name without tag is `latest`; `x` and `localhost/x` find each other.
  /// - Returns: the image and the name by which it was found, nil for an id or digest.
  package func find(_ text: String, doing: String) throws(EngineError) -> (image: StoredImage, name: Reference?) {
    let images = try list()
    let shown = safeText(String(text.prefix(300)))
    // Not a digest is not an error here: it may be a name.
    if let digest = Digest(.sha256, hex: text) ?? (try? Digest(parsing: text)) {
      if let image = images.first(where: { $0.id == digest || $0.manifest.digest == digest }) { return (image, nil) }
      throw Self.missing(shown, doing)
    }
    let parsed = Result { () throws(OCIFormatError) in try Reference(parsing: text) }
    if case .success(let reference) = parsed, let found = find(reference, in: images) { return found }
    if let found = try find(prefix: text, in: images, doing) { return (found, nil) }
    switch parsed {
    case .success(let reference): throw Self.missing(reference.withDefaultTag.familiar, doing)
    case .failure(let error): throw EngineError(.invalidInput, doing, error.reason)
    }
  }

  private func find(_ reference: Reference, in images: [StoredImage]) -> (image: StoredImage, name: Reference?)? {
    for candidate in [reference, reference.localAlternative].compactMap({ $0?.withDefaultTag }) {
      if let digest = candidate.digest {
        // A digest decides; the name before it must be one of the image's, in any tag.
        let image = images.first { image in
          image.manifest.digest == digest && image.references.contains { $0.name == candidate.name }
        }
        if let image { return (image, nil) }
      } else if let image = images.first(where: { $0.references.contains(candidate) }) {
        return (image, candidate)
      }
    }
    return nil
  }

  private func find(
    prefix text: String, in images: [StoredImage], _ doing: String
  ) throws(EngineError) -> StoredImage? {
    let hex = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
    guard !hex.isEmpty, isLowerHex(hex, count: hex.utf8.count) else { return nil }
    let matches = images.filter { $0.id.hex.hasPrefix(hex) }
    guard Set(matches.map(\.id)).count <= 1 else {
      throw EngineError(.invalidInput, doing, "Multiple IDs found with provided prefix: \(text)")
    }
    return matches.first
  }

  package static func missing(_ shown: String, _ doing: String) -> EngineError {
    EngineError(.notFound, doing, "No such image: \(shown)", hint: "dhow images lists the images there are")
  }

  /// The config of an image, checked against its id.
  package func config(of image: StoredImage) throws(EngineError) -> ImageConfig {
    let bytes = try BlobStore(directory).read(image.id)
    return try during("reading the config of image \(image.id.short)") { try ImageConfig(parsing: bytes) }
  }

  /// The manifest of an image, checked against its digest.
  package func manifest(of image: StoredImage) throws(EngineError) -> ImageManifest {
    let bytes = try BlobStore(directory).read(image.manifest.digest)
    return try during("reading the manifest of image \(image.id.short)") {
      switch try ManifestDocument(parsing: bytes, declared: image.manifest.mediaType) {
      case .manifest(let manifest): return manifest
      case .index: throw OCIFormatError("image manifest", "is an index")
      }
    }
  }
}

extension ImageStore {
  /// Adds an image whose content is published and still pinned; with a name it takes that name from any other image.
  /// - Returns: the id of the image that lost the name, and has none left.
  @discardableResult
  package func add(
    manifest: Descriptor, id: Digest, reference: Reference?, now: Timestamp = .now
  ) throws(EngineError) -> Digest? {
    try change { index throws(EngineError) in
      var replaced: Digest?
      if let reference {
        replaced = try images(in: index).first { $0.references == [reference] && $0.id != id }?.id
        index.remove(name: reference)
        index.removeUnnamed(manifest.digest)
        index.append(manifest, id: id, reference: reference, now: now)
      } else if !index.contains(manifest.digest) {
        index.append(manifest, id: id, reference: nil, now: now)
      }
      return replaced
    }
  }

  /// Gives an image one more name, which any other image loses.
  package func tag(_ image: StoredImage, as reference: Reference, now: Timestamp = .now) throws(EngineError) {
    try change { (index) throws(EngineError) in
      guard index.contains(image.manifest.digest) else {
        throw Self.missing(image.id.short, "tagging \(reference.familiar)")
      }
      index.remove(name: reference)
      index.removeUnnamed(image.manifest.digest)
      index.append(image.manifest, id: image.id, reference: reference, now: now)
    }
  }

  /// Takes a name away. The image stays, without a name when it was the last.
  /// - Returns: false when nobody has that name.
  @discardableResult
  package func untag(_ reference: Reference) throws(EngineError) -> Bool {
    try change { (index) throws(EngineError) in index.remove(name: reference) }
  }

  /// Takes images and all their names out of the index; their content is left to `GarbageCollector`.
  package func remove(_ manifests: Set<Digest>) throws(EngineError) {
    try change { (index) throws(EngineError) in index.remove(manifests: manifests) }
  }

  /// Changes the index under the exclusive `content` lock.
  func change<Value>(
    _ body: (inout IndexFile) throws(EngineError) -> Value
  ) throws(EngineError) -> Value {
    try directory.prepare()
    let lock = try StoreLock.acquire(.content, in: directory)
    defer { withExtendedLifetime(lock) {} }
    return try changeLocked(body)
  }

  /// The same for who holds the lock.
  func changeLocked<Value>(
    _ body: (inout IndexFile) throws(EngineError) -> Value
  ) throws(EngineError) -> Value {
    var index = try index()
    let before = index
    let value = try body(&index)
    if index != before {
      try during("writing the image index") {
        try faultPoint("store.index.changed")
        try RecordFile.write(index.json, at: directory.root.raw, StatePath.index, durable: true)
      }
    }
    return value
  }

  func index() throws(EngineError) -> IndexFile {
    try during("reading the image index") {
      guard let bytes = try RecordFile.readSmall(at: directory.root.raw, StatePath.index) else { return IndexFile() }
      return try IndexFile(parsing: bytes)
    }
  }

  private func images(in index: IndexFile) throws(EngineError) -> [StoredImage] {
    var result: [StoredImage] = []
    var positions: [Digest: Int] = [:]
    for entry in index.entries where entry.descriptor.mediaType.kind == .manifest {
      let digest = entry.descriptor.digest
      if let position = positions[digest] {
        if let name = entry.reference { result[position].references.append(name) }
        result[position].tagged = [result[position].tagged, entry.tagged].compactMap { $0 }.max()
        continue
      }
      positions[digest] = result.count
      var descriptor = entry.descriptor
      descriptor.annotations = []
      result.append(
        StoredImage(
          manifest: descriptor, id: entry.id ?? configDigest(of: descriptor),
          references: entry.reference.map { [$0] } ?? [], tagged: entry.tagged))
    }
    return result
  }

  /// The id of an image that another tool put into the layout. One whose manifest is damaged is known by its manifest, so
  /// that the others can still be listed and it can be removed.
  private func configDigest(of descriptor: Descriptor) -> Digest {
    let image = StoredImage(manifest: descriptor, id: descriptor.digest, references: [])
    return (try? manifest(of: image).config.digest) ?? descriptor.digest  // see above
  }
}
