package import Basics

/// An image manifest: one config and its layers, bottom first (OCI image spec, manifest.md; docker's schema 2).
package struct ImageManifest: Equatable, Sendable {
  package var mediaType: MediaType
  package var artifactType: String?
  package var config: Descriptor
  package var layers: [Descriptor]
  package var subject: Descriptor?
  package var annotations: [(String, String)]

  package init(
    mediaType: MediaType = .ociManifest, artifactType: String? = nil, config: Descriptor, layers: [Descriptor],
    subject: Descriptor? = nil, annotations: [(String, String)] = []
  ) {
    self.mediaType = mediaType
    self.artifactType = artifactType
    self.config = config
    self.layers = layers
    self.subject = subject
    self.annotations = annotations
  }

  package static func == (a: ImageManifest, b: ImageManifest) -> Bool { a.json == b.json }

  /// - Parameter mediaType: the type already settled by `ManifestDocument`.
  init(_ fields: JSONFields, mediaType: MediaType) throws(JSONShapeError) {
    guard let config = try fields.fields("config") else { throw fields.failure("config", "is missing") }
    let layers = try fields.objects("layers")
    guard layers.count <= OCILimits.layers else {
      throw fields.failure("layers", "has more than \(OCILimits.layers) entries")
    }
    var descriptors: [Descriptor] = []
    for layer in layers { descriptors.append(try Descriptor(layer)) }
    self.init(
      mediaType: mediaType, artifactType: try fields.optionalString("artifactType"), config: try Descriptor(config),
      layers: descriptors,
      subject: try fields.fields("subject").map { (fields) throws(JSONShapeError) in try Descriptor(fields) },
      annotations: try fields.annotations())
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("schemaVersion", 2 as Int64)
    builder.set("mediaType", mediaType.rawValue)
    builder.set("artifactType", artifactType)
    builder.set("config", config.json)
    builder.set("layers", JSON.array(layers.map(\.json)))
    builder.set("subject", subject?.json)
    builder.set("annotations", annotations)
    return builder.json
  }

  /// What makes this an artifact rather than an image that can be run, nil for an image.
  package var artifactKind: String? {
    config.mediaType.kind == .config ? nil : artifactType ?? config.mediaType.rawValue
  }
}
