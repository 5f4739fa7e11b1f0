package import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// `CONTAINER@N`: a snapshot of a container.
struct SnapshotOperand {
  let container: String
  let number: Int64

  /// - Parameter least: 0 where the image will do as well, 1 elsewhere.
  init(parsing text: String, least: Int64, doing: String) throws(EngineError) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let number = Int64(parts[1]), number >= least else {
      throw EngineError(
        .invalidInput, doing, "\"\(safeText(text))\" names no snapshot",
        hint: "write CONTAINER@N; dhow snapshot ls CONTAINER lists them\(least == 0 ? ", and 0 is the image" : "")")
    }
    container = String(parts[0])
    self.number = number
  }
}

/// A snapshot as a list shows it.
package struct SnapshotRow: Equatable, Sendable {
  package var number: Int64
  package var parent: Int64
  package var created: Timestamp
  package var message: String
  /// Bytes on disk.
  package var size: Int64
  /// The container's writable layer stands on it.
  package var isCurrent: Bool
}

extension Engine {
  var snapshots: SnapshotStore { SnapshotStore(directory, mode: overlayMode) }

  /// Freezes what a container has changed so far. Of one that does not run nothing is copied; one that runs stands still
  /// while its changes are.
  /// - Returns: the snapshot's number.
  package func createSnapshot(_ name: String, message: String) throws(EngineError) -> Int64 {
    let doing = "taking a snapshot of \(safeText(name))"
    let (id, record, lock) = try lockForSnapshots(name, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    guard case .running = try containers.status(of: id) else {
      try enterUserNamespace()
      let number = try snapshots.freeze(id, message: message).number
      note("snapshot", record, [("snapshot", "\(number)")])
      return number
    }
    let hold = try hold(id, doing: doing)
    try enterUserNamespace()
    let upper = try openUpper(record.id, doing: doing)
    let snapshot = try snapshots.copy(id, message: message) { tree in
      try TreeCopy.copy(
        upper.raw, to: tree, owners: .none, mode: overlayMode, failure: ArchiveFailure(doing: doing))
    }
    try hold?.release()
    note("snapshot", record, [("snapshot", "\(snapshot.number)")])
    return snapshot.number
  }

  package func listSnapshots(_ name: String) throws(EngineError) -> [SnapshotRow] {
    let doing = "listing the snapshots of \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    try enterUserNamespace()
    let base = try snapshots.base(of: id)
    var rows: [SnapshotRow] = []
    for snapshot in try snapshots.list(of: id) {
      rows.append(
        SnapshotRow(
          number: snapshot.number, parent: snapshot.parent, created: snapshot.created, message: snapshot.message,
          size: try SpaceUsage(directory).allocated(StatePath.snapshotTree(snapshot.id)),
          isCurrent: snapshot.number == base))
    }
    return rows
  }

  /// Forgets a snapshot that nothing stands on.
  package func removeSnapshot(_ operand: String) throws(EngineError) {
    let doing = "removing snapshot \(safeText(operand))"
    let asked = try SnapshotOperand(parsing: operand, least: 1, doing: doing)
    let (id, record, lock) = try lockForSnapshots(asked.container, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    try enterUserNamespace()
    try snapshots.remove(asked.number, of: id)
    note("snapshot_rm", record, [("snapshot", "\(asked.number)")])
    if let failure = try Trash(directory).empty() { throw failure }
  }

  /// Gives a container back the files it had at a snapshot, or with `@0` its image's. What came after is gone, snapshots
  /// are not.
  package func rollBack(_ operand: String) throws(EngineError) {
    let doing = "rolling back to \(safeText(operand))"
    let asked = try SnapshotOperand(parsing: operand, least: 0, doing: doing)
    let (id, record, lock) = try lockForSnapshots(asked.container, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    if case .running = try containers.status(of: id) {
      throw EngineError(
        .wrongState, doing, "container \(Identifier.short(id)) is running",
        hint: "dhow stop \(safeText(asked.container)), then roll back and start it again")
    }
    try enterUserNamespace()
    try snapshots.rollBack(id, to: asked.number)
    note("rollback", record, [("snapshot", "\(asked.number)")])
  }

  /// Makes a second container that starts from a snapshot of the first, or with `@0` from its image. Nothing is copied.
  /// - Returns: the new container's id.
  package func branch(_ operand: String, to name: String) throws(EngineError) -> String {
    let doing = "branching off \(safeText(operand))"
    let asked = try SnapshotOperand(parsing: operand, least: 0, doing: doing)
    guard Identifier.isName(name) else {
      throw EngineError(
        .invalidInput, doing, "Invalid container name (\(safeText(name))), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    }
    // Held until the new container is there: the first one's removal would take the snapshots along.
    let (id, record, lock) = try lockForSnapshots(asked.container, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    try enterUserNamespace()
    let chain = try snapshots.chain(asked.number, of: id)
    let content = try StoreLock.acquire(.content, in: directory, shared: true)
    let draft = try containers.draft(removesItself: false)
    try draft.claim(name)
    try makeLayerDirectories(draft)
    try snapshots.adopt(chain, in: draft)
    var copy = record
    copy.id = draft.id
    copy.name = name
    copy.created = .now
    copy.settings.autoRemove = false
    copy.settings.pidFile = nil
    copy.settings.creation = []
    _ = try draft.publish(copy)
    _ = consume content
    note("branch", record, [("branch", name), ("snapshot", "\(asked.number)")])
    note("create", copy)
    return copy.id
  }

  private func lockForSnapshots(
    _ name: String, doing: String
  ) throws(EngineError) -> (id: String, record: ContainerRecord, lock: HeldLock) {
    let id = try containers.find(name, doing: doing)
    let lock = HeldLock(try containers.lock(id, doing: doing))
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    guard record.settings.rootDirectory?.overlay ?? true else {
      throw EngineError(.unsupported, doing, "a container of --rootfs without :O has no layer of its own")
    }
    return (id, record, lock)
  }
}
