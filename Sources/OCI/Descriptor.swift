package import Basics

/// A typed, sized, digested pointer to content (OCI image spec, descriptor.md).
package struct Descriptor: Equatable, Sendable {
  package var mediaType: MediaType
  package var digest: Digest
  /// Bytes of the content.
  package var size: Int64
  package var platform: Platform?
  package var annotations: [(String, String)]
  package var artifactType: String?
  /// Where a layer that is not distributed by the registry may be fetched.
  package var urls: [String]

  package init(
    mediaType: MediaType, digest: Digest, size: Int64, platform: Platform? = nil,
    annotations: [(String, String)] = [], artifactType: String? = nil, urls: [String] = []
  ) {
    self.mediaType = mediaType
    self.digest = digest
    self.size = size
    self.platform = platform
    self.annotations = annotations
    self.artifactType = artifactType
    self.urls = urls
  }

  package static func == (a: Descriptor, b: Descriptor) -> Bool { a.json == b.json }

  package init(_ fields: JSONFields) throws(JSONShapeError) {
    let size = try fields.integer("size")
    guard size >= 0 else { throw fields.failure("size", "is negative") }
    self.init(
      mediaType: MediaType(rawValue: try fields.string("mediaType")), digest: try fields.digest("digest"), size: size,
      platform: try fields.fields("platform").map { (fields) throws(JSONShapeError) in try Platform(fields) },
      annotations: try fields.annotations(), artifactType: try fields.optionalString("artifactType"),
      urls: try fields.strings("urls"))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("mediaType", mediaType.rawValue)
    builder.set("digest", digest.description)
    builder.set("size", size)
    builder.set("urls", urls)
    builder.set("annotations", annotations)
    builder.set("platform", platform?.json)
    builder.set("artifactType", artifactType)
    return builder.json
  }

  /// The value of an annotation; of two with one name the later counts.
  package func annotation(_ name: String) -> String? { annotations.last { $0.0 == name }?.1 }

  /// True for BuildKit's provenance and similar documents inside an index, which are never images to run.
  package var isAttestation: Bool {
    annotation("vnd.docker.reference.type") != nil
      || (platform?.os == "unknown" && platform?.architecture == "unknown")
  }
}

/// Names of annotations we read or write.
package enum Annotation {
  /// In an index.json: the name of the image (the full normalized reference in our store).
  package static let refName = "org.opencontainers.image.ref.name"
  package static let created = "org.opencontainers.image.created"
}

extension JSONFields {
  func annotations() throws(JSONShapeError) -> [(String, String)] {
    let pairs = try pairs("annotations")
    guard pairs.count <= OCILimits.annotations else {
      throw failure("annotations", "has more than \(OCILimits.annotations) entries")
    }
    return pairs
  }
}
