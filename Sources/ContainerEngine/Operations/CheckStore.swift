package import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

extension Engine {
  /// What is wrong with the store, one sentence each; with `repair` what was done about it. Before it looks it removes what
  /// dead processes left, which is no damage.
  package func checkStore(repair: Bool) throws(EngineError) -> [String] {
    try directory.prepare()
    try enterUserNamespace()
    try removeRemains()
    var check = StoreCheck(directory) { [self] (source) throws(EngineError) in try difference(of: source) }
    let damages = try check.run()
    guard repair else { return damages.map { "\($0.object): \($0.detail)" } }
    let store = StoreRepair(directory, sources: check.sources) { [self] (source, ingest) throws(EngineError) in
      try extractAgain(source, into: ingest)
    }
    var sentences: [String] = []
    for damage in damages {
      do throws(EngineError) {
        if try store.repair(damage, say: { sentences.append($0) }) { continue }
        sentences.append("\(damage.object): \(damage.detail); this cannot be repaired")
      } catch {
        sentences.append("\(damage.object): \(damage.detail); not repaired: \(error.reason)")
      }
    }
    try removeRemains()
    return sentences
  }

  private func removeRemains() throws(EngineError) {
    try GarbageCollector(directory).sweep()
    do throws(EngineError) { _ = try GarbageCollector(directory).collect() } catch {
      // What refers to content is damaged: the check says so, and nothing is garbage until that is mended.
      guard error.kind == .corrupt || error.kind == .invalidInput || error.kind == .unsupported else { throw error }
    }
  }

  /// The first difference between a layer's tree and its blob.
  private func difference(of source: LayerSource) throws(EngineError) -> String? {
    let doing = "checking layer \(source.diffID.short)"
    let scratch = try StagingArea(in: directory)
    let tree = try LayerStore(directory).openTree(source.diffID)
    let blob = try BlobStore(directory).open(source.blob)
    return try during(doing) {
      try File.makeDirectory(at: scratch.descriptor.raw, "fresh", mode: 0o755)
      let fresh = try File.openDirectory(at: scratch.descriptor.raw, "fresh")
      let (damages, unpacked) = try LayerVerification.damages(
        of: tree.raw, blob: DescriptorSource(blob.raw, shown: "\(source.blob)"), scratch: fresh.raw,
        // What is in the store with such ids was taken in so.
        options: try layerOptions(squashIDs: true), doing: doing)
      guard unpacked.diffID == source.diffID else {
        return "its blob has the content of layer \(unpacked.diffID.short)"
      }
      guard let first = damages.first else { return nil }
      return damages.count == 1 ? first.description : "\(first.description), and \(damages.count - 1) more differences"
    }
  }

  private func extractAgain(_ source: LayerSource, into ingest: ContentIngest) throws(EngineError) {
    let doing = "unpacking layer \(source.diffID.short)"
    guard let draft = try ingest.layer(source.diffID) else { return }
    let blob = try BlobStore(directory).open(source.blob)
    let options = try layerOptions(squashIDs: true)
    try during(doing) {
      let unpacked = try LayerUnpacking.unpack(
        DescriptorSource(blob.raw, shown: "\(source.blob)"), into: draft.tree.raw, options: options, doing: doing)
      if !unpacked.extraction.unresolved.isEmpty {
        let layers = LayerStore(directory)
        // The topmost first; the descriptors live until this scope ends.
        let lower = OpenedTrees(try source.lower.reversed().map { try layers.openTree($0).take() })
        try LayerCompletion.complete(
          draft.tree.raw, unpacked.extraction.unresolved, lower: LowerChain(lower.descriptors, mode: options.mode),
          mode: options.mode, failure: ArchiveFailure(doing: doing))
      }
      try draft.finish(
        archive: (unpacked.diffID, unpacked.uncompressedSize), entries: unpacked.extraction.entries)
    }
  }

  /// How layers are unpacked for this user.
  /// - Parameter squashIDs: ids that the user does not have become 0 instead of an error.
  func layerOptions(squashIDs: Bool = false) throws(EngineError) -> LayerExtractor.Options {
    LayerExtractor.Options(
      mode: isRootless ? .rootless : .root,
      ownership: try idMap().isSingle ? .squashed : squashIDs ? .fitted : .asArchived)
  }
}

/// Descriptors that are closed together.
final class OpenedTrees {
  let descriptors: [Int32]

  init(_ descriptors: [Int32]) { self.descriptors = descriptors }

  deinit { for descriptor in descriptors { _ = OwnedDescriptor(owning: descriptor) } }
}
