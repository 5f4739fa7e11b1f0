internal import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Registry
internal import Storage

/// Brings the blobs of a plan into a repository: only those that are missing, several at the same time, each in a process
/// with a connection of its own.
final class BlobPush {
  /// Bytes that are sent in this process: a child would cost more than it saves.
  static let small: Int64 = 1 << 20

  private let plan: PushPlan
  private let request: PushRequest
  private let client: RegistryClient
  private let blobs: BlobStore
  private let layers: LayerStore
  private let observer: any TransferObserver
  private let sources: MountSources
  /// A client for the repository of a blob that the store does not have.
  private let fetching: (Reference) throws -> RegistryClient
  private let doing: String
  private let board: TransferBoard
  private var items: [TransferItem]
  private var working: Set<Int> = []
  /// What was sent in the place of stored blobs, by their digest.
  private(set) var replaced: [Digest: Descriptor] = [:]

  init(
    _ plan: PushPlan, _ request: PushRequest, from directory: StateDirectory, to client: RegistryClient,
    sources: MountSources, fetching: @escaping (Reference) throws -> RegistryClient, observer: any TransferObserver,
    doing: String
  ) throws {
    self.plan = plan
    self.request = request
    self.client = client
    self.sources = sources
    self.fetching = fetching
    self.observer = observer
    self.doing = doing
    blobs = BlobStore(directory)
    layers = LayerStore(directory)
    board = try TransferBoard(count: plan.blobs.count)
    items = plan.blobs.map {
      TransferItem(id: ($0.diffID ?? $0.descriptor.digest).short, phase: .preparing, total: $0.descriptor.size)
    }
  }

  /// Items of layers: docker does not show the config.
  private func show() {
    observer.show(
      plan.blobs.indices.filter { plan.blobs[$0].diffID != nil || plan.blobs.count == 1 }.map {
        working.contains($0) ? board.read($0, id: items[$0].id) : items[$0]
      })
  }

  func run() throws {
    show()
    var missing: [Int] = []
    for index in plan.blobs.indices where try !isThere(index) { missing.append(index) }
    let tasks = missing.map { index in
      TransferTask(index: index, weight: plan.blobs[index].descriptor.size) { [unowned self] in try send(index) }
    }
    let bytes = missing.reduce(0) { $0 + plan.blobs[$1].descriptor.size }
    if bytes <= Self.small {
      for task in tasks { try finish(task.index, try task.work()) }
    } else {
      for index in missing {
        board.writer(index).set(total: plan.blobs[index].descriptor.size)
        working.insert(index)
      }
      let workers = TransferWorkers(doing: doing) { [unowned self] in show() }
      try workers.run(tasks) { task, result in
        try finish(task.index, try result.get())
        return nil
      }
    }
    show()
  }

  /// Whether the registry has a blob, or what it was compressed to before.
  private func isThere(_ index: Int) throws -> Bool {
    let blob = plan.blobs[index]
    var digest = blob.descriptor.digest
    if let compression = blob.compression, let diffID = blob.diffID {
      guard let known = try layers.compressed(diffID, compression.rawValue, level: request.compressionLevel) else {
        return false
      }
      digest = known.digest
      if try !client.hasBlob(digest) {
        // Who pushed it to the other repository sent it compressed, so that it need not be compressed again.
        guard try client.mountBlob(digest, from: sources.repositories(having: blob.descriptor.digest)) else {
          return false
        }
        items[index].phase = .mounted
      }
      replaced[blob.descriptor.digest] = descriptor(of: blob, known.digest, known.size)
    } else if try !client.hasBlob(digest) {
      return false
    }
    if items[index].phase != .mounted { items[index].phase = .alreadyPushed }
    show()
    return true
  }

  private func descriptor(of blob: PushPlan.Blob, _ digest: Digest, _ size: Int64) -> Descriptor {
    var type = blob.descriptor.mediaType
    if let compression = blob.compression { type = type.compressed(compression) }
    return Descriptor(mediaType: type, digest: digest, size: size)
  }

