internal import Basics
internal import Glibc
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// A container as its monitor has it: the runs of its program, one after another, with what is made for each and
/// cleared away after it.
final class WatchedContainer {
  let engine: Engine
  let monitor: Monitor
  /// As it was at the last start.
  private(set) var record: ContainerRecord
  private let runtime: RuntimeChoice
  /// Its addresses and ports, which it keeps from run to run.
  private let networking: ContainerNetworking?
  private let strictLimits: Bool
  let service: ServiceStart
  private var cgroup = CgroupPlacement.none
  private var startedAt = Timestamp(nanoseconds: 0)
  /// Of `MonotonicClock`.
  private var launchedAt: Int64 = 0
  private var oomKilled = false
  private var lastError = ""
  private var death: Event?
  private var lastEnd: ExitRecord?
  private var restartCount: Int64 = 0
  private var backOff = RestartBackOff()
  private var health: HealthWatch?
  private var timeout: Int?
  /// The health check wants the program started again whatever the policy says.
  private var isToRestart = false

  /// How soon a start is tried again that somebody's change of the container is in the way of.
  private static let lockedNanoseconds: Int64 = 50_000_000

  init(
    _ start: ContainerStart, monitor: Monitor, runtime: RuntimeChoice, networking: ContainerNetworking?
  ) {
    self.networking = networking
    engine = start.engine
    record = start.record
    strictLimits = start.strictLimits
    service = start.service
    self.monitor = monitor
    self.runtime = runtime
  }

  private var doing: String { "starting \(record.name)" }
  private var settings: ContainerSettings { record.settings }

  var keeper: ProgramKeeper {
    ProgramKeeper(
      delay: { [unowned self] in self.delay(after: $0) }, start: { [unowned self] in self.startAgain($0) })
  }

  /// The start by a person, who has the container's lock.
  func startFirst(size: WindowSize?, warn: (String) -> Void) throws(EngineError) -> LaunchedProcess {
    let prepared = try prepare()
    for warning in prepared.warnings { warn(warning) }
    try during(doing) { try faultPoint("start.prepared") }
    return try launch(prepared, monitor.childDescriptors, size, warn: warn)
  }

  /// Prepares the launch and enters the user's namespace, in this order where that can be, so that the one goes on
  /// beside the helpers that write the namespace's map.
  private func prepare() throws(EngineError) -> LaunchPreparation.Prepared {
    let preparation = LaunchPreparation(engine: engine, record: record, service: service, doing: doing)
    guard !settings.joinsNamespaces else { return try preparation.prepare() }
    // Files and mounts may be such as only the namespace's root can reach: what fails before is tried again after.
    let early = settings.mounts.isEmpty ? try? preparation.prepare() : nil
    try engine.enterUserNamespace()
    if let early { return early }
    return try preparation.prepare()
  }

  /// One start of the program: its cgroup, the process, and the records that say so.
  private func launch(
    _ prepared: LaunchPreparation.Prepared, _ streams: (stdin: Int32, stdout: Int32, stderr: Int32),
    _ size: WindowSize?,
    warn: (String) -> Void
  ) throws(EngineError) -> LaunchedProcess {
    let stdio: LaunchStdio =
      settings.terminal
      ? .terminal(columns: size?.columns ?? 0, rows: size?.rows ?? 0)
      : .descriptors(streams.stdin, streams.stdout, streams.stderr)
    cgroup = try prepareCgroup(prepared.spec, warn: warn)
    let process = try makeProcess(prepared, stdio, warn: warn)
    // A launch that joins namespaces is only possible from outside of ours: one that may be repeated stays there.
    if settings.joinsNamespaces, settings.autoRemove { try engine.enterUserNamespace() }
    startedAt = .now
    launchedAt = MonotonicClock.now
    let program = ProcessIdentity(pid: process.pid, startTime: process.startTime)
    do throws(EngineError) {
      try during(doing) { try faultPoint("start.launched") }
      try recordStart(program)
    } catch {
      // Nobody would watch it.
      kill(process.pid, SIGKILL)
      _ = try? Spawn.wait(process.pid)  // It was killed; how it ended says nothing.
      runtime.end()
      cgroup.remove()
      throw error
    }
    engine.note("start", record)
    try during(doing) { try faultPoint("start.recorded") }
    if let seconds = settings.timeout, seconds > 0 {
      timeout = monitor.loop.after(nanoseconds: seconds * 1_000_000_000) { [unowned monitor] in monitor.signal(SIGKILL)
      }
    }
    health = HealthWatch(of: self, program: program)
    return process
  }

