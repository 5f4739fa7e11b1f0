// The life of one container after its launch, in one thread and one event loop.
//
//   let monitor = try Monitor(plan, local: …)          before the launch: lock, socket `attach`, pipes
//   let process = try Launcher.launch(…, monitor.childStreams …)
//   … write state.json …
//   let status = monitor.run(process …) { status in … exit record, clean-up … }
//
// `MonitorProcess.detach` does the same in a process of its own.
package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

/// What happens with a container's stdin.
package enum StdinPolicy: Sendable {
  /// It reads /dev/null (no `-i`).
  case closed
  /// It stays open whoever comes and goes (`-i -d`).
  case open
  /// It ends with the stdin of the first client that ends (`-i` in the foreground; docker's StdinOnce).
  case once
}

/// What a monitor must know of its container.
package struct MonitorPlan: Sendable {
  /// Descriptor of the container's directory, for the log; it stays the caller's and must outlive the monitor.
  package var containerDirectory: Int32
  /// Absolute path of the container's runtime directory, which exists.
  package var runtimeDirectory: String
  package var hasTerminal: Bool
  package var stdin: StdinPolicy
  package var log: LogConfiguration
  /// Sent to the container when somebody sends SIGTERM to a detached monitor (a logout, a stopping unit).
  package var stopSignal: Int32

  package init(
    containerDirectory: Int32, runtimeDirectory: String, hasTerminal: Bool, stdin: StdinPolicy,
    log: LogConfiguration, stopSignal: Int32 = 15
  ) {
    self.containerDirectory = containerDirectory
    self.runtimeDirectory = runtimeDirectory
    self.hasTerminal = hasTerminal
    self.stdin = stdin
    self.log = log
    self.stopSignal = stopSignal
  }
}

/// How the process that monitors is itself attached to the container.
package struct LocalClient {
  package var stdin: Bool
  package var stdout: Bool
  package var stderr: Bool
  /// Signals that reach us are passed on to the container's PID 1.
  package var proxiesSignals: Bool
  /// Of `Shepherd.start`.
  package var shepherd: Shepherd?

  package init(stdin: Bool, stdout: Bool = true, stderr: Bool = true, proxiesSignals: Bool = true) {
    self.stdin = stdin
    self.stdout = stdout
    self.stderr = stderr
    self.proxiesSignals = proxiesSignals
  }
}

