package import Basics
internal import Glibc
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// How `stop` found the container.
package enum StopOutcome: Equatable, Sendable { case stopped, wasNotRunning }

/// Nanoseconds that a monitor gets to clear away after its container's end: one in the foreground may wait for a reader.
private let monitorPatience: Int64 = 2_000_000_000

/// Several containers that are being stopped side by side: each was sent its stop signal, and whoever waits for one of
/// them keeps the time-outs of all.
package final class StopBatch {
  fileprivate struct Member {
    let name: String
    let id: String
    var state: ContainerState
    let signal: Int32
    /// When SIGKILL is due (`MonotonicClock`); nil never, or when it was sent.
    var killDue: Int64?
    /// When to look whether the program heeds the signal at all; nil when that was done.
    var lookDue: Int64?
  }

  /// A program that has just started gets as long to say which signals it heeds.
  fileprivate static let lookAfter: Int64 = 1_000_000_000

  private let engine: Engine
  private var members: [Member] = []

  fileprivate init(_ engine: Engine) { self.engine = engine }

  fileprivate func add(_ member: Member) { members.append(member) }

  /// Waits until a container has ended, killing it and others on the way when their time is over.
  /// - Parameter tell: is given a sentence about a program that does not heed the signal.
  package func wait(for name: String, tell: (String) -> Void = { _ in }) throws(EngineError) -> StopOutcome {
    guard let index = members.firstIndex(where: { $0.name == name }) else { return .wasNotRunning }
    let doing = "stopping \(safeText(name))"
    while true {
      let program = try during(doing) { try members[index].state.program?.open() }
      if let program {
        while true {
          try killOverdue()
          lookOverdue(tell)
          let due = members.flatMap { [$0.killDue, $0.lookDue].compactMap { $0 } }.min()
          if try during(doing, { try isReadable(program.raw, due) }) { break }
        }
      }
      let member = members[index]
      if try !engine.waitForEnd(member.id, member.state, until: member.killDue) {
        try engine.signalProgram(member.id, member.state, SIGKILL, doing: doing)
        _ = try engine.waitForEnd(member.id, member.state, until: nil)
      }
      // Its monitor may have been at starting it again when it was told not to.
      guard case .running(let state) = try engine.containers.status(of: member.id) else { break }
      members[index].state = state
      try engine.signalProgram(
        member.id, state, member.killDue == nil ? SIGKILL : member.signal, doing: doing)
    }
    let member = members.remove(at: index)
    engine.note("stop", container: member.id)
    return .stopped
  }

  /// Says it when a first process has no handler for the stop signal: the kernel does not deliver it then, and all wait
  /// for the time-out (signal(7), pid_namespaces(7)).
  private func lookOverdue(_ tell: (String) -> Void) {
    let now = MonotonicClock.now
    for (index, member) in members.enumerated() {
      guard let due = member.lookDue, due <= now else { continue }
      members[index].lookDue = nil
      guard let program = member.state.program, program.ignores(member.signal) else { continue }
      let signal = SignalName.name(of: member.signal).map { "SIG\($0)" } ?? "signal \(member.signal)"
      let left = member.killDue.map { " and is killed in \(max(0, ($0 - now + 999_999_999) / 1_000_000_000)) s" } ?? ""
      tell(
        "\(safeText(member.name)) ignores \(signal): its first process has no handler for it\(left); "
          + "--init or a program that handles it helps, or another --stop-signal")
    }
  }

  private func killOverdue() throws(EngineError) {
    let now = MonotonicClock.now
    for (index, member) in members.enumerated() {
      guard let due = member.killDue, due <= now else { continue }
      members[index].killDue = nil
      engine.note("kill", container: member.id, [("signal", "\(SIGKILL)")])
      try engine.signalProgram(member.id, member.state, SIGKILL, doing: "stopping \(safeText(member.name))")
    }
  }
}

extension Engine {
  /// Seconds between the stop signal and SIGKILL when nothing says otherwise, as in docker.
  static let defaultStopTimeout: Int64 = 10

  /// Begins to stop containers; each is signalled at once, by `beginStop`.
  package func stopBatch() -> StopBatch { StopBatch(self) }

  /// Sends the container's stop signal. When it still runs after the time-out, it gets SIGKILL while somebody waits for
  /// the batch.
  /// - Parameters:
  ///   - timeout: seconds, -1 never kills; nil is the container's own, or 10.
  ///   - signal: name or number; nil is the container's own, its image's, or SIGTERM.
  package func beginStop(
    _ name: String, timeout: Int64?, signal: String?, in batch: StopBatch
  ) throws(EngineError) {
    let doing = "stopping \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    guard case .running(let state) = try containers.status(of: id) else { return }
    guard let record = try containers.record(id) else { return }
    let word = signal ?? record.settings.stopSignal ?? record.defaults.stopSignal ?? "SIGTERM"
    let number = try signalNumber(word, doing: doing)
    let seconds = timeout ?? record.settings.stopTimeout ?? Self.defaultStopTimeout
    if !record.settings.autoRemove { try containers.markStopped(id) }
    note("kill", record, [("signal", "\(number)")])
    try signalProgram(id, state, number, doing: doing)
    let now = MonotonicClock.now
    let killDue = seconds < 0 ? nil : now + min(seconds, 1 << 32) * 1_000_000_000
    batch.add(
      StopBatch.Member(
        name: name, id: id, state: state, signal: number, killDue: killDue,
        lookDue: number == SIGKILL ? nil : now + StopBatch.lookAfter))
  }