  /// The container's cgroup with its limits. A limit that cannot be applied is said, or ends the start with
  /// `--strict-limits`.
  private func prepareCgroup(_ spec: RuntimeSpec, warn: (String) -> Void) throws(EngineError) -> CgroupPlacement {
    // Another runtime makes root's cgroups of version 1 itself.
    if runtime.external != nil, !engine.isRootless, !Cgroup.isUnified { return .none }
    // What a monitor left that was killed.
    if let old = try engine.containers.state(record.id)?.cgroup { CgroupPlacement(record: old).remove() }
    let cgroup = try Cgroup.prepare(
      id: record.id, resources: spec.linux.resources, mode: Cgroup.Mode(rawValue: settings.cgroups) ?? .enabled,
      parent: settings.cgroupParent, isRoot: !engine.isRootless, doing: doing)
    guard let warning = cgroup.warning else { return cgroup }
    if strictLimits {
      cgroup.remove()
      throw EngineError(.unsupported, doing, warning, hint: "without --strict-limits this is a warning")
    }
    warn(warning)
    return cgroup
  }

  private func makeProcess(
    _ prepared: LaunchPreparation.Prepared, _ stdio: LaunchStdio, warn: (String) -> Void
  ) throws(EngineError) -> LaunchedProcess {
    var options = prepared.options
    options.cgroupProcs = cgroup.procsFiles
    options.cgroupView = cgroup.view
    let plug: (Int32) throws(EngineError) -> Void = { [networking] (pid) throws(EngineError) in
      try networking?.plug(pid, warn: warn)
    }
    do throws(EngineError) {
      guard let directory = try during(doing, { try cgroup.open() }) else {
        return try runtime.launch(
          prepared, stdio: stdio, options: options, cgroup: cgroup, isRoot: !engine.isRootless,
          beforeGo: plug)
      }
      options.cgroup = directory.raw
      return try runtime.launch(
        prepared, stdio: stdio, options: options, cgroup: cgroup, isRoot: !engine.isRootless, beforeGo: plug)
    } catch {
      cgroup.remove()
      throw error
    }
  }

  private func recordStart(_ program: ProcessIdentity) throws(EngineError) {
    try writeState(.running, program)
    let bootID = try engine.directory.bootID()
    try engine.containers.write(
      StartRecord(
        bootID: bootID, monitor: try monitorIdentity(), program: program, startedAt: startedAt,
        restartCount: restartCount), of: record.id, durable: false)
    if let path = settings.pidFile {
      try during("writing \(safeText(path))") {
        let file = try File.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try File.writeAll(file.raw, Array("\(program.pid)".utf8), shown: path)
      }
    }
  }

  private func writeState(_ phase: ContainerState.Phase, _ program: ProcessIdentity?) throws(EngineError) {
    var state = ContainerState(
      bootID: try engine.directory.bootID(), monitor: try monitorIdentity(), program: program, phase: phase,
      startedAt: startedAt, restartCount: restartCount, cgroup: phase == .restarting ? [] : cgroup.record)
    state.lastEnd = lastEnd
    try engine.containers.write(state, of: record.id)
  }

  private func monitorIdentity() throws(EngineError) -> ProcessIdentity {
    guard let monitor = ProcessIdentity.current else {
      throw EngineError(.internal, doing, "/proc does not show this process")
    }
    return monitor
  }

  /// Lets the program end as `stop` would; then it stays ended, or is started again.
  func stopProgram(thenStart isToRestart: Bool) {
    self.isToRestart = isToRestart
    if !isToRestart { keepStopped() }
    let word = settings.stopSignal ?? record.defaults.stopSignal ?? "SIGTERM"
    monitor.signal(Signals.number(word) ?? SIGTERM)
    let seconds = settings.stopTimeout ?? Engine.defaultStopTimeout
    guard seconds >= 0 else { return }
    let run = startedAt
    monitor.loop.after(nanoseconds: seconds * 1_000_000_000) { [weak self] in
      if let self, self.startedAt == run { self.monitor.signal(SIGKILL) }
    }
  }

  /// Kills the program, which stays ended.
  func killProgram() {
    keepStopped()
    monitor.signal(SIGKILL)
  }

  private func keepStopped() {
    do throws(EngineError) { try engine.containers.markStopped(record.id) } catch { report(error) }
  }

  /// There is nobody left to tell of a failure; what stays undone is seen by the next command and swept.
  private func report(_ error: EngineError) { Log.note("\(error.doing): \(error.reason)") }
}

// The ends of the program.
extension WatchedContainer {
  /// After an end: what the run had is cleared away, and whether there is a next one is decided.
  /// - Returns: nanoseconds until then.
  private func delay(after status: ExitStatus) -> Int64? {
    clearRun(status)
    if settings.autoRemove || monitor.isToEnd { return nil }
    do throws(EngineError) {
      // `update --restart` and `rename` may have written it since.
      guard let current = try engine.containers.record(record.id) else { return nil }
      record.settings.restart = current.settings.restart
      record.name = current.name
      let lived = lastError.isEmpty ? MonotonicClock.now - launchedAt : 0
      let isStopped =
        try settings.restart.name != .no || isToRestart ? engine.containers.isMarkedStopped(record.id) : true
      if isStopped { return nil }
      var wait = backOff.wait(settings.restart, code: status.code, lived: lived)
      if isToRestart { wait = wait ?? 0 }
      isToRestart = false
      guard let wait else { return nil }
      try during(doing) { try faultPoint("restart.decided") }
      restartCount += 1
      lastEnd = exitRecord(status)
      try writeState(.restarting, nil)
      try during(doing) { try faultPoint("restart.recorded") }
      return wait
    } catch {
      report(error)
      return nil
    }
  }

