package import Basics
internal import LinuxKernel
internal import Runtime
internal import Storage

extension Engine {
  /// Stops all of a container's processes where they are.
  /// - Returns: a sentence when the programs can notice, because there is no freezer.
  package func pauseContainer(_ name: String) throws(EngineError) -> String? {
    let doing = "pausing \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    let lock = try containers.lock(id, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    let state = try runningState(of: id, doing: doing)
    guard state.phase != .paused else {
      throw EngineError(
        .wrongState, doing, "container \(Identifier.short(id)) is already paused",
        hint: "dhow unpause \(safeText(name))")
    }
    let freezer = try freezer(of: state, doing: doing)
    try freezer.freeze()
    do throws(EngineError) { try set(.paused, of: id, state) } catch {
      try freezer.thaw()
      throw error
    }
    note("pause", container: id)
    return freezer.hasFreezer ? nil : "\(safeText(name)) has no freezer: its programs were stopped by SIGSTOP"
  }

  /// Lets a paused container go on.
  package func unpauseContainer(_ name: String) throws(EngineError) {
    let doing = "unpausing \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    let lock = try containers.lock(id, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    let state = try runningState(of: id, doing: doing)
    guard state.phase == .paused else {
      throw EngineError(.wrongState, doing, "container \(Identifier.short(id)) is not paused")
    }
    try freezer(of: state, doing: doing).thaw()
    try set(.running, of: id, state)
    note("unpause", container: id)
  }

  /// Makes a running container stand still until the answer is let go of; nil for one that is paused already or does not
  /// run. To be called outside of the user's namespace, in which nobody has power over a container's own.
  func hold(_ id: String, doing: String) throws(EngineError) -> PauseHold? {
    guard case .running(let state) = try containers.status(of: id), state.phase == .running else { return nil }
    let freezer = try freezer(of: state, doing: doing)
    let release = { [self] () throws(EngineError) in
      try freezer.thaw()
      try set(.running, of: id, state)
    }
    return try PauseHold(doing: doing, release: release) { () throws(EngineError) in
      try freezer.freeze()
      // Others see it, and do not wait for answers from inside.
      try set(.paused, of: id, state)
    }
  }

  /// What lets a paused container go on once it has been sent a signal, which it does not get before; nil for one that
  /// runs. It is recorded as running here, for it may end, and remove itself, at once.
  func resumption(
    of state: ContainerState, id: String, doing: String
  ) throws(EngineError) -> (() throws(EngineError) -> Void)? {
    guard state.phase == .paused else { return nil }
    let freezer = try freezer(of: state, doing: doing)
    try set(.running, of: id, state)
    return { () throws(EngineError) in try freezer.thaw() }
  }

  private func runningState(of id: String, doing: String) throws(EngineError) -> ContainerState {
    guard case .running(let state) = try containers.status(of: id) else {
      throw EngineError(.wrongState, doing, "container \(Identifier.short(id)) is not running")
    }
    guard state.phase != .restarting else { throw Self.restarting(id, doing: doing) }
    return state
  }

  /// What cannot be done while there is no program, in docker's words.
  static func restarting(_ id: String, doing: String) -> EngineError {
    EngineError(
      .wrongState, doing,
      "container \(Identifier.short(id)) is restarting, wait until the container is running")
  }

  private func freezer(of state: ContainerState, doing: String) throws(EngineError) -> ContainerFreezer {
    guard let program = state.program else {
      throw EngineError(.wrongState, doing, "its program does not run yet")
    }
    return ContainerFreezer(cgroup: CgroupPlacement(record: state.cgroup), program: program, doing: doing)
  }

  private func set(_ phase: ContainerState.Phase, of id: String, _ state: ContainerState) throws(EngineError) {
    var state = state
    state.phase = phase
    try containers.write(state, of: id)
  }
}
