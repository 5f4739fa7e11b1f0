package import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

extension Engine {
  /// What an image changed of another one's files, or of its own below its topmost layer: `A`, `C` or `D` and the path.
  /// Only layers that the two do not share are read.
  package func diffImages(_ name: String, against other: String?) throws(EngineError) -> [(
    kind: Character, path: String
  )] {
    let doing = "comparing \(safeText(name))"
    // The layers may not go while they are read.
    let content = try StoreLock.acquire(.content, in: directory, shared: true)
    defer { withExtendedLifetime(content) {} }
    let layers = try images.config(of: images.find(name, doing: doing).image).diffIDs
    let base =
      if let other { try images.config(of: images.find(other, doing: doing).image).diffIDs } else {
        Array(layers.dropLast())
      }
    let shared = zip(layers, base).prefix { $0 == $1 }.count
    // Files of other ids may be in directories that only root of the namespace can read.
    try enterUserNamespace()
    let changes = try during(doing) {
      let common = OpenedTrees(try openLayers(layers[..<shared]))
      let from = OpenedTrees(try openLayers(base[shared...]))
      let to = OpenedTrees(try openLayers(layers[shared...]))
      return try LayerDiff.changes(
        from: from.descriptors, to: to.descriptors, common: common.descriptors, mode: overlayMode,
        failure: ArchiveFailure(doing: doing))
    }
    return changes.map { (Character($0.kind.rawValue), String(decoding: $0.path, as: UTF8.self)) }
  }

  /// Trees of layers that are given bottom first, topmost first; they become the caller's.
  private func openLayers(_ layers: ArraySlice<Digest>) throws -> [Int32] {
    try layers.reversed().map { try LayerStore(directory).openTree($0).take() }
  }
}
