internal import Basics
internal import ContainerEngine
internal import Glibc
internal import LinuxKernel

extension Invocation {
  /// Whose files `login` and `logout` prefer.
  var loginCaller: LoginCaller {
    switch program {
    case .docker: .docker
    case .podman: .podman
    case .dhow: .dhow
    }
  }
}

/// Asks a person for name and password.
struct LoginPrompt {
  private let invocation: Invocation

  /// Bytes of a password, and of a token on standard input.
  private static let limit = 24 << 10

  init(_ invocation: Invocation) { self.invocation = invocation }

  /// The password on standard input: all of it but the last line's end.
  static func inputPassword() throws(EngineError) -> String {
    let doing = "reading the password from standard input"
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try File.readAll(STDIN_FILENO, limit: limit, shown: "standard input") } catch {
      if error.errno == EFBIG { throw EngineError(.limitReached, doing, "it is longer than \(limit >> 10) KiB") }
      throw error.engineError(doing)
    }
    guard var text = String(validating: bytes, as: UTF8.self) else {
      throw EngineError(.invalidInput, doing, "it is no text in UTF-8")
    }
    // One character in Swift, whichever of the two line ends it is.
    if let last = text.last, last == "\n" || last == "\r\n" { text.removeLast() }
    guard !text.isEmpty else { throw EngineError(.invalidInput, doing, "it is empty") }
    return text
  }

  private func requireTerminal() throws {
    guard isatty(STDIN_FILENO) == 1 else {
      throw EngineError(
        .invalidInput, "", "cannot perform an interactive login from a non-TTY device",
        hint: "give -u NAME and --password-stdin")
    }
  }

  /// - Parameter usual: taken when nothing is typed.
  func userName(usual: String?) throws -> String {
    try requireTerminal()
    invocation.output.write(usual.map { "Username (\(safeText($0))): " } ?? "Username: ")
    try invocation.output.flush()
    let typed = (readLine() ?? "").split(separator: " ").joined(separator: " ")
    guard let name = typed.isEmpty ? usual : typed else {
      throw EngineError(.invalidInput, "", "a user name is required")
    }
    return name
  }

  /// Typed without echo. The terminal is as before when this returns, and when a signal ends or stops us meanwhile.
  func password() throws -> String {
    try requireTerminal()
    invocation.output.write("Password: ")
    try invocation.output.flush()
    var bytes: [UInt8] = []
    var silence: SilentTerminal? = try SilentTerminal(STDIN_FILENO)
    defer { silence?.end() }
    while true {
      if SilentTerminal.signalWaits() {
        // Here the signal does what it does: ends us, or stops us until we are continued.
        silence?.end()
        silence = try SilentTerminal(STDIN_FILENO)
        continue
      }
      var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      if poll(&waiting, 1, 100) <= 0 { continue }
      var byte: UInt8 = 0
      let count = read(STDIN_FILENO, &byte, 1)
      if count < 0, errno == EINTR { continue }
      if count <= 0 || byte == 0x0A { break }
      bytes.append(byte)
      guard bytes.count <= Self.limit else {
        throw EngineError(.limitReached, "", "the password is longer than \(Self.limit >> 10) KiB")
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty else {
      throw EngineError(.invalidInput, "", "a password is required")
    }
    return text
  }
}

/// A terminal that shows nothing of what is typed but the end of the line, while signals that would leave it so wait.
private struct SilentTerminal {
  private let descriptor: Int32
  private var before = termios()
  private var signalsBefore = sigset_t()

  private static var signals: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP] { sigaddset(&set, number) }
    return set
  }

  init(_ descriptor: Int32) throws {
    self.descriptor = descriptor
    var set = Self.signals
    pthread_sigmask(SIG_BLOCK, &set, &signalsBefore)
    guard tcgetattr(descriptor, &before) == 0 else {
      throw SystemError("tcgetattr").engineError("asking for a password")
    }
    var silent = before
    silent.c_lflag &= ~tcflag_t(ECHO)
    silent.c_lflag |= tcflag_t(ECHONL | ICANON)
    // What was typed before the question is not the answer.
    guard tcsetattr(descriptor, TCSAFLUSH, &silent) == 0 else {
      throw SystemError("tcsetattr").engineError("asking for a password")
    }
  }

  /// Puts the terminal and the signals back; those that waited come now.
  mutating func end() {
    _ = tcsetattr(descriptor, TCSADRAIN, &before)
    pthread_sigmask(SIG_SETMASK, &signalsBefore, nil)
  }

  static func signalWaits() -> Bool {
    var pending = sigset_t()
    sigpending(&pending)
    return [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP].contains { sigismember(&pending, $0) == 1 }
  }
}