  private func clearRun(_ status: ExitStatus) {
    if let timeout { monitor.loop.cancel(deadline: timeout) }
    timeout = nil
    health?.end()
    health = nil
    guard lastError.isEmpty else { return }
    oomKilled = cgroup.wasOutOfMemory
    runtime.end()
    cgroup.remove()
    do throws(EngineError) { try during(doing) { try faultPoint("monitor.ended") } } catch { return report(error) }
    if oomKilled { engine.note("oom", record) }
    let seconds = (MonotonicClock.now - launchedAt) / 1_000_000_000
    let death = engine.event("die", record, [("execDuration", "\(seconds)"), ("exitCode", "\(status.code)")])
    // Told together with the removal that follows at once.
    if settings.autoRemove { self.death = death } else { EventLog(engine.directory).append(death) }
  }

  private func exitRecord(_ status: ExitStatus) -> ExitRecord {
    ExitRecord(
      code: status.code, oomKilled: oomKilled, error: lastError, startedAt: startedAt, finishedAt: status.finishedAt,
      restartCount: restartCount)
  }

  /// The program's next run, with all that can have changed since the last read anew.
  private func startAgain(_ streams: (stdin: Int32, stdout: Int32, stderr: Int32)) -> ProgramKeeper.Attempt {
    do throws(EngineError) {
      guard try !engine.containers.isMarkedStopped(record.id) else { return .over }
      let lock: HeldLock
      switch try attemptLock() {
      case .held(let held): lock = held
      case .busy: return .later(Self.lockedNanoseconds)
      case .gone: return .over
      }
      defer { lock.release() }
      guard let current = try engine.containers.record(record.id) else { return .over }
      record = current
      lastError = ""
      let preparation = LaunchPreparation(engine: engine, record: record, service: service, doing: doing)
      return .started(try launch(try preparation.prepare(), streams, nil, warn: { _ in }))
    } catch {
      lastError = error.reason
      oomKilled = false
      // The end that will be written is that of the run the store knows of.
      if let known = try? engine.containers.startRecord(record.id) { startedAt = known.startedAt }
      let code: Int32 =
        switch error.kind {
        case .commandNotFound: 127
        case .commandNotExecutable: 126
        default: 128
        }
      return .failed(ExitStatus(code: code, finishedAt: .now))
    }
  }

  private enum LockAttempt {
    case held(HeldLock)
    case busy
    case gone
  }

  private func attemptLock() throws(EngineError) -> LockAttempt {
    guard try engine.containers.exists(record.id) else { return .gone }
    guard let lock = try StoreLock.attempt(.container(record.id), in: engine.directory) else { return .busy }
    return try engine.containers.exists(record.id) ? .held(HeldLock(lock)) : .gone
  }

  /// Writes how the last run ended, or removes the container that is to remove itself.
  func end(_ status: ExitStatus) {
    networking?.release()
    let containers = engine.containers
    do throws(EngineError) {
      if settings.autoRemove {
        let lock = try containers.lock(record.id, doing: "removing \(record.name)")
        let name = try containers.record(record.id)?.name
        let remains = try containers.remove(record.id, name: name)
        _ = consume lock
        EventLog(engine.directory).append(death ?? engine.event("die", record), engine.event("destroy", record))
        if let remains { try Trash(engine.directory).remove(remains) }
        if record.settings.mounts.contains(where: \.isAnonymous) {
          engine.removeAnonymousVolumes(of: record)
          if let failure = try Trash(engine.directory).empty() { throw failure }
        }
        return
      }
      try containers.write(exitRecord(status), of: record.id, durable: true)
      try containers.removeState(of: record.id)
    } catch { report(error) }
  }
}

/// docker's waits between the end of a program and its next start: 100 ms, twice as long each time up to a minute, and
/// from the beginning for one that ran for ten seconds (moby, restartmanager).
struct RestartBackOff {
  private static let first: Int64 = 100_000_000
  private static let longest: Int64 = 60_000_000_000
  private static let settled: Int64 = 10_000_000_000
  private var last: Int64 = 0
  private var count: Int64 = 0

  /// - Parameter lived: nanoseconds that the program ran.
  /// - Returns: nanoseconds to wait; nil when the policy wants no further start.
  mutating func wait(_ policy: RestartPolicy, code: Int32, lived: Int64) -> Int64? {
    if lived >= Self.settled { last = 0 }
    last = last == 0 ? Self.first : min(last * 2, Self.longest)
    switch policy.name {
    case .no: return nil
    case .always, .unlessStopped: break
    case .onFailure:
      guard code != 0, policy.maximumRetries == 0 || count < policy.maximumRetries else { return nil }
    }
    count += 1
    return last
  }
}
