package import Basics
internal import Glibc
package import LinuxKernel

/// The containers: their records, names and states. Reading takes no lock; see `StoreLock` for what writing takes.
package struct ContainerStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// Begins a container with a new id.
  package func draft(removesItself: Bool) throws(EngineError) -> ContainerDraft {
    try ContainerDraft(id: newID(), removesItself: removesItself, in: directory)
  }

  /// The record of a container, nil when there is none of that id.
  /// - Throws: `corrupt` for a damaged one, also when it names another id than its directory (SECURITY E7).
  package func record(_ id: String) throws(EngineError) -> ContainerRecord? {
    let subject = "container \(Identifier.short(id))"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, StatePath.containerRecord(id), version: ContainerRecord.version, subject: subject)
    else { return nil }
    let record = try during("reading the record of \(subject)") { try ContainerRecord(fields) }
    guard record.id == id else {
      throw EngineError(.corrupt, "reading the record of \(subject)", "it is the record of another container")
    }
    return record
  }

  /// Ids of all containers, in no order.
  package func ids() throws(EngineError) -> [String] {
    try during("listing the containers") {
      try File.listIfPresent(at: directory.root.raw, StatePath.containers).map(\.name).filter(Identifier.isID)
    }
  }

  /// Ids of the containers that have something in the runtime directory: the only ones that can be running, as long as
  /// nobody has removed that directory.
  package func idsInRunRoot() throws(EngineError) -> [String] {
    guard let run = try directory.runRoot() else { return [] }
    return try during("listing the running containers") {
      try File.listIfPresent(at: run, StatePath.Run.containers).map(\.name).filter(Identifier.isID)
    }
  }

  /// The container a person means: by its full id, its name, or the beginning of its id that no other has, in this order
  /// as docker does.
  /// - Parameter doing: the context of the error, such as "stopping web".
  package func find(_ text: String, doing: String) throws(EngineError) -> String {
    if Identifier.isID(text), try exists(text) { return text }
    let name = text.hasPrefix("/") ? String(text.dropFirst()) : text
    let named = try during(doing) { try ContainerNames(directory).target(of: name) }
    if let id = named, let record = try record(id), record.name == name { return id }
    let missing = EngineError(
      .notFound, doing, "No such container: \(safeText(String(text.prefix(80))))",
      hint: "dhow ps -a lists all containers")
    guard !text.isEmpty, text.utf8.count < 64, isLowerHex(text, count: text.utf8.count) else { throw missing }
    let matches = try ids().filter { $0.hasPrefix(text) }
    guard let match = matches.first else { throw missing }
    guard matches.count == 1 else {
      throw EngineError(.invalidInput, doing, "Multiple IDs found with provided prefix: \(text)")
    }
    return match
  }

  package func exists(_ id: String) throws(EngineError) -> Bool {
    try during("looking for container \(Identifier.short(id))") {
      try File.exists(at: directory.root.raw, StatePath.container(id))
    }
  }

  /// Locks a container for a change.
  /// - Throws: `notFound` when it is gone, also when it went while we waited.
  package func lock(_ id: String, doing: String) throws(EngineError) -> StoreLock {
    let missing = EngineError(.notFound, doing, "No such container: \(Identifier.short(id))")
    guard try exists(id) else { throw missing }
    let lock: StoreLock
    do throws(EngineError) { lock = try StoreLock.acquire(.container(id), in: directory) } catch {
      throw try exists(id) ? error : missing
    }
    guard try exists(id) else { throw missing }
    return lock
  }

  /// A descriptor of the container's directory, for paths of `StatePath.ContainerFile`.
  package func open(_ id: String) throws(EngineError) -> OwnedDescriptor {
    try during("opening container \(Identifier.short(id))") {
      try File.openDirectory(at: directory.root.raw, StatePath.container(id))
    }
  }

  /// Gives a container another name. The caller holds its lock.
  package func rename(_ record: ContainerRecord, to name: String) throws(EngineError) -> ContainerRecord {
    let names = ContainerNames(directory)
    try names.claim(name, for: record.id)
    var renamed = record
    renamed.name = name
    try during("renaming container \(record.name)") {
      do throws(SystemError) {
        try RecordFile.write(
          renamed.json, at: directory.root.raw, StatePath.containerRecord(record.id), durable: true)
      } catch {
        // What the record says now decides which of the two names is stale. One that cannot be given up here goes with
        // the next sweep.
        let isRenamed = (try? self.record(record.id))?.name == name
        try? names.release(isRenamed ? record.name : name, of: record.id)
        throw error
      }
      try faultPoint("store.container.renamed")
      try names.release(record.name, of: record.id)
    }
    return renamed
  }

  /// Writes a record again. The caller holds the container's lock.
  package func rewrite(_ record: ContainerRecord) throws(EngineError) {
    try during("writing the record of \(record.name)") {
      try RecordFile.write(
        record.json, at: directory.root.raw, StatePath.containerRecord(record.id), durable: !record.settings.autoRemove)
    }
  }

  /// Removes a container that does not run. The caller holds its lock.
  /// - Parameter name: from its record; nil when that is damaged.
  /// - Returns: its name in the trash, for `Trash`, whose removal may need the user's namespace.
  @discardableResult
  package func remove(_ id: String, name: String?) throws(EngineError) -> String? {
    let discarded = try Trash(directory).move(StatePath.container(id))
    try during("removing container \(name ?? Identifier.short(id))") {
      if let name { try ContainerNames(directory).release(name, of: id) }
      try faultPoint("store.container.unnamed")
      if let run = try directory.runRoot() { try Self.removeRunDirectory(at: run, id) }
    }
    return discarded
  }

  /// Removes what a container has in the runtime directory: a handful of files, no directories.
  static func removeRunDirectory(at run: Int32, _ id: String) throws(SystemError) {
    let path = StatePath.Run.container(id)
    for entry in try File.listIfPresent(at: run, path) {
      try File.removeIfPresent(at: run, "\(path)/\(entry.name)", directory: entry.isDirectory)
    }
    try File.removeIfPresent(at: run, path, directory: true)
  }
}

