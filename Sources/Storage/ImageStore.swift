package import Basics
internal import Glibc
import LinuxKernel
package import OCI

/// An image of the store: a manifest in the index, with its names.
package struct StoredImage: Equatable, Sendable {
  /// With the platform, unless another tool made the entry.
  package var manifest: Descriptor
  /// Digest of the config: what people know as the image's id.
  package var id: Digest
  /// Names in the order they were given; none for a dangling image.
  package var references: [Reference]
  /// `repository@digest` of the registries it was pulled from or pushed to: of the manifest, or of the index that it was
  /// chosen from, whose blob then is in the store as well.
  package var digests: [Reference]
  /// When the image got its last name, nil when nobody wrote it down.
  package var tagged: Timestamp?
  /// What it refers to, when it is a signature, a bill of materials or an attestation of something else.
  package var subject: Digest?
  /// False when its layers are no archives of files, or not here: `registry serve` keeps and gives back such images as
  /// well, and nothing can be run of them.
  package var isUnpacked = true

  /// True for what goes with something else, and is no image of its own for people.
  package var isReferrer: Bool { subject != nil && references.isEmpty }

  package init(
    manifest: Descriptor, id: Digest, references: [Reference], digests: [Reference] = [], tagged: Timestamp? = nil,
    subject: Digest? = nil, isUnpacked: Bool = true
  ) {
    self.manifest = manifest
    self.id = id
    self.references = references
    self.digests = digests
    self.tagged = tagged
    self.subject = subject
    self.isUnpacked = isUnpacked
  }
}

