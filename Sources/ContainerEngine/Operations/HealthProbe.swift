internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// One check of a container's health: a program in it, started and waited for by a child of the monitor. The monitor
/// itself stays as small as it is, and serves others meanwhile; the child dies with it.
final class HealthProbe {
  /// What a check found.
  struct Finding {
    /// -1 when the program ended in no way of its own.
    var exitCode: Int32
    var output: String
  }

  private let pid: Int32
  private let answer: OwnedDescriptor
  private let loop: EventLoop
  private var deadline: Int?
  private var bytes: [UInt8] = []
  private let whenDone: (Finding?) -> Void
  /// The child keeps the time of the check; it gets so much more to start a program and to tell.
  private static let graceNanoseconds: Int64 = 10_000_000_000

  /// - Parameters:
  ///   - timeout: nanoseconds.
  ///   - whenDone: called once, unless the probe is let go of before; nil when there was nothing to check, because the
  ///     container is paused or has just ended.
  init(
    _ engine: Engine, _ record: ContainerRecord, _ check: Healthcheck, program: ProcessIdentity, timeout: Int64,
    loop: EventLoop, whenDone: @escaping (Finding?) -> Void
  ) throws(SystemError) {
    let ends = try File.pipe()
    let parent = getpid()
    let pid = try Spawn.fork()
    if pid == 0 {
      Self.serve(engine, record, check, program: program, timeout: timeout, answer: ends.write, parent: parent)
    }
    close(ends.write)
    self.pid = pid
    answer = OwnedDescriptor(owning: ends.read)
    self.loop = loop
    self.whenDone = whenDone
    deadline = loop.after(nanoseconds: timeout + Self.graceNanoseconds) { [unowned self] in kill(self.pid, SIGKILL) }
    try loop.watch(ends.read, .readable) { [unowned self] _ in self.receive() }
  }

  deinit {
    guard deadline != nil else { return }
    kill(pid, SIGKILL)
    finish()
  }

  private func receive() {
    var buffer = [UInt8](repeating: 0, count: 1024)
    let count = read(answer.raw, &buffer, buffer.count)
    if count > 0 {
      bytes += buffer[..<count]
    } else if count == 0 {
      finish()
      whenDone(finding)
    }
  }

  private func finish() {
    if let deadline { loop.cancel(deadline: deadline) }
    deadline = nil
    loop.forget(answer.raw)
    // It has ended or was killed; what it had to say it has said.
    _ = try? Spawn.wait(pid)
  }

  private var finding: Finding? {
    if bytes == [Self.skipped] { return nil }
    guard bytes.count >= 4 else { return Finding(exitCode: -1, output: "the check could not be made") }
    let code = bytes.withUnsafeBytes { Int32(littleEndian: $0.loadUnaligned(as: Int32.self)) }
    return Finding(exitCode: code, output: String(decoding: bytes[4...], as: UTF8.self))
  }

  private static let skipped: UInt8 = 0
}

// The child.
extension HealthProbe {
  private static func serve(
    _ engine: Engine, _ record: ContainerRecord, _ check: Healthcheck, program: ProcessIdentity, timeout: Int64,
    answer: Int32, parent: Int32
  ) -> Never {
    _ = dhow_prctl(1, UInt(SIGKILL), 0)  // PR_SET_PDEATHSIG
    if getppid() != parent { _exit(1) }
    var found: [UInt8]
    do throws(EngineError) {
      // Locks of files live as long as any copy of their descriptor: this process may keep none of the monitor's.
      closeAll(but: [answer, engine.directory.root.raw, try engine.directory.runRoot() ?? -1])
      guard let state = try engine.containers.state(record.id), state.phase == .running, state.program == program else {
        var word = skipped
        _ = write(answer, &word, 1)
        _exit(0)
      }
      let finding = try run(engine, record, check, state, program, timeout)
      found = withUnsafeBytes(of: finding.code.littleEndian) { Array($0) } + finding.output
    } catch {
      found = withUnsafeBytes(of: Int32(-1).littleEndian) { Array($0) } + Array(error.reason.utf8)
    }
    // A monitor that is gone needs no answer.
    try? File.writeAll(answer, found)
    _exit(0)
  }

  private static func closeAll(but kept: [Int32]) {
    var first: Int32 = 3
    for descriptor in kept.filter({ $0 >= 3 }).sorted() {
      if descriptor > first { _ = dhow_close_range(UInt32(first), UInt32(descriptor - 1)) }
      first = descriptor + 1
    }
    _ = dhow_close_range(UInt32(first), .max)
  }

