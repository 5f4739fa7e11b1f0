package import Basics
internal import OCI
internal import Storage

extension Engine {
  /// Gives an image one more name; any other image of that name loses it.
  package func tagImage(_ name: String, as newName: String) throws(EngineError) {
    let doing = "tagging \(safeText(name))"
    let reference = try tagReference(newName, doing: doing)
    let (image, found) = try images.find(name, doing: doing)
    // A name means the images of all platforms that have it.
    let all = try found.map { (name) throws(EngineError) in try images.images(named: name) }
    try images.tag(all ?? [image], as: reference)
    note("tag", image: image.id.description, name: reference.familiar)
  }

  /// Takes names away and keeps the image; without `names` all of the image's (podman's `untag`).
  package func untagImage(_ name: String, names: [String]) throws(EngineError) {
    let doing = "untagging \(safeText(name))"
    let image = try images.find(name, doing: doing).image
    var references = image.references
    if !names.isEmpty {
      references = []
      for name in names {
        let (owner, found) = try images.find(name, doing: doing)
        guard let found, owner.id == image.id else {
          throw EngineError(
            .notFound, doing, "\"\(safeText(name))\" is no name of image \(image.id.short)",
            hint: "dhow images shows the names there are")
        }
        references.append(found)
      }
    }
    for reference in references {
      try images.untag(reference, from: names.isEmpty ? image.manifest.digest : nil)
      note("untag", image: image.id.description, name: reference.familiar)
    }
  }

  /// A name to be given to an image: with a tag, `latest` unless it says, and without a digest.
  func tagReference(_ text: String, doing: String) throws(EngineError) -> Reference {
    let reference: Reference
    do throws(OCIFormatError) { reference = try Reference(parsing: text) } catch {
      throw EngineError(
        .invalidInput, doing, "\"\(safeText(text))\" is not a valid repository/tag: \(error.reason)")
    }
    guard reference.digest == nil else {
      throw EngineError(.invalidInput, doing, "refusing to create a tag with a digest reference")
    }
    // `sha256:…` would be taken for an id for ever after.
    guard reference.familiarName != Digest.Algorithm.sha256.rawValue else {
      throw EngineError(
        .invalidInput, doing, "refusing to create an ambiguous tag using digest algorithm as name")
    }
    return reference.withDefaultTag
  }
}
