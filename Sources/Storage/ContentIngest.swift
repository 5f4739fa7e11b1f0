package import Basics
internal import Glibc
package import LinuxKernel
package import OCI

/// Blobs and layers on their way into the store, together: all are staged, made durable by one syncfs(2), and published
/// by a rename each. Whoever publishes the same thing first wins, and the loser takes the winner's (SECURITY C12). No lock
/// is held while bytes flow.
///
/// What is pinned is kept by the garbage collector for as long as this value lives, published or not, until an image that
/// is added to the index keeps it.
package final class ContentIngest {
  package let directory: StateDirectory
  private let area: StagingArea
  private var pinnedBlobs: Set<Digest> = []
  private var pinnedLayers: Set<Digest> = []
  private var stagedBlobs: [Digest] = []
  private var stagedLayers: [Digest] = []
  private var downloads: [PartialDownload] = []
  private var unnamed = 0

  static let pinsName = "pins.json"
  static let pinsVersion: Int64 = 1

  package init(_ directory: StateDirectory) throws(EngineError) {
    self.directory = directory
    area = try StagingArea(in: directory)
  }

  /// Keeps blobs and layers from the garbage collector, whether they are in the store or will come. To be called before
  /// one looks whether they are there.
  package func pin(blobs: [Digest] = [], layers: [Digest] = []) throws(EngineError) {
    let before = pinnedBlobs.count + pinnedLayers.count
    pinnedBlobs.formUnion(blobs)
    pinnedLayers.formUnion(layers)
    guard pinnedBlobs.count + pinnedLayers.count > before else { return }
    let json: JSON = [
      "version": .integer(Self.pinsVersion), "blobs": JSON(pinnedBlobs.map(\.description)),
      "layers": JSON(pinnedLayers.map(\.description)),
    ]
    // Under the lock, so that a collector sees the pin or has removed its garbage before we look for it.
    let lock = try StoreLock.acquire(.content, in: directory, shared: true)
    defer { withExtendedLifetime(lock) {} }
    try during("keeping the image's content") {
      try RecordFile.write(json, at: area.descriptor.raw, Self.pinsName, durable: false)
      try faultPoint("store.content.pinned")
    }
  }

  /// A new blob whose bytes come in pieces.
  package func blob() throws(EngineError) -> BlobWriter {
    unnamed += 1
    let name = "incoming-\(unnamed)"
    let file = try during("staging a blob") {
      try File.open(at: area.descriptor.raw, name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    }
    return BlobWriter(self, name: name, file: file)
  }

  /// Stages a small blob that is in memory.
  package func add(blob bytes: [UInt8]) throws(EngineError) -> Digest {
    let writer = try blob()
    try during("writing a blob") { try bytes.withUnsafeBytes { try writer.write($0) } }
    return try writer.finish(expecting: nil, size: nil).digest
  }

  /// Stages a blob that is in a staging area of this store already, whole, its digest taken; it stays there as well.
  /// - Parameter path: relative to the root directory.
  package func take(_ path: String, as digest: Digest) throws(EngineError) {
    guard !stagedBlobs.contains(digest) else { return }
    try during("staging \(digest)") {
      try File.link(at: directory.root.raw, path, to: area.descriptor.raw, "blob-\(digest.hex)", shown: "\(digest)")
    }
    stagedBlobs.append(digest)
  }

  /// Publishes a blob that was fetched whole, and whose digest was taken, together with the rest. Its lock is let go then.
  package func adopt(_ download: PartialDownload) throws(EngineError) {
    try pin(blobs: [download.digest])
    downloads.append(download)
  }

  /// The writer is done: its file gets the name of its digest.
  fileprivate func stage(_ name: String, as digest: Digest) throws(SystemError) {
    try File.rename(at: area.descriptor.raw, name, to: area.descriptor.raw, "blob-\(digest.hex)")
    if !stagedBlobs.contains(digest) { stagedBlobs.append(digest) }
    try faultPoint("store.blob.staged")
  }

  fileprivate func remove(_ name: String) throws(SystemError) {
    try File.removeIfPresent(at: area.descriptor.raw, name)
  }

  /// An empty tree for a layer that the store does not have; nil when it has it.
  package func layer(_ diffID: Digest) throws(EngineError) -> LayerDraft? {
    try pin(layers: [diffID])
    if stagedLayers.contains(diffID) { return nil }
    if try LayerStore(directory).contains(diffID) { return nil }
    return try layer(expecting: diffID)
  }

  /// An empty tree for a layer that is known only when it is unpacked, as in an archive that names its layers at its end.
  package func unknownLayer() throws(EngineError) -> LayerDraft { try layer(expecting: nil) }

  private func layer(expecting diffID: Digest?) throws(EngineError) -> LayerDraft {
    unnamed += 1
    let name = "unpacking-\(unnamed)"
    return try during("staging a layer") {
      try File.makeDirectory(at: area.descriptor.raw, name)
      let tree = "\(name)/\(StatePath.layerTreeName)"
      try File.makeDirectory(at: area.descriptor.raw, tree, mode: 0o755)
      return LayerDraft(
        self, name: name, diffID, path: area.path(tree), tree: try File.openDirectory(at: area.descriptor.raw, tree))
    }
  }

  /// The draft is done: it gets the name of its diff id, unless that is staged already.
  fileprivate func stage(_ name: String, _ record: LayerRecord, from blob: Digest?) throws(EngineError) {
    try during("staging layer \(record.diffID.short)") {
      guard !stagedLayers.contains(record.diffID) else { return try Trash(directory).discard(area.path(name)) }
      let path = "\(name)/\(StatePath.layerRecordName)"
      try RecordFile.create(record.json, at: area.descriptor.raw, path, durable: false)
      if let blob, blob != record.diffID {
        let note = "\(name)/\(StatePath.layerSourceName(blob))"
        _ = try File.open(at: area.descriptor.raw, note, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
      }
      try File.rename(at: area.descriptor.raw, name, to: area.descriptor.raw, "layer-\(record.diffID.hex)")
      stagedLayers.append(record.diffID)
      try faultPoint("store.layer.staged")
    }
  }

  fileprivate func remove(layer name: String) throws(EngineError) {
    try Trash(directory).discard(area.path(name))
  }

  /// Whether a blob is staged here or in the store.
  package func contains(_ digest: Digest) throws(EngineError) -> Bool {
    if stagedBlobs.contains(digest) || downloads.contains(where: { $0.digest == digest }) { return true }
    return try BlobStore(directory).contains(digest)
  }

  /// A blob, staged here or in the store, for reading.
  package func openBlob(_ digest: Digest) throws(EngineError) -> OwnedDescriptor {
    if let download = downloads.first(where: { $0.digest == digest }) {
      return try during("opening \(digest)") {
        try File.open(at: directory.root.raw, StatePath.download(download.digest), O_RDONLY | O_NOFOLLOW)
      }
    }
    guard stagedBlobs.contains(digest) else { return try BlobStore(directory).open(digest) }
    return try during("opening \(digest)") {
      try File.open(at: area.descriptor.raw, "blob-\(digest.hex)", O_RDONLY | O_NOFOLLOW)
    }
  }

  /// Forgets staged blobs that turned out to be of no use, such as files of an archive that are no part of its images.
  package func keep(onlyBlobs wanted: Set<Digest>) throws(EngineError) {
    for digest in stagedBlobs where !wanted.contains(digest) {
      try during("dropping \(digest)") { try remove("blob-\(digest.hex)") }
    }
    stagedBlobs.removeAll { !wanted.contains($0) }
  }

  /// The tree of a layer, staged here or in the store, for what one layer must know of those below it.
  package func openTree(_ diffID: Digest) throws(EngineError) -> OwnedDescriptor {
    guard stagedLayers.contains(diffID) else { return try LayerStore(directory).openTree(diffID) }
    return try during("opening layer \(diffID.short)") {
      try File.openDirectory(at: area.descriptor.raw, "layer-\(diffID.hex)/\(StatePath.layerTreeName)")
    }
  }

  /// Where that tree is, relative to the root directory, until the next `publish`.
  package func treePath(_ diffID: Digest) -> String {
    guard stagedLayers.contains(diffID) else { return StatePath.layerTree(diffID) }
    return area.path("layer-\(diffID.hex)/\(StatePath.layerTreeName)")
  }

  /// Publishes the adopted downloads alone, so that nobody waits for them any longer.
  package func publishDownloads() throws(EngineError) {
    guard !downloads.isEmpty else { return }
    try during("publishing the image's blobs") {
      try File.syncFilesystem(area.descriptor.raw)
      try publishDownloadsAfterSync()
    }
  }

  private func publishDownloadsAfterSync() throws(SystemError) {
    for download in downloads {
      try download.publish()
      try faultPoint("store.blob.published")
    }
    downloads = []
  }

  /// Makes everything staged durable and publishes it.
  package func publish() throws(EngineError) {
    try pin(blobs: stagedBlobs, layers: stagedLayers)
    try during("publishing the image's content") {
      if stagedBlobs.isEmpty && stagedLayers.isEmpty && downloads.isEmpty { return }
      try File.syncFilesystem(area.descriptor.raw)
      try faultPoint("store.content.synced")
      for digest in stagedBlobs {
        _ = try area.publish("blob-\(digest.hex)", as: StatePath.blob(digest), durable: false)
        try faultPoint("store.blob.published")
      }
      for diffID in stagedLayers {
        _ = try area.publish("layer-\(diffID.hex)", as: StatePath.layer(diffID), durable: false)
        try faultPoint("store.layer.published")
      }
      // Last: who waits for a blob finds its layer unpacked.
      try publishDownloadsAfterSync()
      try File.syncFilesystem(area.descriptor.raw)
      stagedBlobs = []
      stagedLayers = []
    }
  }
}

/// A blob being written: counted and hashed on the way.
package final class BlobWriter {
  private let ingest: ContentIngest
  private let name: String
  private let file: OwnedDescriptor
  private var stream = SHA256Stream()
  private var isFinished = false

  fileprivate init(_ ingest: ContentIngest, name: String, file: consuming OwnedDescriptor) {
    self.ingest = ingest
    self.name = name
    self.file = file
  }

  deinit {
    // A blob given up half-way; if it cannot be removed now it goes with the staging area.
    if !isFinished { try? ingest.remove(name) }
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws(EngineError) {
    try during("writing a blob") {
      try faultPoint("store.blob.writing")
      try File.writeAll(file.raw, bytes, shown: "a blob in \(ingest.directory.location.root)")
    }
    stream.update(bytes)
  }

  /// Ends the blob.
  /// - Throws: `corrupt` when it is not the one expected (SECURITY B1); nothing of it is kept then.
  package func finish(expecting digest: Digest?, size: Int64?) throws(EngineError) -> (digest: Digest, size: Int64) {
    let found = stream.digest
    if let size, size != stream.count {
      throw EngineError(
        .corrupt, "storing \(digest ?? found)", "it has \(stream.count) bytes, not \(size) as its descriptor says")
    }
    if let digest, digest != found {
      if digest.algorithm != .sha256 {
        throw EngineError(.unsupported, "storing \(digest)", "only sha256 digests can be checked")
      }
      throw EngineError(.corrupt, "storing \(digest)", "its content has the digest \(found)")
    }
    try during("storing \(found)") { try ingest.stage(name, as: found) }
    isFinished = true
    return (found, stream.count)
  }
}

/// A layer being extracted.
package final class LayerDraft {
  private let ingest: ContentIngest
  private let name: String
  private let expected: Digest?
  private var isFinished = false
  /// The empty directory to extract into, mode 0755, owned by the caller.
  package let tree: OwnedDescriptor
  /// The same relative to the root directory.
  package let path: String

  fileprivate init(
    _ ingest: ContentIngest, name: String, _ expected: Digest?, path: String, tree: consuming OwnedDescriptor
  ) {
    self.path = path
    self.ingest = ingest
    self.name = name
    self.expected = expected
    self.tree = tree
  }

  deinit {
    // A layer given up half-way; if it cannot be removed now it goes with the staging area.
    if !isFinished { try? ingest.remove(layer: name) }
  }

  /// Ends the layer. What it says only together with those below it (`LayerCompletion`) may still be settled in its tree
  /// until `ContentIngest.publish`.
  /// - Parameters:
  ///   - archive: digest and size of the uncompressed bytes that were extracted.
  ///   - contentSize: bytes of the files in the tree; counted when nil.
  ///   - blob: the blob it was extracted from; see `LayerStore.isKnown`.
  /// - Throws: `corrupt` when the digest is not the diff id (SECURITY B10); nothing of the layer is kept then.
  package func finish(
    archive: (digest: Digest, size: Int64), contentSize: Int64? = nil, entries: Int64, blob: Digest? = nil
  ) throws(EngineError) {
    if let expected, archive.digest != expected {
      throw EngineError(
        .corrupt, "extracting layer \(expected)", "its uncompressed content has the digest \(archive.digest)")
    }
    let size: Int64
    if let contentSize {
      size = contentSize
    } else {
      size = try during("measuring layer \(archive.digest.short)") { try SpaceUsage.content(of: tree.raw) }
    }
    try ingest.stage(
      name, LayerRecord(diffID: archive.digest, contentSize: size, archiveSize: archive.size, entries: entries),
      from: blob)
    isFinished = true
  }
}
