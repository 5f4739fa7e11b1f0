internal import Basics
internal import OCI
internal import Storage

/// An image as a container is made from it.
struct ResolvedImage {
  /// Digest of the config.
  var id: Digest
  var manifest: Digest
  var config: ImageConfig
}

extension Engine {
  /// The image of a request, which must be in the store.
  func findImage(_ request: ContainerRequest, doing: String) throws(EngineError) -> ResolvedImage {
    guard request.pull != .always, request.pull != .newer else {
      throw EngineError(
        .unsupported, doing,
        "--pull \(request.pull.rawValue) needs a registry, and this version has no registry client yet",
        hint: "load an image from a file: dhow load -i FILE")
    }
    let image: StoredImage
    do throws(EngineError) { image = try images.find(request.image, doing: doing).image } catch {
      guard error.kind == .notFound, request.pull == .missing else { throw error }
      throw EngineError(
        .notFound, doing, "\(error.reason), and this version has no registry client yet",
        hint: "dhow images lists the images there are; dhow load -i FILE adds one")
    }
    let config = try images.config(of: image)
    let wanted = try request.settings.platform.map { (text) throws(EngineError) in
      try during(doing) { try Platform(parsing: text) }
    }
    if let wanted, wanted.distance(to: config.platform) == nil {
      throw EngineError(
        .notFound, doing,
        "image \(safeText(request.image)) is for \(config.platform), not for \(wanted)")
    }
    return ResolvedImage(id: image.id, manifest: image.manifest.digest, config: config)
  }
}
