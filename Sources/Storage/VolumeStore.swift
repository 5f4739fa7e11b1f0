package import Basics
package import LinuxKernel

/// A volume: a directory of data that outlives containers.
package struct VolumeRecord: Sendable {
  package static let version: Int64 = 1

  package var name: String
  package var created: Timestamp
  package var labels: [(String, String)]
  /// Made for one container by an image's VOLUME or a mount without a name, and removed with it on request.
  package var isAnonymous: Bool

  package init(name: String, created: Timestamp, labels: [(String, String)] = [], isAnonymous: Bool = false) {
    self.name = name
    self.created = created
    self.labels = labels
    self.isAnonymous = isAnonymous
  }

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    let name = try fields.string("name")
    guard Identifier.isName(name) else { throw fields.failure("name", "is no volume name") }
    self.init(
      name: name, created: Timestamp(nanoseconds: try fields.integer("created")), labels: try fields.pairs("labels"),
      isAnonymous: try fields.bool("anonymous"))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("name", name)
    builder.set("created", created.nanoseconds)
    builder.set("labels", labels)
    builder.set("anonymous", isAnonymous)
    return builder.json
  }
}

/// The volumes: `volumes/NAME/` with a record and the data.
package struct VolumeStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// Makes a volume; one of that name that exists already is answered as it is, as docker does.
  package func create(_ record: VolumeRecord) throws(EngineError) -> VolumeRecord {
    let doing = "creating volume \(safeText(record.name))"
    guard Identifier.isName(record.name) else {
      throw EngineError(
        .invalidInput, doing,
        "\"\(safeText(record.name))\" includes invalid characters for a local volume name, "
          + "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed")
    }
    if let existing = try self.record(record.name) { return existing }
    let area = try StagingArea(in: directory)
    let isMade = try during(doing) {
      try File.makeDirectory(at: area.descriptor.raw, "volume")
      try File.makeDirectory(at: area.descriptor.raw, "volume/data", mode: 0o755)
      try RecordFile.create(record.json, at: area.descriptor.raw, "volume/record.json", durable: true)
      try faultPoint("store.volume.staged")
      return try area.publish("volume", as: StatePath.volume(record.name), durable: true)
    }
    if isMade { return record }
    guard let winner = try self.record(record.name) else {
      throw EngineError(.inUse, doing, "it was made and removed at the same time")
    }
    return winner
  }

  package func record(_ name: String) throws(EngineError) -> VolumeRecord? {
    guard Identifier.isName(name) else { return nil }
    let subject = "volume \(name)"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, StatePath.volumeRecord(name), version: VolumeRecord.version, subject: subject)
    else { return nil }
    let record = try during("reading the record of \(subject)") { try VolumeRecord(fields) }
    guard record.name == name else {
      throw EngineError(.corrupt, "reading the record of \(subject)", "it is the record of another volume")
    }
    return record
  }

  /// The names of all volumes, in no order.
  package func names() throws(EngineError) -> [String] {
    try during("listing the volumes") {
      try File.listIfPresent(at: directory.root.raw, StatePath.volumes).map(\.name).filter(Identifier.isName)
    }
  }

  /// The directory of a volume's data.
  package func openData(_ name: String) throws(EngineError) -> OwnedDescriptor {
    guard Identifier.isName(name) else {
      throw EngineError(.notFound, "opening a volume", "no such volume: \(safeText(name))")
    }
    return try during("opening volume \(name)") {
      try File.openDirectory(at: directory.root.raw, StatePath.volumeData(name))
    }
  }

  /// Removes a volume and its data. Whether a container uses it is the caller's question.
  package func remove(_ name: String) throws(EngineError) {
    guard Identifier.isName(name), try Trash(directory).move(StatePath.volume(name)) != nil else {
      throw EngineError(.notFound, "removing volume \(safeText(name))", "no such volume: \(safeText(name))")
    }
  }
}
