package import Basics
internal import OCI
internal import Storage

extension Engine {
  /// docker's `image inspect` of one image (Engine API 1.50).
  /// - Parameter platform: which of several images of that name.
  package func inspectImage(_ name: String, platform: String? = nil) throws(EngineError) -> JSON {
    let doing = "inspecting \(safeText(name))"
    let wanted = try during(doing) { try platform.map { try Platform(parsing: $0) } }
    let image = try images.find(name, platform: wanted, doing: doing).image
    return ImageInspect(
      image: image, config: try images.config(of: image), size: LayerSizes(directory), root: directory.location.root
    ).json
  }

  /// How the image came to be, the newest step first.
  package func imageHistory(_ name: String) throws(EngineError) -> [HistoryRow] {
    let image = try images.find(name, doing: "reading the history of \(safeText(name))").image
    let config = try images.config(of: image)
    let sizes = LayerSizes(directory)
    let rows = config.historyLayers.map { step, layer in
      HistoryRow(
        id: "<missing>", created: step.created, createdBy: step.createdBy, comment: step.comment,
        size: layer.map { sizes.size(config.diffIDs[$0]) } ?? 0)
    }
    guard var newest = rows.last else {
      // Made without a history: docker shows the image alone.
      return [
        HistoryRow(
          id: image.id.description, created: config.created, createdBy: "", comment: "",
          size: sizes.total(config.diffIDs))
      ]
    }
    newest.id = image.id.description
    return [newest] + rows.dropLast().reversed()
  }
}