/// Watches over one container: reads its output, keeps the log, serves those who attach, passes input and signals in,
/// waits for PID 1, and ends with the container.
package final class Monitor {
  /// Bytes kept for a reader that is behind before the container is stopped from writing more.
  static let highWater = 262_144
  static let lowWater = 65_536
  /// How long a client that has stopped reading may hold up the others before it is given up.
  static let stallNanoseconds: Int64 = 30_000_000_000

  let plan: MonitorPlan
  /// For what else its process has to do in time.
  package let loop: EventLoop
  private let scratch: ScratchBuffer
  private let log: LogWriter?
  private var directoryGuard: RuntimeDirectoryGuard?
  private var pipes: ProgramPipes?
  private var sources: [OutputSource] = []
  private var sink: InputSink?
  private var peers: [AttachPeer] = []
  private var local: LocalClient?
  private var localOut: OutputPort?
  private var localErr: OutputPort?
  private var localInput: InputPort?
  private var signals: OwnedDescriptor?
  private var processDescriptor: Int32 = -1
  private var pid: Int32 = 0
  private var status: ExitStatus?
  private var isHolding = false
  private var stallDeadline: Int?
  /// Somebody told this process to end: the program is not started again.
  package private(set) var isToEnd = false

  /// Checks the container's health now and answers the exit code of the check; nil when it has none.
  package var checkHealth: ((@escaping (Int32) -> Void) -> Void)?

  /// Everything that must exist before the container starts: signals are held back from here on, the lock is taken, the
  /// socket listens, the pipes are made.
  /// - Parameters:
  ///   - local: nil when this process has no stdio of its own to attach.
  ///   - client: a connection that counts as attached from the start; taken over.
  /// - Throws: `EngineError`; of kind `wrongState` when the container has a monitor already.
  package init(_ plan: MonitorPlan, local: LocalClient?, client: InitialClient? = nil) throws(EngineError) {
    self.plan = plan
    self.local = local
    log = plan.log.driver == .none ? nil : LogWriter(directory: plan.containerDirectory, configuration: plan.log)
    do throws(SystemError) {
      loop = try EventLoop()
      scratch = try ScratchBuffer()
      var mask = Signals.bit(SIGPIPE)
      if local?.proxiesSignals ?? true { for signal in Signals.proxied { mask |= Signals.bit(signal) } }
      signals = OwnedDescriptor(owning: try systemCall("signalfd") { dhow_signalfd(mask) })
      if !plan.hasTerminal { pipes = try ProgramPipes(openStdin: plan.stdin != .closed) }
    } catch { throw error.engineError("preparing the container's monitor") }
    directoryGuard = try RuntimeDirectoryGuard(path: plan.runtimeDirectory, loop: loop) { [unowned self] in
      self.accept($0)
    }
    if let client { accept(client.connection, initial: client) }
  }

  /// What becomes the container's stdin, stdout and stderr; -1 with a terminal, which the container makes itself. Open
  /// until `run`, which closes our copies.
  package var childDescriptors: (stdin: Int32, stdout: Int32, stderr: Int32) { pipes?.childDescriptors ?? (-1, -1, -1) }

  /// Serves the container until it has ended and all have their output.
  /// - Parameters:
  ///   - process: PID 1 of the container, a child of this process, with a terminal exactly when the plan has one.
  ///   - keeper: starts the program again; nil when its first end is the last.
  ///   - finish: writes the exit record and cleans up; called once, after the log is complete and before anybody is
  ///     told.
  /// - Returns: how PID 1 ended the last time.
  package func run(
    _ process: consuming LaunchedProcess, keeper: ProgramKeeper? = nil, finish: (ExitStatus) -> Void
  ) throws(EngineError) -> ExitStatus {
    let terminal = process.terminal >= 0 ? OwnedDescriptor(owning: process.terminal) : nil
    return try run(pid: process.pid, pidfd: process.pidfd, terminal: terminal, keeper: keeper, finish: finish)
  }

  /// As above, for a process that is described by its parts.
  func run(
    pid: Int32, pidfd: consuming OwnedDescriptor, terminal: consuming OwnedDescriptor?,
    keeper: ProgramKeeper? = nil, finish: (ExitStatus) -> Void
  ) throws(EngineError) -> ExitStatus {
    let last: ExitStatus
    do throws(SystemError) {
      try local?.shepherd?.bind()
      connectOutput()
      try begin(pid, pidfd, terminal)
      if let signals = signals?.raw {
        try loop.watch(signals, .readable) { [unowned self] _ in self.passSignals() }
      }
      directoryGuard?.beginWatching()
      loop.onIdle = { [unowned self] in self.releaseMemory() }
      var ended = try serveUntilEnd()
      while let delay = keeper?.delay(ended) {
        tellEnd(ended)
        guard let next = try keeper?.again(after: delay, in: self) else { break }
        switch consume next {
        case .process(let process):
          let terminal = process.terminal >= 0 ? OwnedDescriptor(owning: process.terminal) : nil
          try begin(process.pid, process.pidfd, terminal)
          ended = try serveUntilEnd()
        case .failure(let status): ended = status
        }
      }
      last = ended
    } catch { throw error.engineError("watching the container") }
    end(last, finish)
    return last
  }

  /// Connects a program that has just been started.
  private func begin(
    _ pid: Int32, _ pidfd: consuming OwnedDescriptor, _ terminal: consuming OwnedDescriptor?
  ) throws(SystemError) {
    self.pid = pid
    status = nil
    try connectStreams(terminal)
    processDescriptor = pidfd.take()
    try loop.watch(processDescriptor, .readable) { [unowned self] _ in self.reap() }
  }

  /// Serves a program until it has ended and all it wrote is passed on.
  private func serveUntilEnd() throws(SystemError) -> ExitStatus {
    while true {
      try loop.runOnce()
      endRound()
      if let status {
        disconnect()
        return status
      }
    }
  }

  /// Serves those who are connected while no program runs; shorter when this process is told to end.
  func serve(nanoseconds: Int64) throws(SystemError) {
    var isOver = false
    let deadline = loop.after(nanoseconds: nanoseconds) { isOver = true }
    while !isOver, !isToEnd {
      try loop.runOnce()
      endRound()
    }
    loop.cancel(deadline: deadline)
  }

  /// What becomes the streams of the next program.
  func renewStreams() throws(SystemError) {
    if !plan.hasTerminal { pipes = try ProgramPipes(openStdin: plan.stdin != .closed) }
  }

  /// Sends a signal to the program; one that has ended gets none.
  package func signal(_ number: Int32) {
    if processDescriptor >= 0 { _ = dhow_pidfd_send_signal(processDescriptor, number) }
  }

  /// Whether any process of the last program is still being waited for.
  package var hasProgram: Bool { processDescriptor >= 0 }

  /// errno of a write to our own stdout that failed, other than that its reader has gone.
  package var outputFailure: Int32? {
    for port in [localOut, localErr] { if let code = port?.failure, code != EPIPE, code != EBADF { return code } }
    return nil
  }

  private func connectOutput() {
    if local?.stdout == true {
      localOut = OutputPort(STDOUT_FILENO, loop: loop, watchesReader: local?.shepherd != nil)
    }
    if local?.stderr == true { localErr = OutputPort(STDERR_FILENO, loop: loop) }
  }

  private func connectStreams(_ terminal: consuming OwnedDescriptor?) throws(SystemError) {
    let deliver: (OutputStream, UnsafeRawBufferPointer) -> Void = { [unowned self] in self.output($0, $1) }
    if let master = terminal {
      let source = try OutputSource(
        .stdout, master, isTerminal: true, loop: loop, scratch: scratch, deliver: deliver)
      let sink = InputSink(terminal: source.terminal, loop: loop) { [unowned source] in source.setWantsWritable($0) }
      source.onWritable = { [unowned sink] in sink.flush() }
      sources = [source]
      self.sink = sink
    } else {
      try connectPipes(deliver)
    }
    sink?.onDrained = { [unowned self] in self.inputTaken() }
    if local?.stdin == true, sink != nil {
      localInput = InputPort(
        STDIN_FILENO, loop: loop, scratch: scratch, deliver: { [unowned self] in self.localInput($0) },
        onEnd: { [unowned self] in self.inputEnded(nil) })
      localInput?.reportClosedStart()
    }
  }

  private func connectPipes(_ deliver: @escaping (OutputStream, UnsafeRawBufferPointer) -> Void) throws(SystemError) {
    guard var ends = pipes.take() else { return }
    ends.closeChild()
    if let stdin = ends.stdin.take() { sink = InputSink(pipe: stdin, loop: loop) }
    for stream in [OutputStream.stdout, .stderr] {
      guard let end = stream == .stdout ? ends.stdout.take() : ends.stderr.take() else { continue }
      sources.append(
        try OutputSource(stream, end, isTerminal: false, loop: loop, scratch: scratch, deliver: deliver))
    }
  }

  private func forgetProcess() {
    guard processDescriptor >= 0 else { return }
    loop.forget(processDescriptor)
    close(processDescriptor)
    processDescriptor = -1
  }

  private func reap() {
    var waitStatus: Int32 = 0
    let got = waitpid(pid, &waitStatus, WNOHANG)
    if got == 0 || (got < 0 && errno == EINTR) { return }
    // ECHILD: another runtime made the container and its status is not ours to know; 255 as docker has it.
    status = got == pid ? ExitStatus(waitStatus: waitStatus, finishedAt: .now) : ExitStatus(code: 255, finishedAt: .now)
  }

  private func passSignals() {
    guard let signals = signals?.raw else { return }
    var origin: Int32 = 0
    while true {
      let signal = dhow_read_signal(signals, &origin)
      if signal < 0 { return }
      if local != nil {
        if [SIGTERM, SIGINT, SIGQUIT, SIGHUP].contains(signal) { isToEnd = true }
        self.signal(signal)
      } else if signal == SIGTERM {
        isToEnd = true
        self.signal(plan.stopSignal)
      }
    }
  }

  /// What the container wrote, to all who take it.
  private func output(_ stream: OutputStream, _ bytes: UnsafeRawBufferPointer) {
    log?.add(bytes, stream)
    (stream == .stdout ? localOut : localErr)?.write(bytes)
    for peer in peers where peer.wantsOutput { peer.send(stream == .stdout ? .stdout : .stderr, bytes) }
  }

  /// After each round: what the log has taken in is written, those who left are forgotten, and the container is held up
  /// or let go on.
  private func endRound() {
    log?.flush()
    if peers.contains(where: \.isGone) { peers.removeAll(where: \.isGone) }
    if localOut?.failure == EPIPE, local?.shepherd != nil { leaveForeground() }
    let limit = isHolding ? Self.lowWater : Self.highWater
    let isBehind =
      (localOut?.pending ?? 0) > limit || (localErr?.pending ?? 0) > limit || peers.contains { $0.pending > limit }
    guard isBehind != isHolding else { return }
    isHolding = isBehind
    if isBehind {
      for source in sources { source.pause() }
      watchForStall()
    } else {
      if let stallDeadline { loop.cancel(deadline: stallDeadline) }
      stallDeadline = nil
      for source in sources { source.resume() }
    }
  }

  /// The reader of our stdout has gone: the process that the caller waits for ends, and we go on without a terminal.
  private func leaveForeground() {
    let shepherd = local?.shepherd
    if local?.stdin == true { inputEnded(nil) }
    localInput?.stop()
    (localInput, localOut, localErr, local) = (nil, nil, nil, nil)
    shepherd?.release()
  }

  /// One client that has stopped reading holds up all others and the log, as in docker; ours is given up after a while
  /// when somebody else is waiting.
  private func watchForStall() {
    let before = peers.map { (peer: $0, sent: $0.sent) }
    stallDeadline = loop.after(nanoseconds: Self.stallNanoseconds) { [unowned self] in
      self.stallDeadline = nil
      guard self.isHolding else { return }
      let readers = self.peers.filter { $0.wantsOutput && !$0.isGone }.count + (self.local?.stdout == true ? 1 : 0)
      for (peer, sent) in before where readers > 1 && peer.sent == sent && peer.pending > Self.lowWater { peer.leave() }
      self.watchForStall()
    }
  }

  private func releaseMemory() {
    scratch.release()
    log?.releaseMemory()
    dhow_trim_memory()
  }

  /// The program has ended: everything it wrote is passed on.
  private func disconnect() {
    forgetProcess()
    localInput?.stop()
    localInput = nil
    for source in sources { source.drain() }
    sources = []
    sink = nil
    isHolding = false
    if let stallDeadline { loop.cancel(deadline: stallDeadline) }
    stallDeadline = nil
    log?.flush()
  }

  /// The program has ended and will be started again: those who are attached to it or wait for it are told, as docker
  /// does; who follows the log stays.
  private func tellEnd(_ status: ExitStatus) {
    for peer in peers where peer.wantsOutput || peer.sendsInput || (peer.waits && !peer.waitsForLast) {
      peer.send(.exit, status.framePayload)
      peer.release()
    }
  }

  /// The container has ended: the record is written, then all are told.
  private func end(_ status: ExitStatus, _ finish: (ExitStatus) -> Void) {
    log?.close()
    // From here on the directory may be removed.
    directoryGuard?.stopWatching()
    finish(status)
    directoryGuard?.release()
    directoryGuard = nil
    for peer in peers { peer.send(.exit, status.framePayload) }
    // Whoever is still reading gets the rest; our own pid stays until then, nothing else does.
    while isOwed {
      do throws(SystemError) { try loop.runOnce() } catch { break }
      peers.removeAll(where: \.isGone)
    }
    peers = []
  }

  private var isOwed: Bool {
    (localOut?.pending ?? 0) > 0 || (localErr?.pending ?? 0) > 0 || peers.contains { $0.pending > 0 && !$0.isGone }
  }
}

