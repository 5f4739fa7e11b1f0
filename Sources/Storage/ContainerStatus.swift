package import Basics
package import LinuxKernel

/// What a container does now, decided from its files alone; see `ContainerStore.status(of:)`.
package enum ContainerStatus: Equatable, Sendable {
  /// Never started, or being started for the first time.
  case created
  /// Its monitor lives and says so: running or paused. A container whose runtime directory was removed under it is
  /// running by its start record.
  case running(ContainerState)
  case exited(ExitRecord)
  /// It was started and nobody wrote how it ended: the monitor was killed, or the machine went down. There is no exit
  /// code, and none is invented. `survivor` is the container's first process if it lived on.
  case lost(StartRecord, survivor: ProcessIdentity?)

  package var isRunning: Bool { if case .running = self { true } else { false } }
}

extension ContainerStore {
  /// Decides what a container does, from four things, read in this order without a lock:
  ///
  /// 1. the state its monitor keeps in the runtime directory; it counts only in the boot it names,
  /// 2. whether the monitor's lock is held,
  /// 3. the exit record, which a monitor writes before it lets go of the lock,
  /// 4. the start record, for a container whose runtime directory is gone.
  ///
  /// A pid counts only together with the process's start time and the boot (SECURITY F7).
  /// - Parameter mayHaveState: false when the container is known to have no runtime directory.
  package func status(of id: String, mayHaveState: Bool = true) throws(EngineError) -> ContainerStatus {
    let state = mayHaveState ? try state(id) : nil
    if let state {
      let isHeld = try during("looking at container \(Identifier.short(id))") {
        guard let run = try directory.runRoot() else { return false }
        return try FileLock.isHeld(at: run, StatePath.Run.monitorLock(id))
      }
      let exit = try exitRecord(id)
      if let exit, exit.startedAt == state.startedAt { return .exited(exit) }
      if isHeld { return state.phase == .created ? .created : .running(state) }
    } else if let exit = try exitRecord(id) {
      guard let start = try startRecord(id), start.startedAt != exit.startedAt else { return .exited(exit) }
      return try status(without: start)
    }
    guard let start = try startRecord(id) else { return .created }
    return try status(without: start)
  }

  /// Of a container that was started and of which neither state nor exit is known.
  private func status(without start: StartRecord) throws(EngineError) -> ContainerStatus {
    guard start.bootID == (try directory.bootID()) else { return .lost(start, survivor: nil) }
    let survivor = start.program.flatMap { $0.isAlive ? $0 : nil }
    guard start.monitor.isAlive, let survivor else { return .lost(start, survivor: survivor) }
    return .running(
      ContainerState(
        bootID: start.bootID, monitor: start.monitor, program: survivor, phase: .running, startedAt: start.startedAt,
        restartCount: start.restartCount))
  }

  /// The monitor's state of this boot.
  package func state(_ id: String) throws(EngineError) -> ContainerState? {
    guard let run = try directory.runRoot() else { return nil }
    let subject = "container \(Identifier.short(id))"
    guard
      let fields = try RecordFile.read(
        at: run, StatePath.Run.state(id), version: ContainerState.version, subject: subject)
    else { return nil }
    let state = try during("reading the state of \(subject)") { try ContainerState(fields) }
    return state.bootID == (try directory.bootID()) ? state : nil
  }

  package func startRecord(_ id: String) throws(EngineError) -> StartRecord? {
    let subject = "container \(Identifier.short(id))"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, StatePath.startRecord(id), version: StartRecord.version, subject: subject)
    else { return nil }
    return try during("reading the start of \(subject)") { try StartRecord(fields) }
  }

  package func exitRecord(_ id: String) throws(EngineError) -> ExitRecord? {
    let subject = "container \(Identifier.short(id))"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, StatePath.exitRecord(id), version: ExitRecord.version, subject: subject)
    else { return nil }
    return try during("reading the end of \(subject)") { try ExitRecord(fields) }
  }
}
