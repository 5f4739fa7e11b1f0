import Basics
import OCI

/// `index.json` as it is edited: entries and members that are not ours stay as they are.
struct IndexFile: Equatable {
  struct Entry: Equatable {
    var descriptor: Descriptor
    /// The entry as it stands in the file.
    var json: JSON

    /// The name, nil for an entry without one or with one that is no reference.
    var reference: Reference? {
      // A name of another tool that is no reference names nothing for us.
      descriptor.annotation(Annotation.refName).flatMap { try? Reference(parsing: $0).withDefaultTag }
    }

    /// The config's digest, which we note so that a look-up need not read every manifest; nil when it is not ours.
    var id: Digest? {
      // A note that is no digest is as good as none.
      descriptor.annotation(configAnnotation).flatMap { try? Digest(parsing: $0) }
    }

    /// The names with digests by which the image was pulled or pushed.
    var digests: [Reference] {
      // What is no reference was not written by us.
      (descriptor.annotation(digestsAnnotation) ?? "").split(separator: " ").compactMap {
        try? Reference(parsing: String($0))
      }
    }

    /// What the manifest refers to, as we noted: it goes with that.
    var subject: Digest? {
      descriptor.annotation(subjectAnnotation).flatMap { try? Digest(parsing: $0) }  // As above.
    }

    /// False for an image whose layers are no archives of files, or not here.
    var isUnpacked: Bool { descriptor.annotation(unpackedAnnotation) != "false" }

    var tagged: Timestamp? { descriptor.annotation(taggedAnnotation).flatMap(Timestamp.init(rfc3339:)) }
  }

  static let configAnnotation = "dhow.config.digest"
  static let taggedAnnotation = "dhow.tagged"
  static let digestsAnnotation = "dhow.digests"
  static let subjectAnnotation = "dhow.subject"
  static let unpackedAnnotation = "dhow.unpacked"
  private static let ownAnnotations = [
    Annotation.refName, configAnnotation, taggedAnnotation, digestsAnnotation, subjectAnnotation, unpackedAnnotation,
  ]

  var entries: [Entry] = []
  private var document = ImageIndex(manifests: []).json

  init() {}

  init(parsing bytes: [UInt8]) throws {
    let index = try ImageLayout.index(parsing: bytes)
    document = try JSON(parsing: bytes)
    let raw = document["manifests"]?.arrayValue ?? []
    entries = zip(index.manifests, raw).map { Entry(descriptor: $0, json: $1) }
  }

  var json: JSON {
    guard case .object(var object) = document else { return document }
    object["manifests"] = .array(entries.map(\.json))
    return .object(object)
  }

  func contains(_ manifest: Digest) -> Bool { entries.contains { $0.descriptor.digest == manifest } }

  mutating func append(
    _ manifest: Descriptor, id: Digest?, reference: Reference?, digests: [Reference] = [], subject: Digest? = nil,
    isUnpacked: Bool = true, now: Timestamp
  ) {
    var descriptor = manifest
    descriptor.annotations = manifest.annotations.filter { !Self.ownAnnotations.contains($0.0) }
    if let reference { descriptor.annotations.append((Annotation.refName, reference.description)) }
    if let id { descriptor.annotations.append((Self.configAnnotation, id.description)) }
    if let subject { descriptor.annotations.append((Self.subjectAnnotation, subject.description)) }
    if !isUnpacked { descriptor.annotations.append((Self.unpackedAnnotation, "false")) }
    descriptor.annotations.append((Self.taggedAnnotation, now.rfc3339))
    entries.append(Entry(descriptor: descriptor, json: descriptor.json))
    add(digests, toEntry: entries.count - 1)
  }

  /// Adds names with digests to an entry.
  private mutating func add(_ digests: [Reference], toEntry position: Int) {
    var all = entries[position].digests
    for digest in digests where !all.contains(digest) { all.append(digest) }
    write(all, toEntry: position)
  }

  private mutating func write(_ digests: [Reference], toEntry position: Int) {
    guard entries[position].digests != digests else { return }
    entries[position].descriptor.annotations.removeAll { $0.0 == Self.digestsAnnotation }
    if !digests.isEmpty {
      let text = digests.map(\.description).joined(separator: " ")
      entries[position].descriptor.annotations.append((Self.digestsAnnotation, text))
    }
    entries[position].json = entries[position].descriptor.json
  }

  /// Adds names with digests to an image that is there.
  mutating func add(digests: [Reference], to manifest: Digest) {
    guard let position = entries.firstIndex(where: { $0.descriptor.digest == manifest }) else { return }
    let known = entries.filter { $0.descriptor.digest == manifest }.flatMap(\.digests)
    add(digests.filter { !known.contains($0) }, toEntry: position)
  }

  /// Notes what a manifest goes with.
  mutating func set(subject: Digest, of manifest: Digest) {
    for position in entries.indices where entries[position].descriptor.digest == manifest {
      entries[position].descriptor.annotations.removeAll { $0.0 == Self.subjectAnnotation }
      entries[position].descriptor.annotations.append((Self.subjectAnnotation, subject.description))
      entries[position].json = entries[position].descriptor.json
    }
  }

  /// Takes a name with a digest away from all images.
  /// - Returns: whether any had it.
  mutating func remove(digest: Reference) -> Bool {
    var isFound = false
    for position in entries.indices where entries[position].digests.contains(digest) {
      isFound = true
      write(entries[position].digests.filter { $0 != digest }, toEntry: position)
    }
    return isFound
  }

  /// Removes the entry without a name, which one with a name replaces.
  /// - Returns: the names with digests it had.
  mutating func removeUnnamed(_ manifest: Digest) -> [Reference] {
    let unnamed = entries.filter { $0.descriptor.digest == manifest && $0.reference == nil }
    entries.removeAll { $0.descriptor.digest == manifest && $0.reference == nil }
    return unnamed.flatMap(\.digests)
  }

  /// Takes a name away; an image that loses its last one keeps an entry without.
  /// - Parameters:
  ///   - isLoser: which of the entries with the name lose it.
  ///   - keepsDigests: the image is still known by the digests it was pulled by: its name went to another one.
  /// - Returns: whether anybody had it.
  @discardableResult
  mutating func remove(
    name: Reference, keepsDigests: Bool, from isLoser: (Entry) -> Bool = { _ in true }
  ) -> Bool {
    let losers = entries.filter { $0.reference == name && isLoser($0) }
    entries.removeAll { $0.reference == name && isLoser($0) }
    for loser in losers {
      if contains(loser.descriptor.digest) {
        let hasRepository = entries.contains {
          $0.descriptor.digest == loser.descriptor.digest && $0.reference?.name == name.name
        }
        let kept = loser.digests.filter { keepsDigests || hasRepository || $0.name != name.name }
        add(digests: kept, to: loser.descriptor.digest)
        continue
      }
      var unnamed = loser
      unnamed.descriptor.annotations.removeAll { $0.0 == Annotation.refName }
      unnamed.json = unnamed.descriptor.json
      entries.append(unnamed)
      if !keepsDigests { write(loser.digests.filter { $0.name != name.name }, toEntry: entries.count - 1) }
    }
    return !losers.isEmpty
  }

  mutating func remove(manifests: Set<Digest>) {
    entries.removeAll { manifests.contains($0.descriptor.digest) }
  }
}
