internal import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Registry
internal import Storage

/// Brings the layers of one image into an ingest: each in one pass, in a process of its own, from the registry or from a
/// blob that is in the store.
///
/// What is there by blob and diff id is left alone. A blob that is missing beside the tree of its layer, because the tree
/// came from another compression, is fetched and hashed but not unpacked: an image is only whole with the very bytes that
/// its manifest names. A blob that another process fetches is waited for at the end, when nothing is held that somebody
/// else could wait for.
final class LayerPull {
  private let directory: StateDirectory
  private let ingest: ContentIngest
  private let client: RegistryClient
  private let options: LayerExtractor.Options
  private let observer: any TransferObserver
  private let doing: String
  private let blobs: BlobStore
  private let layers: LayerStore
  private let board: TransferBoard
  private let all: [Layer]
  /// Of each layer what is shown while no worker is at it.
  private var items: [TransferItem]
  private var working: Set<Int> = []
  private var unresolved: [(layer: Layer, entries: UnresolvedEntries)] = []
  private var drafted: Set<Digest> = []
  /// What was left out of layers.
  private(set) var notes: [String] = []
  /// Whether anything was fetched or unpacked.
  private(set) var isNew = false

  /// Microseconds between two looks at what other processes fetch.
  private static let pause: UInt32 = 50_000

  struct Layer {
    let index: Int
    let diffID: Digest
    let blob: Descriptor
    /// Diff ids of the layers below, bottom first.
    let lower: [Digest]
  }

  /// One layer that this process works on.
  private final class Job {
    let layer: Layer
    /// Nil when the blob is in the store.
    let download: PartialDownload?
    /// Nil when the layer's tree is there.
    var draft: LayerDraft?
    /// Bytes that an earlier download left.
    var kept: Int64

    init(_ layer: Layer, download: PartialDownload?, draft: LayerDraft?, kept: Int64) {
      self.layer = layer
      self.download = download
      self.draft = draft
      self.kept = kept
    }
  }

  init(
    _ image: RemoteImage, into ingest: ContentIngest, client: RegistryClient, options: LayerExtractor.Options,
    observer: any TransferObserver, doing: String
  ) throws {
    directory = ingest.directory
    self.ingest = ingest
    self.client = client
    self.options = options
    self.observer = observer
    self.doing = doing
    blobs = BlobStore(directory)
    layers = LayerStore(directory)
    var unique: [Layer] = []
    for (position, (diffID, blob)) in zip(image.config.diffIDs, image.layers).enumerated() {
      if let same = unique.first(where: { $0.blob.digest == blob.digest }) {
        // The empty layer stands in many images several times.
        guard same.diffID == diffID, same.blob.size == blob.size else {
          throw EngineError(.corrupt, doing, "the blob \(blob.digest) stands in it for two different layers")
        }
        continue
      }
      unique.append(
        Layer(index: unique.count, diffID: diffID, blob: blob, lower: Array(image.config.diffIDs[..<position])))
    }
    all = unique
    items = unique.map { TransferItem(id: $0.blob.digest.short, phase: .preparing, total: $0.blob.size) }
    board = try TransferBoard(count: unique.count)
  }

  /// Brings all layers. Afterwards they are staged or in the store, whole.
  func run() throws {
    var pending = all
    while true {
      var jobs: [Job] = []
      var held: [Layer] = []
      for layer in pending {
        switch try step(layer) {
        case .nothing: items[layer.index].phase = items[layer.index].phase == .preparing ? .alreadyThere : .pulled
        case .job(let job): jobs.append(job)
        case .held: held.append(layer)
        }
      }
      show()
      if !jobs.isEmpty {
        isNew = true
        try run(jobs)
        // Whoever waits for one of them must not wait for what we wait for.
        if !held.isEmpty { try ingest.publishDownloads() }
      }
      guard !held.isEmpty else { break }
      pending = held
      try wait(for: held)
    }
    for (layer, entries) in unresolved.sorted(by: { $0.layer.lower.count < $1.layer.lower.count }) {
      try ingest.complete(
        layer.diffID, entries, on: layer.lower, mode: options.mode,
        doing: "\(doing): layer \(layer.blob.digest.short)")
    }
    show()
  }

  private enum Step {
    case nothing
    case job(Job)
    /// Another process fetches the blob.
    case held
  }

  private func step(_ layer: Layer) throws -> Step {
    let hasTree = try drafted.contains(layer.diffID) || layers.contains(layer.diffID)
    if try blobs.contains(layer.blob.digest) {
      guard try blobs.size(layer.blob.digest) == layer.blob.size else {
        throw EngineError(.corrupt, doing, "the blob \(layer.blob.digest) has not \(layer.blob.size) bytes")
      }
      if hasTree, try !drafted.contains(layer.diffID) && layers.isKnown(layer.blob.digest, of: layer.diffID) {
        return .nothing
      }
      return .job(Job(layer, download: nil, draft: hasTree ? nil : try draft(layer), kept: 0))
    }
    guard let download = try PartialDownload.attempt(layer.blob.digest, in: directory) else { return .held }
    if try blobs.contains(layer.blob.digest) {
      // Published between the look and the lock.
      try download.discard()
      return try step(layer)
    }
    var kept = try download.size()
    if kept > layer.blob.size {
      try download.truncate(to: 0)
      kept = 0
    }
    return .job(Job(layer, download: download, draft: hasTree ? nil : try draft(layer), kept: kept))
  }