  /// Sends one blob; in a worker unless it is small.
  private func send(_ index: Int) throws -> JSON {
    let blob = plan.blobs[index]
    let writer = board.writer(index)
    let file = try open(blob, writer)
    var digest = blob.descriptor.digest
    var size = try File.status(file.raw, shown: "\(digest)").size
    guard size == blob.descriptor.size else {
      throw EngineError(
        .corrupt, doing, "the blob \(digest) has \(size) bytes, not \(blob.descriptor.size)", hint: "dhow system check")
    }
    let client = working.contains(index) ? client.forWorker() : client
    var compressed: CompressedLayer?
    if let compression = blob.compression {
      writer.set(.compressing)
      let made = try CompressedLayer(
        blob.descriptor, file.raw, as: compression, level: request.compressionLevel, in: blobs.directory, doing: doing
      ) { writer.set(current: $0) }
      digest = made.digest
      size = made.size
      compressed = made
    }
    writer.set(total: size)
    writer.set(.pushing)
    let outcome = try client.uploadBlob(
      digest, size: size, file: compressed?.descriptor ?? file.raw,
      mountingFrom: compressed == nil ? sources.repositories(having: digest) : [], isMissing: compressed == nil
    ) { writer.set(current: $0) }
    let phase: TransferPhase =
      switch outcome {
      case .present: .alreadyPushed
      case .mounted: .mounted
      case .uploaded: .pushed
      }
    return ["digest": .string(digest.description), "size": .integer(size), "phase": .integer(phase.rawValue)]
  }

  /// The stored blob, or one that is fetched for the purpose into a file without a name.
  private func open(_ blob: PushPlan.Blob, _ writer: TransferBoard.Writer) throws -> OwnedDescriptor {
    guard let source = blob.source else { return try blobs.open(blob.descriptor.digest) }
    writer.set(.downloading)
    let file = try File.open(
      at: blobs.directory.root.raw, StatePath.staging, O_RDWR | CompressedLayer.withoutName, mode: 0o600)
    let download = try fetching(source).openBlob(blob.descriptor)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { buffer.deallocate() }
    var hash = SHA256Stream()
    while true {
      let count = try download.read(into: buffer)
      if count == 0 { break }
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      hash.update(bytes)
      try File.writeAll(file.raw, bytes, shown: "a blob in \(blobs.directory.location.root)")
      writer.set(current: download.position)
    }
    guard hash.digest == blob.descriptor.digest else {
      throw EngineError(.corrupt, doing, "\(source.domain) gives other bytes for \(blob.descriptor.digest)")
    }
    return file
  }

  private func finish(_ index: Int, _ report: JSON) throws {
    let fields = try JSONFields(report, "worker")
    let blob = plan.blobs[index]
    working.remove(index)
    items[index].phase = TransferPhase(rawValue: try fields.integer("phase")) ?? .pushed
    if let compression = blob.compression, let diffID = blob.diffID {
      let sent = descriptor(of: blob, try fields.digest("digest"), try fields.integer("size"))
      replaced[blob.descriptor.digest] = sent
      try layers.noteCompressed(
        diffID, compression.rawValue, level: request.compressionLevel, digest: sent.digest, size: sent.size)
    }
    try faultPoint("push.blob.done")
  }
}

/// Other repositories of a registry that have blobs, as far as we know: images of this store that were pulled from there
/// or pushed there.
struct MountSources {
  private var known: [Digest: [String]] = [:]

  init() {}

  /// - Parameter reference: where a push goes.
  init(_ images: ImageStore, for reference: Reference) throws(EngineError) {
    for image in try images.list() {
      let paths = Set(
        image.digests.filter { $0.domain == reference.domain && $0.path != reference.path }.map(\.path))
      if paths.isEmpty { continue }
      // Of an image whose manifest is damaged nothing is known.
      guard let manifest = try? images.manifest(of: image) else { continue }
      for layer in manifest.layers {
        for path in paths.sorted() where !known[layer.digest, default: []].contains(path) {
          known[layer.digest, default: []].append(path)
        }
      }
    }
  }

  func repositories(having digest: Digest) -> [String] { known[digest] ?? [] }

  /// Notes that a repository has a blob.
  mutating func add(_ digest: Digest, _ path: String) {
    if !known[digest, default: []].contains(path) { known[digest, default: []].append(path) }
  }
}
