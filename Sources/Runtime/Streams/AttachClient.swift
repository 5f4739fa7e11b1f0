package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

/// How a terminal or a pipe is attached to a running container.
package struct AttachOptions: Sendable {
  package var stdin: Bool
  package var stdout: Bool
  package var stderr: Bool
  package var detachKeys: DetachKeys
  /// Pass signals on, where the container has no terminal (with one, keys make the signals).
  package var proxiesSignals: Bool
  /// Have the program in the container draw its screen anew, because we come to it in the middle.
  package var redraws: Bool

  package init(
    stdin: Bool, stdout: Bool = true, stderr: Bool = true, detachKeys: DetachKeys = .standard,
    proxiesSignals: Bool = true, redraws: Bool = false
  ) {
    self.stdin = stdin
    self.stdout = stdout
    self.stderr = stderr
    self.detachKeys = detachKeys
    self.proxiesSignals = proxiesSignals
    self.redraws = redraws
  }
}

/// How an attachment ended. In every case the terminal is as it was.
package enum AttachOutcome: Equatable, Sendable {
  case exited(ExitStatus)
  /// The same, but part of the output could not be written: errno of our stdout or stderr.
  case unheard(ExitStatus, errno: Int32)
  /// By the detach keys; the container runs on.
  case detached
  /// The reader of our output has gone (`| head`); the container runs on.
  case readerGone
  /// We were told to end; the container runs on.
  case interrupted(signal: Int32)
  /// The monitor went away without a word; the container's record knows more.
  case lost
  /// The monitor gave us up, with one sentence why.
  case dropped(String)
}