/// A connection that is attached before the container starts, so that it misses nothing.
package struct InitialClient: Sendable {
  package var connection: Int32
  package var output: Bool
  package var input: Bool

  package init(connection: Int32, output: Bool, input: Bool) {
    self.connection = connection
    self.output = output
    self.input = input
  }
}

/// What peers ask for.
extension Monitor {
  private func accept(_ connection: Int32, initial: InitialClient? = nil) {
    _ = fcntl(connection, F_SETFL, O_RDWR | O_NONBLOCK)
    do throws(SystemError) {
      let peer = try AttachPeer(connection, loop: loop, scratch: scratch, monitor: self)
      var flags: AttachProtocol.HelloFlags = plan.hasTerminal ? .terminal : []
      if plan.stdin != .closed { flags.insert(.stdinOpen) }
      peer.send(.hello, AttachProtocol.littleEndian(AttachProtocol.version) + [flags.rawValue])
      if let initial { peer.attach(output: initial.output, input: initial.input) }
      peers.append(peer)
    } catch {
      // No memory for one more client: it sees its connection closed.
      close(connection)
    }
  }

  private func localInput(_ bytes: UnsafeRawBufferPointer) {
    guard let sink, !sink.isClosed else {
      localInput?.stop()
      return
    }
    sink.write(bytes)
    if sink.isClosed { localInput?.stop() } else if sink.pending > 0 { localInput?.pause() }
  }

  func input(_ bytes: UnsafeRawBufferPointer, from peer: AttachPeer) {
    sink?.write(bytes)
    if (sink?.pending ?? 0) == 0 { peer.returnCredit() }
  }

  /// The stdin of a client, nil for our own, has ended.
  func inputEnded(_ peer: AttachPeer?) {
    if plan.stdin == .once { sink?.finish() }
  }

  private func inputTaken() {
    localInput?.resume()
    for peer in peers { peer.returnCredit() }
  }

  func resize(_ size: WindowSize) {
    if plan.hasTerminal, let master = sources.first { size.apply(to: master.terminal) }
  }

  /// A client asked for a check of the container's health.
  func check(for peer: AttachPeer) {
    let answer: (Int32) -> Void = { [weak peer] in peer?.send(.checked, AttachProtocol.littleEndian($0)) }
    if let checkHealth { checkHealth(answer) } else { answer(-1) }
  }

  func peerLeft(_ peer: AttachPeer) {
    if peer.sendsInput, !peer.leaves { inputEnded(peer) }
  }
}
