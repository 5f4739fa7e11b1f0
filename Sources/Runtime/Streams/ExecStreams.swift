package import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// The standard streams of a process joined to a container (`dhow exec`): the command line itself passes everything on
/// between its own stdio and pipes or the joined process's terminal; no monitor is involved.
///
///   let streams = try ExecStreams(hasTerminal: …, stdin: …)
///   let process = try Launcher.join(…, streams.childDescriptors …)
///   let outcome = try streams.run(process)
package final class ExecStreams {
  private static let highWater = 65_536

  private let hasTerminal: Bool
  private let stdin: Bool
  private let loop: EventLoop
  private let scratch: ScratchBuffer
  private var pipes: ProgramPipes?
  private var sources: [OutputSource] = []
  private var sink: InputSink?
  private var output: OutputPort?
  private var errors: OutputPort?
  private var input: InputPort?
  private var terminal: RawTerminal?
  private var scanner: DetachScanner
  private var signals: OwnedDescriptor?
  private var outcome: AttachOutcome?

  /// - Parameters:
  ///   - stdin: pass our stdin on (`-i`); otherwise it reads /dev/null.
  package init(hasTerminal: Bool, stdin: Bool, detachKeys: DetachKeys = .standard) throws(EngineError) {
    self.hasTerminal = hasTerminal
    self.stdin = stdin
    scanner = DetachScanner(detachKeys)
    do throws(SystemError) {
      loop = try EventLoop()
      scratch = try ScratchBuffer()
      var mask = Signals.bit(SIGPIPE)
      for signal in Signals.proxied { mask |= Signals.bit(signal) }
      signals = OwnedDescriptor(owning: try systemCall("signalfd") { dhow_signalfd(mask) })
      if !hasTerminal { pipes = try ProgramPipes(openStdin: stdin) }
    } catch { throw error.engineError("preparing the streams of the program") }
  }

  /// What becomes the process's stdin, stdout and stderr; -1 with a terminal. Open until `run`.
  package var childDescriptors: (stdin: Int32, stdout: Int32, stderr: Int32) { pipes?.childDescriptors ?? (-1, -1, -1) }

  /// Passes everything on until the process has ended, or we leave it by the detach keys; then a small process of its
  /// own keeps its terminal alive, and it runs on.
  package func run(_ process: consuming LaunchedProcess) throws(EngineError) -> AttachOutcome {
    let master = process.terminal
    if hasTerminal, stdin { terminal = try RawTerminal(STDIN_FILENO) }
    defer { terminal?.restore() }
    let result: AttachOutcome
    do throws(SystemError) {
      result = try serve(process.pid, process.pidfd, terminal: master)
    } catch { throw error.engineError("passing on the program's output") }
    if result == .detached {
      terminal?.leave()
      if hasTerminal { Self.keepTerminal(master) }
    }
    return result
  }

  /// For a process that nobody attaches to (`exec -d -t`): keeps the master of its terminal open, in a process of its
  /// own, for as long as the terminal is in use. Without it the kernel would hang up the terminal.
  package static func keepTerminal(_ master: Int32) {
    guard dhow_fork() == 0 else { return }
    setsid()
    _ = chdir("/")
    _ = fcntl(master, F_SETFL, O_RDWR)
    let null = open("/dev/null", O_RDWR)
    for descriptor in 0...2 as ClosedRange<Int32> where descriptor != master { dup2(null, descriptor) }
    dup2(master, 0)
    dhow_close_range(3, .max)
    var buffer = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    while true {
      let got = read(0, &buffer, 64)
      if got > 0 || (got < 0 && errno == EINTR) { continue }
      _exit(0)
    }
  }

  private func serve(
    _ pid: Int32, _ pidfd: borrowing OwnedDescriptor, terminal master: Int32
  ) throws(SystemError) -> AttachOutcome {
    try connect(master)
    try loop.watch(pidfd.raw, .readable) { [unowned self] _ in self.reap(pid) }
    let process = pidfd.raw
    if let signals = signals?.raw {
      try loop.watch(signals, .readable) { [unowned self] _ in self.readSignals(signals, process, master) }
    }
    while outcome == nil {
      try loop.runOnce()
      update()
    }
    loop.forget(process)
    input?.stop()
    if case .exited = outcome { for source in sources { source.drain() } }
    sources = []
    while (output?.pending ?? 0) > 0 || (errors?.pending ?? 0) > 0, outcome != .detached { try loop.runOnce() }
    if case .exited(let status) = outcome, let code = output?.failure ?? errors?.failure, code != EPIPE {
      return .unheard(status, errno: code)
    }
    return outcome ?? .lost
  }

  private func connect(_ master: Int32) throws(SystemError) {
    output = OutputPort(STDOUT_FILENO, loop: loop)
    let deliver: (OutputStream, UnsafeRawBufferPointer) -> Void = { [unowned self] stream, bytes in
      (stream == .stdout ? self.output : self.errors)?.write(bytes)
    }
    if master >= 0 {
      WindowSize(of: STDIN_FILENO)?.apply(to: master)
      // A copy, so that the terminal can be kept when we leave.
      let copy = try File.duplicate(master)
      let source = try OutputSource(.stdout, copy, isTerminal: true, loop: loop, scratch: scratch, deliver: deliver)
      let sink = InputSink(terminal: source.terminal, loop: loop) { [unowned source] in source.setWantsWritable($0) }
      source.onWritable = { [unowned sink] in sink.flush() }
      sources = [source]
      if stdin { self.sink = sink }
    } else if var ends = pipes.take() {
      ends.closeChild()
      errors = OutputPort(STDERR_FILENO, loop: loop)
      if let end = ends.stdin.take() { sink = InputSink(pipe: end, loop: loop) }
      for stream in [OutputStream.stdout, .stderr] {
        guard let end = stream == .stdout ? ends.stdout.take() : ends.stderr.take() else { continue }
        sources.append(
          try OutputSource(stream, end, isTerminal: false, loop: loop, scratch: scratch, deliver: deliver))
      }
    }
    guard sink != nil else { return }
    sink?.onDrained = { [unowned self] in self.input?.resume() }
    input = InputPort(
      STDIN_FILENO, loop: loop, scratch: scratch, deliver: { [unowned self] in self.typed($0) },
      onEnd: { [unowned self] in self.sink?.finish() })
    input?.reportClosedStart()
  }

  private func typed(_ bytes: UnsafeRawBufferPointer) {
    guard let sink, !sink.isClosed else {
      input?.stop()
      return
    }
    if terminal == nil {
      sink.write(bytes)
    } else if scanner.scan(bytes, pass: { sink.write($0) }) {
      outcome = .detached
    }
    if sink.isClosed { input?.stop() } else if sink.pending > 0 { input?.pause() }
  }

  private func update() {
    let behind = max(output?.pending ?? 0, errors?.pending ?? 0) > Self.highWater
    for source in sources { if behind { source.pause() } else { source.resume() } }
    if let code = output?.failure ?? errors?.failure, code == EPIPE, outcome == nil { outcome = .readerGone }
  }

  private func reap(_ pid: Int32) {
    var status: Int32 = 0
    let got = waitpid(pid, &status, WNOHANG)
    if got == 0 || (got < 0 && errno == EINTR) { return }
    outcome = .exited(
      got == pid ? ExitStatus(waitStatus: status, finishedAt: .now) : ExitStatus(code: 255, finishedAt: .now))
  }

  private func readSignals(_ signals: Int32, _ process: Int32, _ master: Int32) {
    var origin: Int32 = 0
    while true {
      let signal = dhow_read_signal(signals, &origin)
      switch signal {
      case ...0: return
      case SIGWINCH where hasTerminal: WindowSize(of: STDIN_FILENO)?.apply(to: master)
      case SIGPIPE: break
      case SIGTSTP where terminal != nil:
        terminal?.restore()
        kill(getpid(), SIGSTOP)
        terminal?.makeRawAgain()
      case SIGCONT where terminal != nil: terminal?.makeRawAgain()
      case _ where terminal != nil: if outcome == nil { outcome = .interrupted(signal: signal) }
      default: _ = dhow_pidfd_send_signal(process, signal)
      }
    }
  }
}