// What the engine and the monitor write while a container runs.
extension ContainerStore {
  /// Makes the container's runtime directory and takes the lock that says its monitor lives.
  /// - Throws: `wrongState` when another monitor holds it.
  package func monitorLock(_ id: String) throws(EngineError) -> FileLock {
    let run = try directory.makeRunRoot()
    return try during("starting container \(Identifier.short(id))") {
      try File.ensureDirectory(at: run, StatePath.Run.container(id))
      guard let lock = try FileLock.attempt(at: run, StatePath.Run.monitorLock(id)) else {
        throw EngineError(
          .wrongState, "starting container \(Identifier.short(id))", "its monitor is still running")
      }
      return lock
    }
  }

  /// Writes the monitor's state; only the holder of the monitor's lock does.
  package func write(_ state: ContainerState, of id: String) throws(EngineError) {
    let run: Int32
    if let opened = try directory.runRoot() { run = opened } else { run = try directory.makeRunRoot() }
    try during("writing the state of container \(Identifier.short(id))") {
      try RecordFile.write(state.json, at: run, StatePath.Run.state(id), durable: false)
    }
  }

  /// Removes the state at the end of a run, after the exit record was written.
  package func removeState(of id: String) throws(EngineError) {
    guard let run = try directory.runRoot() else { return }
    try during("removing the state of container \(Identifier.short(id))") {
      try File.removeIfPresent(at: run, StatePath.Run.state(id))
      try File.removeIfPresent(at: run, StatePath.Run.network(id))
    }
  }

  /// Writes what the health checks found; only the monitor does.
  package func write(_ health: HealthRecord, of id: String) throws(EngineError) {
    guard let run = try directory.runRoot() else { return }
    try during("writing the health of container \(Identifier.short(id))") {
      try RecordFile.write(health.json, at: run, StatePath.Run.health(id), durable: false)
    }
  }

  /// What the health checks of this run, or of the last, found; nil when there were none in this boot.
  package func health(of id: String) throws(EngineError) -> HealthRecord? {
    guard let run = try directory.runRoot() else { return nil }
    let subject = "container \(Identifier.short(id))"
    guard
      let fields = try RecordFile.read(
        at: run, StatePath.Run.health(id), version: HealthRecord.version, subject: subject)
    else { return nil }
    return try during("reading the health of \(subject)") { try HealthRecord(fields) }
  }

  /// Remembers that somebody wants the container to end and stay so: to be called before the signal is sent, so that
  /// its monitor, which looks when the program has ended, does not start it again. A container that is gone is success.
  package func markStopped(_ id: String) throws(EngineError) {
    try during("stopping container \(Identifier.short(id))") {
      do throws(SystemError) {
        _ = try File.open(
          at: directory.root.raw, StatePath.containerStopped(id), O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
      } catch { if error.errno != ENOENT, error.errno != ENOSPC, error.errno != EDQUOT { throw error } }
      try faultPoint("store.container.stopped")
    }
  }

  /// Whether somebody stopped or killed the container since its last start (docker's HasBeenManuallyStopped).
  package func isMarkedStopped(_ id: String) throws(EngineError) -> Bool {
    try during("looking at container \(Identifier.short(id))") {
      try File.exists(at: directory.root.raw, StatePath.containerStopped(id))
    }
  }

  /// To be called by whoever starts the container, under its lock.
  package func forgetStopped(_ id: String) throws(EngineError) {
    try during("starting container \(Identifier.short(id))") {
      try File.removeIfPresent(at: directory.root.raw, StatePath.containerStopped(id))
    }
  }

  /// - Parameter durable: false for a container that removes itself.
  package func write(_ start: StartRecord, of id: String, durable: Bool) throws(EngineError) {
    try during("writing the start of container \(Identifier.short(id))") {
      try RecordFile.write(start.json, at: directory.root.raw, StatePath.startRecord(id), durable: durable)
    }
  }

  /// - Parameter durable: false for a container that removes itself.
  package func write(_ exit: ExitRecord, of id: String, durable: Bool) throws(EngineError) {
    try during("writing the end of container \(Identifier.short(id))") {
      try RecordFile.write(exit.json, at: directory.root.raw, StatePath.exitRecord(id), durable: durable)
    }
  }
}
