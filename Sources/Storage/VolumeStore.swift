package import Basics
internal import Glibc
package import LinuxKernel

/// The volumes: `volumes/NAME/` with a record and the data.
package struct VolumeStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// Makes a volume; one of that name that exists already is answered as it is, as docker does.
  /// - Parameter durable: false for a container that removes itself and it.
  /// - Returns: the volume, and whether it was made now.
  package func create(
    _ record: VolumeRecord, durable: Bool = true
  ) throws(EngineError) -> (record: VolumeRecord, isNew: Bool) {
    let doing = "creating volume \(safeText(record.name))"
    guard Identifier.isName(record.name) else {
      throw EngineError(
        .invalidInput, doing,
        "\"\(safeText(record.name))\" includes invalid characters for a local volume name, "
          + "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed")
    }
    if let existing = try self.record(record.name) { return (existing, false) }
    let area = try StagingArea(in: directory)
    let isMade = try during(doing) {
      try File.makeDirectory(at: area.descriptor.raw, "volume")
      try File.makeDirectory(at: area.descriptor.raw, "volume/data", mode: 0o755)
      try RecordFile.create(record.json, at: area.descriptor.raw, "volume/record.json", durable: durable)
      try faultPoint("store.volume.staged")
      return try area.publish("volume", as: StatePath.volume(record.name), durable: durable)
    }
    if isMade { return (record, true) }
    guard let winner = try self.record(record.name) else {
      throw EngineError(.inUse, doing, "it was made and removed at the same time")
    }
    return (winner, false)
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

  /// Waits until nobody else begins to use or removes the volume; nil when there is none of that name.
  package func lock(_ name: String) throws(EngineError) -> StoreLock? {
    guard try record(name) != nil else { return nil }
    do throws(EngineError) {
      let lock = try StoreLock.acquire(.volume(name), in: directory)
      // Who held it may have removed it.
      return try record(name) == nil ? nil : consume lock
    } catch {
      if error.kind == .notFound { return nil }
      throw error
    }
  }

  /// How far a volume has come on the way to its first container.
  package enum FirstUse: Sendable {
    /// No container has had it.
    case ahead
    /// Who copied into it died: what is in it is a part of that copy.
    case interrupted
    case over
  }

  package func firstUse(of name: String) throws(EngineError) -> FirstUse {
    try during("reading volume \(name)") {
      if try File.exists(at: directory.root.raw, StatePath.volumeUsed(name)) { return .over }
      return try File.exists(at: directory.root.raw, StatePath.volumeCopying(name)) ? .interrupted : .ahead
    }
  }

  /// Notes that a copy into the volume begins.
  package func beginFirstUse(of name: String, durable: Bool) throws(EngineError) {
    try during("using volume \(name)") {
      try mark(StatePath.volumeCopying(name), durable)
      try faultPoint("store.volume.copying")
    }
  }

  /// Notes that the volume was given to a container: nothing is ever copied into it again.
  package func endFirstUse(of name: String, durable: Bool) throws(EngineError) {
    try during("using volume \(name)") {
      // What was copied is on the disk before the note of it.
      if durable, try File.exists(at: directory.root.raw, StatePath.volumeCopying(name)) {
        try File.syncFilesystem(directory.root.raw, shown: StatePath.volumeData(name))
      }
      try mark(StatePath.volumeUsed(name), durable)
      try File.removeIfPresent(at: directory.root.raw, StatePath.volumeCopying(name))
    }
  }

  private func mark(_ path: String, _ durable: Bool) throws(SystemError) {
    let file = try File.open(at: directory.root.raw, path, O_WRONLY | O_CREAT, mode: 0o600)
    if durable { try File.sync(file.raw, shown: path) }
  }

  /// Empties a volume whose first copy was cut short.
  package func discardData(of name: String) throws(EngineError) {
    try during("emptying volume \(name)") {
      try Trash(directory).discard(StatePath.volumeData(name))
      try File.makeDirectory(at: directory.root.raw, StatePath.volumeData(name), mode: 0o755)
    }
  }

  /// Removes a volume and its data at once; its tree lies in the trash then. Whether a container uses it is the caller's question.
  package func remove(_ name: String) throws(EngineError) {
    guard Identifier.isName(name), try Trash(directory).move(StatePath.volume(name)) != nil else {
      throw EngineError(.notFound, "removing volume \(safeText(name))", "no such volume: \(safeText(name))")
    }
  }
}