/// The command line's side of an attachment: our stdio on one side, the monitor's socket on the other.
package final class AttachClient {
  private static let highWater = 65_536

  private let connection: OwnedDescriptor
  private let options: AttachOptions
  private let sendSignal: (Int32) -> Void
  private let loop: EventLoop
  private let scratch: ScratchBuffer
  private var reader = FrameReader()
  private var queue = ByteQueue()
  /// Typed, and not sent for want of credit.
  private var held = ByteQueue()
  private var credit = AttachProtocol.inputWindow
  private var inputEnded = false
  private var output: OutputPort?
  private var errors: OutputPort?
  private var input: InputPort?
  private var terminal: RawTerminal?
  private var scanner: DetachScanner
  private var hasTerminal = false
  private var signals: OwnedDescriptor?
  private var outcome: AttachOutcome?
  private var failure: EngineError?

  private init(
    _ connection: consuming OwnedDescriptor, _ options: AttachOptions, sendSignal: @escaping (Int32) -> Void
  ) throws(SystemError) {
    self.connection = connection
    self.options = options
    self.sendSignal = sendSignal
    scanner = DetachScanner(options.detachKeys)
    loop = try EventLoop()
    scratch = try ScratchBuffer()
  }

  /// Passes everything on until the container ends or we leave it.
  /// - Parameter sendSignal: sends a signal to the container's PID 1.
  /// - Throws: `EngineError` when the terminal or the kernel refuse what is needed, before anything is shown.
  package static func run(
    _ connection: consuming OwnedDescriptor, _ options: AttachOptions, sendSignal: @escaping (Int32) -> Void
  ) throws(EngineError) -> AttachOutcome {
    let client: AttachClient
    let outcome: AttachOutcome
    do throws(SystemError) {
      client = try AttachClient(connection, options, sendSignal: sendSignal)
      outcome = try client.serve()
    } catch { throw error.engineError("attaching to the container") }
    if let failure = client.failure { throw failure }
    return outcome
  }

  private func serve() throws(SystemError) -> AttachOutcome {
    defer { terminal?.restore() }
    _ = fcntl(connection.raw, F_SETFL, O_RDWR | O_NONBLOCK)
    if options.stdout { output = OutputPort(STDOUT_FILENO, loop: loop, watchesReader: true) }
    if options.stderr { errors = OutputPort(STDERR_FILENO, loop: loop) }
    try loop.watch(connection.raw, .readable) { [unowned self] events in
      if events.contains(.writable) { self.flush() }
      if !events.isDisjoint(with: [.readable, .hungUp, .failed]) { self.receive() }
    }
    while outcome == nil {
      try loop.runOnce()
      update()
    }
    loop.forget(connection.raw)
    input?.stop()
    // Everything that came before the end is shown before we say that it ended.
    while (output?.pending ?? 0) > 0 || (errors?.pending ?? 0) > 0, outcome != .detached { try loop.runOnce() }
    if outcome == .detached { terminal?.leave() }
    if case .exited(let status) = outcome, let code = output?.failure ?? errors?.failure, code != EPIPE {
      return .unheard(status, errno: code)
    }
    return outcome ?? .lost
  }

  /// After each round: who must wait for whom.
  private func update() {
    let behind = max(output?.pending ?? 0, errors?.pending ?? 0) > Self.highWater
    var events: ReadyEvents = behind ? [] : .readable
    if !queue.isEmpty { events.insert(.writable) }
    loop.change(connection.raw, events)
    if held.count > Self.highWater || queue.count > Self.highWater { input?.pause() } else { input?.resume() }
    if let code = output?.failure ?? errors?.failure, outcome == nil, code == EPIPE { outcome = .readerGone }
  }

  private func receive() {
    let got = dhow_receive_nowait(connection.raw, scratch.bytes.baseAddress, scratch.bytes.count)
    if got < 0, errno == EAGAIN || errno == EINTR { return }
    guard got > 0 else {
      if outcome == nil { outcome = .lost }
      return
    }
    let understood = reader.feed(UnsafeRawBufferPointer(rebasing: scratch.bytes[..<got])) { handle($0, $1) }
    if !understood, outcome == nil { outcome = .lost }
  }

  private func handle(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) {
    switch AttachProtocol.Kind(rawValue: kind) {
    case .hello: begin(payload)
    case .stdout: output?.write(payload)
    case .stderr: errors?.write(payload)
    case .credit:
      credit += Int(AttachProtocol.number(payload, at: 0) as UInt32)
      sendHeld()
    case .exit: outcome = .exited(ExitStatus(frame: payload))
    case .dropped: outcome = .dropped(String(decoding: payload, as: UTF8.self))
    default: break
    }
  }

  private func begin(_ hello: UnsafeRawBufferPointer) {
    let flags = AttachProtocol.HelloFlags(rawValue: AttachProtocol.number(hello, at: 2))
    hasTerminal = flags.contains(.terminal)
    var wanted: AttachProtocol.AttachFlags = []
    if options.stdout || options.stderr { wanted.insert(.output) }
    if options.stdin, flags.contains(.stdinOpen) { wanted.insert(.input) }
    send(.attach, [wanted.rawValue])
    do throws(EngineError) {
      if hasTerminal, options.stdin { terminal = try RawTerminal(STDIN_FILENO) }
    } catch { (failure, outcome) = (error, .lost) }
    watchSignals()
    resize(first: true)
    guard wanted.contains(.input) else { return }
    input = InputPort(
      STDIN_FILENO, loop: loop, scratch: scratch, deliver: { [unowned self] in self.typed($0) },
      onEnd: { [unowned self] in
        self.inputEnded = true
        self.sendHeld()
      })
    input?.reportClosedStart()
  }

  private func send(_ kind: AttachProtocol.Kind, _ payload: [UInt8] = []) {
    AttachProtocol.frame(kind, payload).withUnsafeBytes { queue.append($0) }
    flush()
  }

  private func flush() {
    while !queue.isEmpty {
      let got = queue.withBytes { dhow_send_nowait(connection.raw, $0.baseAddress, $0.count, nil, 0) }
      if got < 0 {
        if errno == EINTR { continue }
        // A monitor that has gone is seen when its last words have been read.
        if errno != EAGAIN { queue.removeAll() }
        return
      }
      queue.consume(got)
    }
  }

  private func typed(_ bytes: UnsafeRawBufferPointer) {
    guard terminal != nil else {
      held.append(bytes)
      return sendHeld()
    }
    if scanner.scan(bytes, pass: { held.append($0) }) {
      send(.detach)
      outcome = .detached
    }
    sendHeld()
  }

  private func sendHeld() {
    while !held.isEmpty, credit > 0 {
      let count = min(held.count, credit, 32_768)
      held.withBytes { bytes in
        var header = AttachProtocol.header(.input, count: count)
        withUnsafeBytes(of: &header) { queue.append($0) }
        queue.append(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      }
      held.consume(count)
      credit -= count
    }
    if inputEnded, held.isEmpty {
      inputEnded = false
      AttachProtocol.frame(.inputEnd).withUnsafeBytes { queue.append($0) }
    }
    flush()
  }

  private func resize(first: Bool = false) {
    guard hasTerminal, let size = WindowSize(of: STDIN_FILENO) ?? WindowSize(of: STDOUT_FILENO) else { return }
    if first, options.redraws {
      // The same size would raise no SIGWINCH in there; one row more and back does (as docker's client does it).
      send(
        .resize, AttachProtocol.littleEndian(size.rows &+ 1) + AttachProtocol.littleEndian(size.columns))
    }
    send(.resize, AttachProtocol.littleEndian(size.rows) + AttachProtocol.littleEndian(size.columns))
  }

  private func watchSignals() {
    var mask = Signals.bit(SIGPIPE) | Signals.bit(SIGWINCH)
    if terminal != nil {
      for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT] { mask |= Signals.bit(signal) }
    } else if options.proxiesSignals {
      for signal in Signals.proxied { mask |= Signals.bit(signal) }
    }
    let descriptor = dhow_signalfd(mask)
    guard descriptor >= 0 else { return }
    signals = OwnedDescriptor(owning: descriptor)
    do throws(SystemError) {
      try loop.watch(descriptor, .readable) { [unowned self] _ in self.readSignals(descriptor) }
    } catch { (failure, outcome) = (error.engineError("attaching to the container"), .lost) }
  }

  private func readSignals(_ descriptor: Int32) {
    var origin: Int32 = 0
    while true {
      let signal = dhow_read_signal(descriptor, &origin)
      switch signal {
      case ...0: return
      case SIGPIPE: break
      case SIGWINCH where hasTerminal: resize()
      case _ where terminal == nil: sendSignal(signal)
      case SIGTSTP: stopForNow()
      case SIGCONT:
        terminal?.makeRawAgain()
        resize()
      default: if outcome == nil { outcome = .interrupted(signal: signal) }
      }
    }
  }

  /// Stopped by a signal from outside (keys go to the container): the shell gets its terminal back as it was.
  private func stopForNow() {
    terminal?.restore()
    kill(getpid(), SIGSTOP)
    terminal?.makeRawAgain()
  }
}
