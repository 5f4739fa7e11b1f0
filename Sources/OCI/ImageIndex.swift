package import Basics

/// A list of manifests, one for a platform each, or the `index.json` of an image layout (OCI image spec,
/// image-index.md; docker's manifest list).
package struct ImageIndex: Equatable, Sendable {
  package var mediaType: MediaType
  package var artifactType: String?
  package var manifests: [Descriptor]
  package var subject: Descriptor?
  package var annotations: [(String, String)]

  package init(
    mediaType: MediaType = .ociIndex, artifactType: String? = nil, manifests: [Descriptor],
    subject: Descriptor? = nil, annotations: [(String, String)] = []
  ) {
    self.mediaType = mediaType
    self.artifactType = artifactType
    self.manifests = manifests
    self.subject = subject
    self.annotations = annotations
  }

  package static func == (a: ImageIndex, b: ImageIndex) -> Bool { a.json == b.json }

  /// - Parameter mediaType: the type already settled by `ManifestDocument`.
  init(_ fields: JSONFields, mediaType: MediaType, entryLimit: Int) throws(JSONShapeError) {
    let entries = try fields.objects("manifests")
    guard entries.count <= entryLimit else {
      throw fields.failure("manifests", "has more than \(entryLimit) entries")
    }
    var descriptors: [Descriptor] = []
    for entry in entries { descriptors.append(try Descriptor(entry)) }
    self.init(
      mediaType: mediaType, artifactType: try fields.optionalString("artifactType"), manifests: descriptors,
      subject: try fields.fields("subject").map { (fields) throws(JSONShapeError) in try Descriptor(fields) },
      annotations: try fields.annotations())
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("schemaVersion", 2 as Int64)
    builder.set("mediaType", mediaType.rawValue)
    builder.set("artifactType", artifactType)
    builder.set("manifests", JSON.array(manifests.map(\.json)))
    builder.set("subject", subject?.json)
    builder.set("annotations", annotations)
    return builder.json
  }

  /// The manifest that runs best on a platform: the least fall-back, then the earliest. Attestations never match, and
  /// an entry that names no platform is taken only when it is the only image there is.
  package func manifest(for platform: Platform) -> Descriptor? {
    let images = manifests.filter { !$0.isAttestation }
    let ranked = images.compactMap { image in
      image.platform.flatMap { platform.distance(to: $0) }.map { (distance: $0, image: image) }
    }
    if let best = ranked.map(\.distance).min() { return ranked.first { $0.distance == best }?.image }
    return images.count == 1 && images[0].platform == nil ? images[0] : nil
  }

  /// The platforms there are, for the error that says none fits.
  package var platforms: [Platform] { manifests.filter { !$0.isAttestation }.compactMap(\.platform) }
}