  /// Sends one container its stop signal and, when it still runs after the time-out, SIGKILL; see `beginStop`.
  package func stopContainer(_ name: String, timeout: Int64?, signal: String?) throws(EngineError) -> StopOutcome {
    let batch = stopBatch()
    try beginStop(name, timeout: timeout, signal: signal, in: batch)
    return try batch.wait(for: name)
  }

  /// Sends a signal to the container's first process.
  package func killContainer(_ name: String, signal: String) throws(EngineError) {
    let doing = "killing \(safeText(name))"
    let number = try signalNumber(signal, doing: doing)
    let id = try containers.find(name, doing: doing)
    guard case .running(let state) = try containers.status(of: id) else {
      throw EngineError(.wrongState, doing, "container \(Identifier.short(id)) is not running")
    }
    let own = try stopSignal(of: id)
    if number == SIGKILL || number == own { try containers.markStopped(id) }
    note("kill", container: id, [("signal", "\(number)")])
    try signalProgram(id, state, number, doing: doing)
    // After SIGKILL the caller may rely on the container being gone.
    if number == SIGKILL { try killUntilEnded(id, state, doing: doing) }
  }

  private func stopSignal(of id: String) throws(EngineError) -> Int32 {
    let record = try containers.record(id)
    return (record?.settings.stopSignal ?? record?.defaults.stopSignal).flatMap(Signals.number) ?? SIGTERM
  }

  /// Waits for the end of a container that was sent SIGKILL; its monitor may have been at starting it again.
  func killUntilEnded(_ id: String, _ state: ContainerState, doing: String) throws(EngineError) {
    var state = state
    while true {
      _ = try waitForEnd(id, state, until: nil)
      guard case .running(let next) = try containers.status(of: id) else { return }
      state = next
      try signalProgram(id, state, SIGKILL, doing: doing)
    }
  }

  private func signalNumber(_ text: String, doing: String) throws(EngineError) -> Int32 {
    if let number = Signals.number(text) { return number }
    throw EngineError(.invalidInput, doing, "Invalid signal: \(safeText(text))")
  }

  /// A signal to the very process the state names; its being gone already is success. The monitor of a container that
  /// waits for its next start is told to end instead.
  func signalProgram(_ id: String, _ state: ContainerState, _ number: Int32, doing: String) throws(EngineError) {
    guard let program = state.program else {
      if state.phase == .restarting { _ = try during(doing) { try state.monitor.signal(SIGTERM) } }
      return
    }
    let resume = try resumption(of: state, id: id, doing: doing)
    _ = try during(doing) { try program.signal(number) }
    try resume?()
  }

  /// Waits until the container's monitor has written how it ended.
  /// - Parameter deadline: of `MonotonicClock`; nil waits for ever.
  /// - Returns: false when it still runs.
  func waitForEnd(_ id: String, _ state: ContainerState, until deadline: Int64?) throws(EngineError) -> Bool {
    try during("waiting for container \(Identifier.short(id))") {
      // The program's end is seen at once through its descriptor; the monitor's writing follows within moments.
      if let program = try state.program?.open(), try !isReadable(program.raw, deadline) { return false }
      var pause: UInt32 = 200
      while case .running(let now) = try containers.status(of: id), now.startedAt == state.startedAt,
        now.phase != .restarting || state.phase == .restarting
      {
        if let deadline, MonotonicClock.now > deadline + 5_000_000_000 { return false }
        usleep(pause)
        pause = min(pause * 2, 20_000)
      }
      if try containers.status(of: id).isRunning { return true }
      // The monitor has said how it ended; what it still clears away must not meet a start or a removal that follows.
      if let monitor = try state.monitor.open() {
        _ = try isReadable(monitor.raw, MonotonicClock.now + monitorPatience)
      }
      return true
    }
  }
}

/// Waits until a descriptor is readable; false when the deadline passed first.
private func isReadable(_ descriptor: Int32, _ deadline: Int64?) throws(SystemError) -> Bool {
  while true {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let left = deadline.map { max(0, ($0 - MonotonicClock.now + 999_999) / 1_000_000) } ?? -1
    let ready = try systemCall("poll") { poll(&entry, 1, Int32(clamping: left)) }
    if ready > 0 { return true }
    if let deadline, MonotonicClock.now >= deadline { return false }
  }
}