  private static func run(
    _ engine: Engine, _ record: ContainerRecord, _ check: Healthcheck, _ state: ContainerState,
    _ program: ProcessIdentity, _ timeout: Int64
  ) throws(EngineError) -> (code: Int32, output: [UInt8]) {
    let doing = "checking the health of \(record.name)"
    let words = command(check, shell: record.defaults.shell)
    var prepared = try ExecPreparation(engine: engine, record: record, program: program, doing: doing).prepare(
      ExecRequest(command: words))
    prepared.options.cgroupProcs = CgroupPlacement(record: state.cgroup).entryFiles
    prepared.options.deathSignal = SIGKILL
    let output = try during(doing) { try File.pipe() }
    let null = try during(doing) { try File.open("/dev/null", O_RDONLY) }
    let deadline = MonotonicClock.now + timeout
    let process = try Launcher.join(
      prepared.process, stdio: .descriptors(null.raw, output.write, output.write), options: prepared.options)
    close(output.write)
    _ = fcntl(output.read, F_SETFL, O_RDONLY | O_NONBLOCK)
    var collected = CheckOutput()
    var isOver = false
    while !isOver {
      let left = deadline - MonotonicClock.now
      if left <= 0 {
        _ = dhow_pidfd_send_signal(process.pidfd.raw, SIGKILL)
        // Its pid namespace does not end before somebody has waited for it.
        _ = try during(doing) { try Spawn.wait(process.pid) }
        collected.read(output.read)
        return (-1, Array("Health check exceeded timeout (\(goDuration(timeout)))".utf8) + collected.afterColon)
      }
      var wanted = [
        pollfd(fd: process.pidfd.raw, events: Int16(POLLIN), revents: 0),
        pollfd(fd: collected.isAtEnd ? -1 : output.read, events: Int16(POLLIN), revents: 0),
      ]
      _ = poll(&wanted, 2, Int32(clamping: (left + 999_999) / 1_000_000))
      isOver = wanted[0].revents != 0
      collected.read(output.read)
    }
    let end = try during(doing) { try Spawn.wait(process.pid) }
    return (end.shellCode, collected.text)
  }

  /// docker's ways to write a check.
  private static func command(_ check: Healthcheck, shell: [String]?) -> [String] {
    let words = Array(check.test.dropFirst())
    guard check.test[0] == "CMD-SHELL" else { return check.test[0] == "CMD" ? words : check.test }
    return (shell ?? ["/bin/sh", "-c"]) + words
  }
}

/// The beginning of what a check writes.
private struct CheckOutput {
  private var bytes: [UInt8] = []
  private var isCut = false
  private(set) var isAtEnd = false

  /// Reads what is there now.
  mutating func read(_ descriptor: Int32) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { isAtEnd = true }
      guard count > 0 else { return }
      let room = HealthRecord.outputLimit - bytes.count
      bytes += buffer[..<min(count, room)]
      if count > room { isCut = true }
    }
  }

  var text: [UInt8] { isCut ? bytes + Array("...".utf8) : bytes }
  var afterColon: [UInt8] { bytes.isEmpty ? [] : Array(": ".utf8) + text }
}

/// As Go writes a length of time: `30s`, `1m30s`, `1.5s`, `200ms`.
func goDuration(_ nanoseconds: Int64) -> String {
  func decimal(_ value: Int64, _ unit: Int64) -> String {
    let rest = value % unit
    guard rest != 0 else { return String(value / unit) }
    var digits = String(unit + rest).dropFirst()
    while digits.last == "0" { digits.removeLast() }
    return "\(value / unit).\(digits)"
  }
  if nanoseconds < 1000 { return nanoseconds == 0 ? "0s" : "\(nanoseconds)ns" }
  if nanoseconds < 1_000_000 { return decimal(nanoseconds, 1000) + "µs" }
  if nanoseconds < 1_000_000_000 { return decimal(nanoseconds, 1_000_000) + "ms" }
  let minutes = nanoseconds / 60_000_000_000
  let seconds = decimal(nanoseconds % 60_000_000_000, 1_000_000_000) + "s"
  if minutes == 0 { return seconds }
  return minutes < 60 ? "\(minutes)m\(seconds)" : "\(minutes / 60)h\(minutes % 60)m\(seconds)"
}