  private func draft(_ layer: Layer) throws -> LayerDraft? {
    defer { drafted.insert(layer.diffID) }
    return try ingest.layer(layer.diffID)
  }

  // What another process brings.

  private func wait(for held: [Layer]) throws {
    for layer in held {
      items[layer.index].phase = .downloading
      items[layer.index].current = try PartialDownload.progress(of: layer.blob.digest, in: directory) ?? 0
    }
    show()
    usleep(Self.pause)
  }

  // Workers.

  private func show() {
    observer.show(
      all.map { working.contains($0.index) ? board.read($0.index, id: items[$0.index].id) : items[$0.index] })
  }

  private func run(_ jobs: [Job]) throws {
    let byIndex = Dictionary(uniqueKeysWithValues: jobs.map { ($0.layer.index, $0) })
    for job in jobs {
      items[job.layer.index].phase = .waiting
      let writer = board.writer(job.layer.index)
      writer.set(.waiting)
      writer.set(total: job.layer.blob.size)
      working.insert(job.layer.index)
    }
    let workers = TransferWorkers(doing: doing) { [unowned self] in show() }
    try workers.run(jobs.map(task)) { task, result in
      guard let job = byIndex[task.index] else { return nil }
      switch result {
      case .success(let report): try finish(job, report)
      case .failure(let error):
        try restart(job, after: error)
        return self.task(job)
      }
      return nil
    }
  }

  private func task(_ job: Job) -> TransferTask {
    TransferTask(index: job.layer.index, weight: job.layer.blob.size) { [unowned self] in try work(on: job) }
  }

  /// In the worker.
  private func work(on job: Job) throws -> JSON {
    let layer = job.layer
    let writer = board.writer(layer.index)
    let doing = "\(doing): layer \(layer.blob.digest.short)"
    let source: any ByteSource
    if let download = job.download {
      source = PartialBlobSource(
        file: download.descriptor, kept: job.kept, of: layer.blob, client.forWorker(), board: writer)
    } else {
      writer.set(.extracting)
      source = StoredBlobSource(try blobs.open(layer.blob.digest).take(), of: layer.blob, board: writer)
    }
    return try during(doing) {
      let unpacked: UnpackedLayer
      if let draft = job.draft {
        unpacked = try LayerUnpacking.unpack(
          source, into: draft.tree.raw, options: options, doing: doing, expecting: layer.blob, overlapping: true)
      } else {
        unpacked = try LayerUnpacking.digests(source, expecting: layer.blob, doing: doing)
      }
      guard unpacked.diffID == layer.diffID else {
        throw EngineError(
          .corrupt, doing, "it unpacks to \(unpacked.diffID), but the image's config says \(layer.diffID)")
      }
      try faultPoint("pull.layer.unpacked")
      return unpacked.json
    }
  }

  private func finish(_ job: Job, _ report: JSON) throws {
    let unpacked = try UnpackedLayer(try JSONFields(report, "worker"))
    if let draft = job.draft {
      try draft.finish(
        archive: (unpacked.diffID, unpacked.uncompressedSize), contentSize: unpacked.extraction.contentSize,
        entries: unpacked.extraction.entries, blob: job.layer.blob.digest)
      let open = unpacked.extraction.unresolved
      if !open.isEmpty { unresolved.append((job.layer, open)) }
      notes += unpacked.extraction.notes.map { "layer \(job.layer.diffID.short): \($0)" }
    } else if try layers.contains(job.layer.diffID) {
      try layers.note(job.layer.blob.digest, of: job.layer.diffID)
    }
    if let download = job.download { try ingest.adopt(download) }
    working.remove(job.layer.index)
    items[job.layer.index].phase = .pulled
    try faultPoint("pull.layer.done")
  }

  /// A blob that went on from an earlier download and then was wrong is fetched once more from its beginning: who knows
  /// where the first bytes came from. Anything else ends the pull; bytes that are not what they should be do not stay.
  private func restart(_ job: Job, after error: EngineError) throws {
    guard let download = job.download else { throw error }
    guard error.kind == .corrupt else {
      if error.kind == .limitReached { try download.discard() }
      throw error
    }
    guard job.kept > 0 else {
      try download.discard()
      throw error
    }
    try download.truncate(to: 0)
    job.kept = 0
    if job.draft != nil {
      job.draft = nil
      job.draft = try ingest.layer(job.layer.diffID)
    }
  }
}
