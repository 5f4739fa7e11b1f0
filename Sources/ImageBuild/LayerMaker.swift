internal import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// Makes layers: stages them as blob and tree, and publishes what is staged together, now and then, so that many small
/// steps do not wait for the disk each, and a killed build loses little.
final class LayerMaker {
  let directory: StateDirectory
  let ingest: ContentIngest
  let options: LayerExtractor.Options
  private let cache: BuildCache
  private var waiting: [(key: String, record: BuildStepRecord)] = []
  private var lastPublished = MonotonicClock.now
  /// Work that may be lost with a killed build, in nanoseconds.
  private static let patience: Int64 = 2_000_000_000

  init(_ directory: StateDirectory, options: LayerExtractor.Options) throws(EngineError) {
    self.directory = directory
    self.options = options
    ingest = try ContentIngest(directory)
    cache = BuildCache(directory)
  }

  var mode: OverlayMode { options.mode }

  /// The trees of layers as absolute paths, the topmost first.
  func trees(_ layers: [BuildLayer]) -> [String] {
    // Overlay takes no directory twice, and of a layer that comes twice the upper one hides the lower.
    var seen: Set<Digest> = []
    return layers.reversed().filter { seen.insert($0.diffID).inserted }
      .map { "\(directory.location.root)/\(ingest.treePath($0.diffID))" }
  }

  /// Runs `body` with what layers show, merged.
  func withChain<Value>(_ layers: [BuildLayer], _ body: (LowerChain, [Int32]) throws -> Value) throws -> Value {
    var opened: [OwnedPlace] = []
    for layer in layers.reversed() { opened.append(OwnedPlace(try ingest.openTree(layer.diffID))) }
    let descriptors = opened.map(\.raw)
    defer { withExtendedLifetime(opened) {} }
    return try body(LowerChain(descriptors, mode: mode), descriptors)
  }

  /// A layer of what `write` writes.
  func layer(
    on lower: [BuildLayer], doing: String, _ write: (TarWriter, LowerChain) throws -> Void
  ) throws -> BuildLayer {
    let blobWriter = try ingest.blob()
    let writer = TarWriter { try blobWriter.write($0) }
    return try withChain(lower) { chain, _ in
      try write(writer, chain)
      try writer.finish()
      let blob = try blobWriter.finish(expecting: nil, size: nil)
      try unpack(blob.digest, chain, doing: doing)
      return BuildLayer(
        diffID: blob.digest, blob: Descriptor(mediaType: .ociLayer, digest: blob.digest, size: blob.size))
    }
  }

  /// From the blob and not from the files: what later containers get is what the image says.
  private func unpack(_ blob: Digest, _ chain: LowerChain, doing: String) throws {
    guard let draft = try ingest.layer(blob) else { return }
    let file = try ingest.openBlob(blob)
    let unpacked = try LayerUnpacking.unpack(
      DescriptorSource(file.raw, shown: "\(blob)"), into: draft.tree.raw, options: options, doing: doing)
    let open = unpacked.extraction.unresolved
    if !open.isEmpty {
      try LayerCompletion.complete(
        draft.tree.raw, open, lower: chain, mode: mode, failure: ArchiveFailure(doing: doing))
    }
    try draft.finish(
      archive: (unpacked.diffID, unpacked.uncompressedSize), contentSize: unpacked.extraction.contentSize,
      entries: unpacked.extraction.entries)
  }

  /// A layer of what a program left in an overlay's upper directory, which becomes the layer's tree.
  func layer(
    from draft: LayerDraft, on lower: [BuildLayer], stubs: Set<[UInt8]>, latest: Int64, doing: String
  ) throws -> BuildLayer {
    let failure = ArchiveFailure(doing: doing)
    let blobWriter = try ingest.blob()
    let writer = TarWriter { try blobWriter.write($0) }
    try withChain(lower) { chain, _ in
      try UpperTree.settle(
        draft.tree.raw, lower: chain, mode: mode, stubs: stubs, latest: latest, failure: failure)
    }
    for note in try TreeArchive.write(draft.tree.raw, as: .overlayUpper(mode), to: writer, failure: failure) {
      Log.note("\(doing): \(note)")
    }
    try writer.finish()
    let blob = try blobWriter.finish(expecting: nil, size: nil)
    try draft.finish(archive: (blob.digest, blob.size), entries: writer.entries)
    return BuildLayer(
      diffID: blob.digest, blob: Descriptor(mediaType: .ociLayer, digest: blob.digest, size: blob.size))
  }

  /// Keeps the layers of a build from the garbage collector.
  func pin(_ layers: [BuildLayer]) throws(EngineError) {
    try ingest.pin(blobs: layers.map(\.blob.digest), layers: layers.map(\.diffID))
  }

  /// Notes what a step came to, to be found by later builds once its layer is published.
  func keep(_ record: BuildStepRecord, as key: String) throws(EngineError) {
    waiting.append((key, record))
    if MonotonicClock.now - lastPublished > Self.patience { try publish() }
  }

  /// Publishes everything that is staged.
  func publish() throws(EngineError) {
    try ingest.publish()
    lastPublished = MonotonicClock.now
    for (key, record) in waiting { try cache.keep(record, as: key) }
    waiting = []
  }
}
