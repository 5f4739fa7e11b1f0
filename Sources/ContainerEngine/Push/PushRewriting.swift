internal import Basics
internal import OCI

/// Changes the documents of a plan to what is really sent: other descriptors for layers that were compressed on the way,
/// other types when another format was asked for. What is not changed keeps its bytes, and so its digest.
struct PushRewriting {
  /// By the digest of the stored blob.
  let replaced: [Digest: Descriptor]
  let format: ManifestFormat?
  let doing: String

  func rewrite(_ documents: [PushPlan.Document]) throws -> [PushPlan.Document] {
    var result: [PushPlan.Document] = []
    var known = replaced
    for document in documents {
      let changed = try rewrite(document, known)
      if changed.descriptor != document.descriptor { known[document.descriptor.digest] = changed.descriptor }
      result.append(changed)
    }
    return result
  }

  private func rewrite(
    _ document: PushPlan.Document, _ known: [Digest: Descriptor]
  ) throws -> PushPlan.Document {
    guard case .object(var object) = try JSON(parsing: document.bytes) else { return document }
    let before = object
    for member in ["layers", "manifests"] {
      guard case .array(let entries)? = object[member] else { continue }
      object[member] = .array(try entries.map { try entry($0, known) })
    }
    if let config = object["config"] { object["config"] = try entry(config, known) }
    var type = document.descriptor.mediaType
    let format = format ?? formatNeeded(by: object, type)
    if let format, let other = type.inFormat(format), other != type || object["mediaType"] == nil {
      type = other
      object["mediaType"] = .string(other.rawValue)
    }
    guard object != before else { return document }
    let bytes = JSON.object(object).bytes()
    let descriptor = Descriptor(mediaType: type, digest: SHA256Stream.digest(bytes), size: Int64(bytes.count))
    return PushPlan.Document(descriptor: descriptor, bytes: bytes)
  }

  /// docker's manifests do not list layers in zstd.
  private func formatNeeded(by object: JSONObject, _ type: MediaType) -> ManifestFormat? {
    guard type == .dockerManifest else { return nil }
    let layers = object["layers"]?.arrayValue ?? []
    return layers.contains { $0["mediaType"]?.stringValue == MediaType.ociLayerZstd.rawValue } ? .oci : nil
  }

  /// BuildKit's annotation of an attestation: the image it is for.
  private static let attested = "vnd.docker.reference.digest"

  private func entry(_ json: JSON, _ known: [Digest: Descriptor]) throws -> JSON {
    guard case .object(var object) = json, let text = object["digest"]?.stringValue else { return json }
    if let other = known[try Digest(parsing: text)] {
      object["mediaType"] = .string(other.mediaType.rawValue)
      object["digest"] = .string(other.digest.description)
      object["size"] = .integer(other.size)
    }
    // An attestation goes on with its image.
    if case .object(var annotations)? = object["annotations"],
      let text = annotations[Self.attested]?.stringValue, let digest = try? Digest(parsing: text),
      let other = known[digest]
    {
      annotations[Self.attested] = .string(other.digest.description)
      object["annotations"] = .object(annotations)
    }
    if let format, let type = object["mediaType"]?.stringValue {
      guard let other = MediaType(rawValue: type).inFormat(format) else {
        throw EngineError(
          .unsupported, doing, "\"\(safeText(type))\" has no place in a manifest of the format \(format.rawValue)",
          hint: "push it without --format")
      }
      object["mediaType"] = .string(other.rawValue)
    }
    return .object(object)
  }
}