/// The images: `index.json` of the OCI layout. An image has one entry for each name, with the full normalized name in the
/// annotation `org.opencontainers.image.ref.name`, or one without it. A name is held by one image for each platform.
/// Readers take no lock; changes are made under the exclusive `content` lock.
package struct ImageStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// All images, in the order in which they came.
  package func list() throws(EngineError) -> [StoredImage] { try images(in: try index()) }

  /// The image with that name exactly, of several the one for `platform` or else the host's; nil when there is none.
  package func image(
    named reference: Reference, platform: Platform? = nil
  ) throws(EngineError) -> StoredImage? {
    try choose(among: try list().filter { $0.references.contains(reference) }, platform)
  }

  /// All images with that name exactly, one for each platform.
  package func images(named reference: Reference) throws(EngineError) -> [StoredImage] {
    try list().filter { $0.references.contains(reference) }
  }

  /// The image a person means: by digest or full id, by name, or by the beginning of its id, in this order as docker does.
  /// A name without tag is `latest`; `x` and `localhost/x` find each other.
  /// - Parameter platform: of several images of one name the one that runs best there; nil is the host's, or the first.
  /// - Returns: the image and the name by which it was found, nil for an id or digest.
  /// - Throws: `notFound` also when there are images of that name, but none for `platform`.
  package func find(
    _ text: String, platform: Platform? = nil, doing: String
  ) throws(EngineError) -> (image: StoredImage, name: Reference?) {
    let images = try list()
    let shown = safeText(String(text.prefix(300)))
    func chosen(_ candidates: [StoredImage]) throws(EngineError) -> StoredImage? {
      if candidates.isEmpty { return nil }
      if let image = try choose(among: candidates, platform) { return image }
      let there = try candidates.map { (image) throws(EngineError) in try self.platform(of: image).description }
      throw EngineError(
        .notFound, doing,
        "image \(shown) is for \(Set(there).sorted().joined(separator: ", ")), not for \(platform ?? .host)")
    }
    // Not a digest is not an error here: it may be a name.
    if let digest = Digest(.sha256, hex: text) ?? (try? Digest(parsing: text)) {
      let exact = images.filter { $0.id == digest || $0.manifest.digest == digest }
      let wider = exact.isEmpty ? images.filter { $0.digests.contains { $0.digest == digest } } : exact
      if let image = try chosen(wider) { return (image, nil) }
      throw Self.missing(shown, doing)
    }
    let parsed = Result { () throws(OCIFormatError) in try Reference(parsing: text) }
    if case .success(let reference) = parsed {
      for candidate in [reference, reference.localAlternative].compactMap({ $0?.withDefaultTag }) {
        let matches = images.filter { Self.isNamed($0, candidate) }
        if let image = try chosen(matches) { return (image, candidate.digest == nil ? candidate : nil) }
      }
    }
    if let found = try find(prefix: text, in: images, doing) { return (found, nil) }
    switch parsed {
    case .success(let reference): throw Self.missing(reference.withDefaultTag.familiar, doing)
    case .failure(let error): throw EngineError(.invalidInput, doing, error.reason)
    }
  }

  /// A digest decides; the name before it must be one of the image's, in any tag (SECURITY B14).
  private static func isNamed(_ image: StoredImage, _ reference: Reference) -> Bool {
    guard let digest = reference.digest else { return image.references.contains(reference) }
    if image.digests.contains(where: { $0.digest == digest && $0.name == reference.name }) { return true }
    return image.manifest.digest == digest && (image.references + image.digests).contains { $0.name == reference.name }
  }

  /// The one of several images that runs best on a platform. Without a wish it is the host's, and where none is for the
  /// host the first.
  private func choose(among images: [StoredImage], _ wanted: Platform?) throws(EngineError) -> StoredImage? {
    if wanted == nil, images.count <= 1 { return images.first }
    var best: (distance: Int, image: StoredImage)?
    for image in images {
      guard let distance = (wanted ?? .host).distance(to: try platform(of: image)) else { continue }
      if best.map({ distance < $0.distance }) ?? true { best = (distance, image) }
    }
    return best?.image ?? (wanted == nil ? images.first : nil)
  }

  /// What an image runs on: as the index says, or its config.
  package func platform(of image: StoredImage) throws(EngineError) -> Platform {
    if let platform = image.manifest.platform, !platform.architecture.isEmpty { return platform }
    return try config(of: image).platform
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
  /// Adds an image whose content is published and still pinned; with a name it takes that name from any other image for
  /// the same platform.
  /// - Parameters:
  ///   - manifest: with its platform, which is the host's when it has none.
  ///   - digests: the names with digests it was pulled by.
  ///   - subject: what it refers to and goes with; nil for an ordinary image.
  /// - Returns: the id of the image that lost the name, and has none left.
  @discardableResult
  package func add(
    manifest: Descriptor, id: Digest, reference: Reference?, digests: [Reference] = [], subject: Digest? = nil,
    isUnpacked: Bool = true, now: Timestamp = .now
  ) throws(EngineError) -> Digest? {
    try change { index throws(EngineError) in
      var replaced: Digest?
      if let reference {
        let holders = try images(in: index).filter { $0.references.contains(reference) }
        var losers: Set<Digest> = [manifest.digest]
        for holder in holders where try isSamePlatform(holder, manifest.platform ?? .host) {
          losers.insert(holder.manifest.digest)
          if holder.references == [reference], holder.id != id { replaced = holder.id }
        }
        let kept = index.entries.filter { $0.descriptor.digest == manifest.digest }.flatMap(\.digests)
        index.remove(name: reference, keepsDigests: true) {
          losers.contains($0.descriptor.digest) || $0.descriptor.mediaType.kind == .index
        }
        _ = index.removeUnnamed(manifest.digest)
        index.append(manifest, id: id, reference: reference, subject: subject, isUnpacked: isUnpacked, now: now)
        index.add(digests: kept + digests, to: manifest.digest)
      } else if !index.contains(manifest.digest) {
        index.append(
          manifest, id: id, reference: nil, digests: digests, subject: subject, isUnpacked: isUnpacked, now: now)
      } else {
        index.add(digests: digests, to: manifest.digest)
        if let subject { index.set(subject: subject, of: manifest.digest) }
      }
      return replaced
    }
  }

  /// An image whose config is damaged loses its name whatever it was for.
  private func isSamePlatform(_ image: StoredImage, _ platform: Platform) throws(EngineError) -> Bool {
    do throws(EngineError) {
      let own = try self.platform(of: image)
      return own.os == platform.os && own.architecture == platform.architecture && own.variant == platform.variant
    } catch {
      guard error.kind == .corrupt || error.kind == .invalidInput else { throw error }
      return true
    }
  }

  /// Gives an image one more name, which all other images lose.
  package func tag(_ image: StoredImage, as reference: Reference, now: Timestamp = .now) throws(EngineError) {
    try tag([image], as: reference, now: now)
  }

  /// Gives images for different platforms one more name, which all other images lose.
  package func tag(_ images: [StoredImage], as reference: Reference, now: Timestamp = .now) throws(EngineError) {
    try change { (index) throws(EngineError) in
      for image in images where !index.contains(image.manifest.digest) {
        throw Self.missing(image.id.short, "tagging \(reference.familiar)")
      }
      index.remove(name: reference, keepsDigests: true)
      for image in images {
        let digests = index.removeUnnamed(image.manifest.digest)
        index.append(
          image.manifest, id: image.id, reference: reference, digests: digests, subject: image.subject,
          isUnpacked: image.isUnpacked, now: now)
      }
    }
  }

  /// Notes a name with a digest by which an image is known to a registry, as after a push.
  package func add(digest: Reference, to image: StoredImage) throws(EngineError) {
    try change { (index) throws(EngineError) in index.add(digests: [digest], to: image.manifest.digest) }
  }

  /// Takes a name away, and with the last one of a repository the names with digests there. The image stays, without a
  /// name when it was the last.
  /// - Parameters:
  ///   - manifest: of the image that loses it; nil is all that have it.
  ///   - keepsDigests: the names with digests stay in any case.
  /// - Returns: false when nobody has that name.
  @discardableResult
  package func untag(
    _ reference: Reference, from manifest: Digest? = nil, keepsDigests: Bool = false
  ) throws(EngineError) -> Bool {
    try change { (index) throws(EngineError) in
      if reference.digest != nil { return index.remove(digest: reference) }
      let isFound = index.remove(name: reference, keepsDigests: keepsDigests) {
        manifest == nil || $0.descriptor.digest == manifest
      }
      // An index that has its name for the sake of its images keeps it no longer than they do.
      if isFound, manifest != nil,
        !index.entries.contains(where: { $0.reference == reference && $0.descriptor.mediaType.kind == .manifest })
      {
        index.remove(name: reference, keepsDigests: true) { $0.descriptor.mediaType.kind == .index }
      }
      return isFound
    }
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
        try write(index, after: before)
      }
    }
    return value
  }

  /// Replaces the index. One that has become no larger may take the reserve, for it is made so by who wants room.
  private func write(_ index: IndexFile, after before: IndexFile) throws(SystemError) {
    let json = index.json
    let reserve = SpaceReserve(directory: directory)
    do throws(SystemError) {
      try RecordFile.write(json, at: directory.root.raw, StatePath.index, durable: true)
    } catch {
      guard error.errno == ENOSPC || error.errno == EDQUOT, index.entries.count <= before.entries.count,
        json.bytes().count <= before.json.bytes().count, reserve.release()
      else { throw error }
      try RecordFile.write(json, at: directory.root.raw, StatePath.index, durable: true)
    }
    reserve.keep(forIndexOf: index.entries.count * 400)
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
        result[position].digests += entry.digests.filter { !result[position].digests.contains($0) }
        result[position].tagged = [result[position].tagged, entry.tagged].compactMap { $0 }.max()
        continue
      }
      positions[digest] = result.count
      var descriptor = entry.descriptor
      descriptor.annotations = []
      result.append(
        StoredImage(
          manifest: descriptor, id: entry.id ?? configDigest(of: descriptor),
          references: entry.reference.map { [$0] } ?? [], digests: entry.digests, tagged: entry.tagged,
          subject: entry.subject, isUnpacked: entry.isUnpacked))
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
