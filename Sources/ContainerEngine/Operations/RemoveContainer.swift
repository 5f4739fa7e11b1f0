package import Basics
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

extension Engine {
  /// Removes a container with its writable layer, its log and its records.
  /// - Parameters:
  ///   - force: kills a running one first.
  ///   - volumes: its anonymous volumes go as well.
  ///   - emptyingTrash: false when the caller does that once for many.
  package func removeContainer(
    _ name: String, force: Bool, volumes: Bool, emptyingTrash: Bool = true
  ) throws(EngineError) {
    let doing = "removing \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    let status = try containers.status(of: id)
    if case .running(let state) = status {
      guard force else {
        throw EngineError(
          .wrongState, doing,
          "cannot remove container \"/\(try displayName(id))\": container is running: stop the container before removing or force remove",
          hint: "dhow rm -f \(safeText(name))")
      }
      try containers.markStopped(id)
      note("kill", container: id, [("signal", "\(SIGKILL)")])
      try signalProgram(id, state, SIGKILL, doing: doing)
      try killUntilEnded(id, state, doing: doing)
    }
    if case .lost(_, let survivor?) = status { _ = try during(doing) { try survivor.signal(SIGKILL) } }
    try removeStopped(id, volumes: volumes, doing: doing)
    if emptyingTrash { try emptyTrash() }
  }

  /// Kills all of several containers that are to be removed by force, so that they end side by side.
  package func killBeforeRemoval(_ names: [String]) {
    for name in names {
      // The removal says what is wrong.
      guard let id = try? containers.find(name, doing: ""), case .running(let state)? = try? containers.status(of: id)
      else { continue }
      try? containers.markStopped(id)
      try? signalProgram(id, state, SIGKILL, doing: "")
    }
  }

  /// Removes a container that does not run; one that removed itself meanwhile is success.
  private func removeStopped(_ id: String, volumes: Bool, doing: String) throws(EngineError) {
    let lock: StoreLock
    do throws(EngineError) { lock = try containers.lock(id, doing: doing) } catch {
      if error.kind == .notFound { return }
      throw error
    }
    _ = lock
    if try containers.status(of: id).isRunning {
      throw EngineError(.wrongState, doing, "container \(Identifier.short(id)) was started again meanwhile")
    }
    removeRemains(of: id)
    // A damaged list names nothing: what it named goes with the next prune.
    let frozen = (try? snapshots.directories(of: id)) ?? []
    let record = try? containers.record(id)
    try containers.remove(id, name: record?.name)
    if let record { note("destroy", record) }
    if !frozen.isEmpty { try snapshots.removeUnused(frozen) }
    // One that removes itself takes them along whoever removes it.
    if let record, volumes || record.settings.autoRemove { removeAnonymousVolumes(of: record) }
  }

  /// What a monitor left in the kernel that was killed. A state that cannot be read names nothing.
  func removeRemains(of id: String) {
    if let cgroup = (try? containers.state(id))?.cgroup { CgroupPlacement(record: cgroup).remove() }
    Cgroup.removeRemains(of: id, isRoot: !isRootless)
  }

  /// Removes what lies in the trash and what dead processes left, as root of the user's namespace since files of other ids may be in it.
  package func emptyTrash() throws(EngineError) {
    try enterUserNamespace()
    if let failure = try Trash(directory).empty() { throw failure }
    try GarbageCollector(directory).sweep()
  }

  private func displayName(_ id: String) throws(EngineError) -> String {
    try containers.record(id)?.name ?? Identifier.short(id)
  }
}
