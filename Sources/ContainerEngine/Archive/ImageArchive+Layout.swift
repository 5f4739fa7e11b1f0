internal import Basics
internal import OCI

/// Archives that are an OCI image layout (OCI image spec, image-layout.md); docker's own since version 25 are both that
/// and what they were before.
extension ImageArchive {
  /// docker's and containerd's annotation with an image's full name, beside a tag alone in the standard's own.
  static let containerdName = "io.containerd.image.name"

  func isLayout() throws -> Bool { try contains(ImageLayout.markerFile) && contains(ImageLayout.indexFile) }

  /// The images of the layout that are for a platform; those that name another one are passed over.
  func layoutImages(for platform: Platform) throws -> [ArchivedImage] {
    guard let marker = try document(ImageLayout.markerFile), let bytes = try document(ImageLayout.indexFile) else {
      return []
    }
    try ImageLayout.checkMarker(marker)
    let index = try ImageLayout.index(parsing: bytes)
    var images: [ArchivedImage] = []
    var others: [Platform] = []
    for entry in index.manifests where !entry.isAttestation {
      if let other = entry.platform, platform.distance(to: other) == nil {
        others.append(other)
        continue
      }
      guard let manifest = try choose(entry, platform, depth: 0, &others) else { continue }
      var image = try image(of: manifest)
      image.names = try names(of: entry)
      if let known = images.firstIndex(where: { $0.manifest.digest == image.manifest.digest }) {
        images[known].names += image.names.filter { !images[known].names.contains($0) }
      } else {
        images.append(image)
      }
    }
    guard images.isEmpty, !others.isEmpty else { return images }
    throw EngineError(
      .notFound, doing, "no image in it is for \(platform)",
      hint: "it has \(Set(others.map(\.description)).sorted().joined(separator: ", "))")
  }

  /// The manifest that an entry leads to: itself, or the best one of an index; at most an index in an index (SECURITY
  /// B2).
  private func choose(
    _ entry: Descriptor, _ platform: Platform, depth: Int, _ others: inout [Platform]
  ) throws -> Descriptor? {
    switch entry.mediaType.kind {
    case .manifest: return entry
    case .index:
      guard depth < 2 else { throw corrupt("an index in it is nested more than twice") }
      let blob = try stage(layoutPath(entry.digest), expecting: entry.digest, size: entry.size)
      guard let bytes = try document(layoutPath(blob.digest)),
        case .index(let index) = try ManifestDocument(parsing: bytes, declared: entry.mediaType)
      else { throw corrupt("\(entry.digest) is no index") }
      guard let chosen = index.manifest(for: platform) else {
        others += index.platforms
        return nil
      }
      return try choose(chosen, platform, depth: depth + 1, &others)
    default:
      throw EngineError(
        .unsupported, doing,
        "\(entry.digest) is of the type \"\(safeText(entry.mediaType.rawValue))\", which is no image")
    }
  }

  private func layoutPath(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

  /// The one image of the `dir:` of podman and skopeo (containers-transports(5)): a manifest of any type and blobs that
  /// are called by their digests, without a name; nil when this is none.
  func dirImages() throws -> [ArchivedImage]? {
    guard let bytes = try document(Self.manifestFile),
      case .object = try JSON(document: bytes, subject: Self.manifestFile)
    else { return nil }
    guard case .manifest(let manifest) = try ManifestDocument(parsing: bytes, declared: nil) else {
      throw EngineError(
        .unsupported, doing, "\(Self.manifestFile) lists images for several platforms",
        hint: "save one of them, or all as an OCI layout: skopeo copy --all dir:DIRECTORY oci:OTHER")
    }
    let staged = try stage(Self.manifestFile)
    let descriptor = Descriptor(mediaType: manifest.mediaType, digest: staged.digest, size: staged.size)
    return [try image(of: descriptor, at: Self.manifestFile) { $0.hex }]
  }

  /// Stages a manifest and all it refers to.
  private func image(of entry: Descriptor) throws -> ArchivedImage {
    try image(of: entry, at: layoutPath(entry.digest), blobPath: layoutPath)
  }

  private func image(
    of entry: Descriptor, at path: String, blobPath: (Digest) -> String
  ) throws -> ArchivedImage {
    _ = try stage(path, expecting: entry.digest, size: entry.size)
    guard let bytes = try document(path),
      case .manifest(let manifest) = try ManifestDocument(parsing: bytes, declared: entry.mediaType)
    else { throw corrupt("\(entry.digest) is no manifest") }
    if let kind = manifest.artifactKind {
      throw EngineError(.unsupported, doing, "\(entry.digest) is not a runnable image (artifactType \(safeText(kind)))")
    }
    let id = try stage(
      blobPath(manifest.config.digest), expecting: manifest.config.digest, size: manifest.config.size)
    guard let configBytes = try document(blobPath(id.digest)) else { throw corrupt("\(id.digest) is missing") }
    let config = try ImageConfig(parsing: configBytes)
    try config.check(against: manifest)
    for layer in manifest.layers {
      guard layer.mediaType.kind == .layer else {
        throw EngineError(
          .unsupported, doing, "layer \(layer.digest) is of the type \"\(safeText(layer.mediaType.rawValue))\"")
      }
      _ = try stage(blobPath(layer.digest), expecting: layer.digest, size: layer.size)
    }
    let descriptor = Descriptor(mediaType: manifest.mediaType, digest: entry.digest, size: entry.size)
    return ArchivedImage(manifest: descriptor, id: id.digest, config: config, layers: manifest.layers, names: [])
  }

  /// The names an index entry gives: containerd's annotation, or the standard's when it is more than a tag.
  private func names(of entry: Descriptor) throws -> [Reference] {
    if let name = entry.annotation(Self.containerdName) { return [try reference(name)] }
    guard let name = entry.annotation(Annotation.refName), name.contains("/") || name.contains(":") else { return [] }
    return [try reference(name)]
  }

  /// A name of the archive, in the one grammar (SECURITY B12).
  func reference(_ text: String) throws -> Reference { try Reference(parsing: text).withDefaultTag.withoutDigest }
}
