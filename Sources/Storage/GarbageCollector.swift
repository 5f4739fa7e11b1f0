package import Basics
internal import Glibc
import LinuxKernel
package import OCI

/// Removes what nobody refers to. Whether something is garbage is decided by reachability under the `content` lock, and
/// carried out there by renames into the trash; trees are removed afterwards.
package struct GarbageCollector {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// What a collection removed.
  package struct Outcome: Equatable, Sendable {
    package var blobs: [Digest] = []
    package var layers: [Digest] = []
    package var containers: [String] = []
    package var names: [String] = []
    /// Bytes on disk of the blobs and layers.
    package var reclaimed: Int64 = 0
    /// Why the trash could not be emptied, if it could not: the rest stays for the next writer.
    package var trashFailure: EngineError?

    package init() {}
  }

  /// Removes what the dead left in staging and trash: a few system calls when there is nothing. Every writer of content
  /// calls it once it is done. Never waits: when somebody else is at it, there is nothing to do.
  package func sweep() throws(EngineError) {
    guard let lock = try StoreLock.attempt(.sweep, in: directory) else { return }
    defer { withExtendedLifetime(lock) {} }
    try sweepStaging()
    _ = try PartialDownload.sweep(directory, unusedFor: PartialDownload.lifetime)
    if try isFirstSinceBoot() { try removeEphemeralContainersOfEarlierBoots() }
    // What could not be removed stays for a writer in the user's namespace.
    _ = try Trash(directory).empty()
  }

  /// Moves staging areas without a living maker to the trash.
  private func sweepStaging() throws(EngineError) {
    try during("sweeping the staging areas") {
      for area in try File.listIfPresent(at: directory.root.raw, StatePath.staging) {
        let path = StatePath.staging(area.name)
        if try isAlive(path) { continue }
        try Trash(directory).move(path)
        try faultPoint("store.staging.swept")
      }
    }
  }

  /// A maker takes its lock right after it made the directory. Until then there is no lock to see: such an area is dead
  /// only when nobody touched it for ten minutes.
  private func isAlive(_ path: String) throws(SystemError) -> Bool {
    let lock = "\(path)/\(StagingArea.lockName)"
    if try File.exists(at: directory.root.raw, lock) { return try FileLock.isHeld(at: directory.root.raw, lock) }
    do throws(SystemError) {
      let age = Timestamp.now.nanoseconds - (try File.status(at: directory.root.raw, path).modified)
      return age.magnitude < 600_000_000_000
    } catch {
      // Published or given up in this moment.
      if error.errno == ENOENT { return true }
      throw error
    }
  }

  /// Whether nobody has swept since the machine was started. The mark is in the runtime directory, which a reboot empties,
  /// or which holds the boot id of another boot.
  private func isFirstSinceBoot() throws(EngineError) -> Bool {
    let boot = Array(try directory.bootID().utf8)
    let run = try directory.makeRunRoot()
    return try during("marking the first sweep of this boot") {
      if try RecordFile.readSmall(at: run, StatePath.Run.swept) == boot { return false }
      let mark = try File.open(at: run, StatePath.Run.swept, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
      try File.writeAll(mark.raw, boot)
      return true
    }
  }

  /// Containers that were to remove themselves, and whose monitor the end of the machine took away.
  func removeEphemeralContainersOfEarlierBoots() throws(EngineError) {
    let containers = ContainerStore(directory)
    for id in try containers.ids() {
      let mode = try during("looking at container \(Identifier.short(id))") { () -> UInt32 in
        do throws(SystemError) { return try File.status(at: directory.root.raw, StatePath.container(id)).mode } catch {
          if error.errno == ENOENT { return 0 }
          throw error
        }
      }
      guard mode == ContainerDraft.ephemeralMode, try isOfEarlierBoot(id, containers) else { continue }
      guard let lock = try StoreLock.attempt(.container(id), in: directory) else { continue }
      defer { withExtendedLifetime(lock) {} }
      // A damaged record is expected: such a container was never made durable.
      try containers.remove(id, name: (try? containers.record(id))?.name)
    }
  }

  private func isOfEarlierBoot(_ id: String, _ containers: ContainerStore) throws(EngineError) -> Bool {
    do throws(EngineError) {
      guard try containers.record(id) != nil else { return true }
      // Made and never started: kept, as docker keeps it.
      guard let start = try containers.startRecord(id) else { return false }
      return start.bootID != (try directory.bootID())
    } catch {
      return error.kind == .corrupt
    }
  }

  /// Removes what was fetched of blobs whose download was cut short, unless somebody is at it.
  /// - Returns: bytes on disk that it took.
  package func removeDownloads() throws(EngineError) -> Int64 {
    try PartialDownload.sweep(directory, unusedFor: 0)
  }

  /// Removes content that nothing refers to.
  /// - Parameter candidates: looks at these only; nil is everything.
  package func collect(only candidates: (blobs: [Digest], layers: [Digest])? = nil) throws(EngineError) -> Outcome {
    var outcome = Outcome()
    try directory.prepare()
    try removeUnreachable(candidates, &outcome)
    if candidates == nil { outcome.names = try removeStaleNames() }
    outcome.trashFailure = try Trash(directory).empty()
    return outcome
  }

  private func removeUnreachable(
    _ candidates: (blobs: [Digest], layers: [Digest])?, _ outcome: inout Outcome
  ) throws(EngineError) {
    let lock = try StoreLock.acquire(.content, in: directory)
    defer { withExtendedLifetime(lock) {} }
    let reachable = try Reachability(of: directory)
    let usage = SpaceUsage(directory)
    let trash = Trash(directory)
    let blobs: [Digest]
    if let candidates { blobs = candidates.blobs } else { blobs = try BlobStore(directory).list() }
    for digest in blobs where !reachable.blobs.contains(digest) {
      let size = try usage.allocated(StatePath.blob(digest))
      guard try trash.move(StatePath.blob(digest)) != nil else { continue }
      outcome.blobs.append(digest)
      outcome.reclaimed += size
    }
    let layers: [Digest]
    if let candidates { layers = candidates.layers } else { layers = try LayerStore(directory).list() }
    for diffID in layers where !reachable.layers.contains(diffID) {
      // The record knows; a walk would hold the lock for long.
      outcome.reclaimed += (try? LayerStore(directory).record(diffID).contentSize) ?? 0
      guard try trash.move(StatePath.layer(diffID)) != nil else { continue }
      outcome.layers.append(diffID)
    }
  }

  /// Names whose container is gone, or has another name, and that nobody is just making.
  package func removeStaleNames() throws(EngineError) -> [String] {
    let lock = try StoreLock.acquire(.names, in: directory)
    defer { withExtendedLifetime(lock) {} }
    return try during("sweeping the container names") {
      var removed: [String] = []
      for entry in try File.listIfPresent(at: directory.root.raw, StatePath.names) {
        if try ContainerNames(directory).holder(of: entry.name) != nil { continue }
        try File.removeIfPresent(at: directory.root.raw, StatePath.name(entry.name))
        removed.append(entry.name)
      }
      return removed
    }
  }
}
