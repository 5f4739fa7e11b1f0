package import Basics
internal import OCI
internal import Storage

extension Engine {
  /// All images, the newest first. Signatures and the like go with what they are for, and are none.
  package func listImages() throws(EngineError) -> [ImageSummary] {
    let sizes = LayerSizes(directory)
    var summaries: [ImageSummary] = []
    for image in try images.list() where !image.isReferrer { summaries.append(try summary(of: image, sizes)) }
    // Stable for images of one moment: reproducible builds have many of them.
    return summaries.enumerated().sorted {
      ($1.element.created, $0.offset) < ($0.element.created, $1.offset)
    }.map(\.element)
  }

  /// - Parameter name: nothing but an image's name or id; a container's name is none.
  package func imageExists(_ name: String) throws(EngineError) -> Bool {
    do throws(EngineError) {
      _ = try images.find(name, doing: "looking for an image")
      return true
    } catch {
      if error.kind == .notFound || error.kind == .invalidInput { return false }
      throw error
    }
  }

  /// An image whose config is damaged is listed with what the index knows of it, so that it can be removed.
  private func summary(of image: StoredImage, _ sizes: LayerSizes) throws(EngineError) -> ImageSummary {
    let config: ImageConfig?
    do throws(EngineError) { config = try images.config(of: image) } catch {
      guard error.kind == .corrupt || error.kind == .invalidInput else { throw error }
      config = nil
    }
    var labels: [String: String] = [:]
    for (name, value) in config?.defaults.labels ?? [] { labels[name] = value }
    return ImageSummary(
      id: image.id.description, digest: image.manifest.digest.description, tags: image.references.map(\.familiar),
      repositoryDigests: image.digests.map(\.familiar), platform: config?.platform.description ?? "",
      created: config?.created ?? Timestamp(seconds: 0), size: sizes.total(config?.diffIDs ?? []), labels: labels)
  }
}

/// Sizes of layers, each record read once.
final class LayerSizes {
  private let layers: LayerStore
  private var known: [Digest: Int64] = [:]

  init(_ directory: StateDirectory) { layers = LayerStore(directory) }

  /// Bytes of the files of one layer; 0 when it is damaged, which `system check` reports.
  func size(_ diffID: Digest) -> Int64 {
    if let size = known[diffID] { return size }
    let size = (try? layers.record(diffID).contentSize) ?? 0  // see above
    known[diffID] = size
    return size
  }

  func total(_ diffIDs: [Digest]) -> Int64 { diffIDs.reduce(0) { $0 + size($1) } }
}
