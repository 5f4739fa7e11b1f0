internal import Basics
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// The checks of a container's health during one run of its program, by docker's rules and in its monitor.
final class HealthWatch {
  /// docker's, for what is not said: nanoseconds, and failures in a row.
  private static let usualInterval: Int64 = 30_000_000_000
  private static let usualStartInterval: Int64 = 5_000_000_000
  private static let usualTimeout: Int64 = 30_000_000_000
  private static let usualRetries: Int64 = 3

  private unowned let container: WatchedContainer
  private let check: Healthcheck
  private let program: ProcessIdentity
  /// Of `MonotonicClock`.
  private let begun = MonotonicClock.now
  private var health = HealthRecord()
  private var timer: Int?
  private var probe: HealthProbe?
  private var waiters: [(Int32) -> Void] = []

  /// nil for a container without checks.
  init?(of container: WatchedContainer, program: ProcessIdentity) {
    guard let check = container.record.healthcheck else { return nil }
    self.container = container
    self.check = check
    self.program = program
    save()
    wait()
    container.monitor.checkHealth = { [unowned self] in self.checkNow($0) }
  }

  /// The program has ended.
  func end() {
    if let timer { container.monitor.loop.cancel(deadline: timer) }
    timer = nil
    probe = nil
    container.monitor.checkHealth = nil
    answer(-1)
  }

  private func wait() {
    timer = container.monitor.loop.after(nanoseconds: interval) { [unowned self] in
      self.timer = nil
      self.begin()
    }
  }

  /// In the start period of a container that was never healthy checks are made more often.
  private var interval: Int64 {
    if health.status == .starting, MonotonicClock.now - begun < check.startPeriod {
      return check.startInterval > 0 ? check.startInterval : Self.usualStartInterval
    }
    return check.interval > 0 ? check.interval : Self.usualInterval
  }

  /// A check that somebody asked for (`healthcheck run`); counts like the others.
  private func checkNow(_ done: @escaping (Int32) -> Void) {
    waiters.append(done)
    guard probe == nil else { return }
    if let timer { container.monitor.loop.cancel(deadline: timer) }
    timer = nil
    begin()
  }

  private func begin() {
    let start = Timestamp.now
    let startedIn = MonotonicClock.now - begun < check.startPeriod
    do throws(SystemError) {
      probe = try HealthProbe(
        container.engine, container.record, check, program: program,
        timeout: check.timeout > 0 ? check.timeout : Self.usualTimeout, loop: container.monitor.loop
      ) { [unowned self] finding in self.take(finding, start: start, isEarly: startedIn) }
    } catch {
      take(HealthProbe.Finding(exitCode: -1, output: error.reason), start: start, isEarly: startedIn)
    }
  }

  private func take(_ finding: HealthProbe.Finding?, start: Timestamp, isEarly: Bool) {
    // Kept until this call is over: it is its caller.
    let finished = probe
    defer { withExtendedLifetime(finished) {} }
    probe = nil
    wait()
    guard let finding else { return answer(-1) }
    let before = health.status
    health.entries.append(
      HealthRecord.Entry(start: start, end: .now, exitCode: finding.exitCode, output: finding.output))
    if health.entries.count > HealthRecord.entriesAtMost { health.entries.removeFirst() }
    if finding.exitCode == 0 {
      health.failingStreak = 0
      health.status = .healthy
    } else if before != .starting || !isEarly {
      health.failingStreak += 1
      if health.failingStreak >= (check.retries > 0 ? check.retries : Self.usualRetries) { health.status = .unhealthy }
    }
    save()
    answer(finding.exitCode)
    guard health.status != before else { return }
    container.engine.note("health_status: \(health.status.rawValue)", container.record)
    if health.status == .healthy, container.service.mode == .healthy { container.service.tell("READY=1") }
    if health.status == .unhealthy { act() }
  }

  private func act() {
    switch container.record.settings.healthAction {
    case .none: break
    case .kill: container.killProgram()
    case .restart: container.stopProgram(thenStart: true)
    case .stop: container.stopProgram(thenStart: false)
    }
  }

  private func answer(_ code: Int32) {
    let asked = waiters
    waiters = []
    for waiter in asked { waiter(code) }
  }

  private func save() {
    do throws(EngineError) { try container.engine.containers.write(health, of: container.record.id) } catch {
      Log.note("\(error.doing): \(error.reason)")
    }
  }
}
