package import Basics
internal import Glibc
package import LinuxKernel
package import OCI

/// What is known about an extracted layer, beside its tree.
package struct LayerRecord: Equatable, Sendable {
  package static let version: Int64 = 1

  package var diffID: Digest
  /// Bytes of the files in the tree: what docker's SIZE adds up.
  package var contentSize: Int64
  /// Bytes of the uncompressed tar.
  package var archiveSize: Int64
  package var entries: Int64

  package init(diffID: Digest, contentSize: Int64, archiveSize: Int64, entries: Int64) {
    self.diffID = diffID
    self.contentSize = contentSize
    self.archiveSize = archiveSize
    self.entries = entries
  }

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init(
      diffID: try fields.digest("diffID"), contentSize: try fields.integer("contentSize"),
      archiveSize: try fields.integer("archiveSize"), entries: try fields.integer("entries"))
  }

  package var json: JSON {
    [
      "version": .integer(Self.version), "diffID": .string(diffID.description), "contentSize": .integer(contentSize),
      "archiveSize": .integer(archiveSize), "entries": .integer(entries),
    ]
  }
}

/// The extracted layers, keyed by the digest of the uncompressed archive and shared by all images. A layer that is there is
/// whole and durable, and never changes.
package struct LayerStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  package func contains(_ diffID: Digest) throws(EngineError) -> Bool {
    try during("looking for layer \(diffID)") { try File.exists(at: directory.root.raw, StatePath.layer(diffID)) }
  }

  /// - Throws: `corrupt` when the layer is missing or its record is damaged.
  package func record(_ diffID: Digest) throws(EngineError) -> LayerRecord {
    let subject = "layer \(diffID.short)"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, StatePath.layerRecord(diffID), version: LayerRecord.version, subject: subject)
    else { throw missing(diffID) }
    let record = try during("reading the record of \(subject)") { try LayerRecord(fields) }
    guard record.diffID == diffID else {
      throw EngineError(.corrupt, "reading the record of \(subject)", "it is the record of another layer")
    }
    return record
  }

  /// Whether it is known that a blob has the content of a layer which is there.
  package func isKnown(_ blob: Digest, of diffID: Digest) throws(EngineError) -> Bool {
    if blob == diffID { return true }
    return try during("looking for the blobs of layer \(diffID.short)") {
      try File.exists(at: directory.root.raw, StatePath.layerSource(diffID, blob))
    }
  }

  /// Remembers that a blob, which was uncompressed and hashed, has the content of a layer. The note may be lost in a
  /// power cut; then the blob is looked into again.
  package func note(_ blob: Digest, of diffID: Digest) throws(EngineError) {
    if blob == diffID { return }
    try during("noting a blob of layer \(diffID.short)") {
      _ = try File.open(
        at: directory.root.raw, StatePath.layerSource(diffID, blob), O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
    }
  }

  /// The tree of a layer. Through `/proc/self/fd/N`, or `N` with that directory as working directory, it is a lower
  /// directory of overlay in four bytes, so that any number of layers fits the one page of mount options; where
  /// `StatePath.layerTree` relative to the root directory is short enough no descriptor is needed.
  package func openTree(_ diffID: Digest) throws(EngineError) -> OwnedDescriptor {
    do throws(SystemError) {
      return try File.openDirectory(at: directory.root.raw, StatePath.layerTree(diffID))
    } catch {
      if error.errno == ENOENT { throw missing(diffID) }
      throw error.engineError("opening layer \(diffID.short)")
    }
  }

  /// Diff ids of all layers, in no order.
  package func list() throws(EngineError) -> [Digest] {
    try during("listing the layers") {
      try File.listIfPresent(at: directory.root.raw, StatePath.layers).compactMap { Self.diffID(ofDirectory: $0.name) }
    }
  }

  /// The length of the name tells the algorithm.
  static func diffID(ofDirectory name: String) -> Digest? {
    Digest(.sha256, hex: name) ?? Digest(.sha512, hex: name)
  }

  private func missing(_ diffID: Digest) -> EngineError {
    EngineError(
      .corrupt, "opening layer \(diffID.short)", "it is missing in the store", hint: "dhow system check --repair")
  }
}
