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

    var tagged: Timestamp? { descriptor.annotation(taggedAnnotation).flatMap(Timestamp.init(rfc3339:)) }
  }

  static let configAnnotation = "dhow.config.digest"
  static let taggedAnnotation = "dhow.tagged"

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

  mutating func append(_ manifest: Descriptor, id: Digest, reference: Reference?, now: Timestamp) {
    var descriptor = manifest
    descriptor.annotations = manifest.annotations.filter {
      ![Annotation.refName, Self.configAnnotation, Self.taggedAnnotation].contains($0.0)
    }
    if let reference { descriptor.annotations.append((Annotation.refName, reference.description)) }
    descriptor.annotations.append((Self.configAnnotation, id.description))
    descriptor.annotations.append((Self.taggedAnnotation, now.rfc3339))
    entries.append(Entry(descriptor: descriptor, json: descriptor.json))
  }

  /// Removes the entry without a name, which one with a name replaces.
  mutating func removeUnnamed(_ manifest: Digest) {
    entries.removeAll { $0.descriptor.digest == manifest && $0.reference == nil }
  }

  /// Takes a name away; an image that loses its last one keeps an entry without.
  /// - Returns: whether anybody had it.
  @discardableResult
  mutating func remove(name: Reference) -> Bool {
    let losers = entries.filter { $0.reference == name }
    entries.removeAll { $0.reference == name }
    for loser in losers where !contains(loser.descriptor.digest) {
      var unnamed = loser
      unnamed.descriptor.annotations.removeAll { $0.0 == Annotation.refName }
      unnamed.json = unnamed.descriptor.json
      entries.append(unnamed)
    }
    return !losers.isEmpty
  }

  mutating func remove(manifests: Set<Digest>) {
    entries.removeAll { manifests.contains($0.descriptor.digest) }
  }
}
