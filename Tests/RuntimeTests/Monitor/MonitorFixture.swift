import Glibc
import TestSupport

/// A directory as a container has it, and the harness that runs ordinary programs in it as if they were containers.
final class MonitorFixture {
  let directory: String

  init() throws {
    directory = try makeTemporaryDirectory("dhow-monitor")
    try makeDirectory(directory + "/run", mode: 0o700)
  }

  deinit {
    // Nothing depends on the removal of a temporary directory.
    _ = try? run(["rm", "-rf", directory])
  }

  static let harness: String = {
    let folder = (linkTarget("/proc/self/exe") ?? "") + " " + CommandLine.arguments.joined(separator: " ")
    for candidate in folder.split(separator: " ") {
      guard let slash = candidate.lastIndex(of: "/") else { continue }
      let path = candidate[..<slash] + "/monitor-harness"
      if access(String(path), X_OK) == 0 { return String(path) }
    }
    fatalError("monitor-harness is not beside the tests")
  }()

  func words(_ verb: String, _ options: [String] = [], _ program: [String] = []) -> [String] {
    [Self.harness, verb] + options.map { "--\($0)" } + [directory] + program
  }

  func start(
    _ verb: String, _ options: [String] = [], _ program: [String] = [], input: ChildProcess.Input = .null
  ) throws -> ChildProcess {
    try ChildProcess(words(verb, options, program), input: input)
  }

  func run(
    _ verb: String, _ options: [String] = [], _ program: [String] = [], input: [UInt8]? = nil
  ) throws -> Outcome {
    try start(verb, options, program, input: input.map { .bytes($0) } ?? .null).wait()
  }

  func run(_ words: [String]) throws -> Outcome { try TestSupport.run(words) }

  /// The log as it stands, empty before the first output.
  var log: String {
    get throws { exists(directory + "/container.log") ? try readText(directory + "/container.log") : "" }
  }

  /// The program's pid and its monitor's.
  func processes() throws -> (program: Int32, monitor: Int32) {
    let text = try readText(directory + "/run/state.json")
    let numbers = text.split { !$0.isNumber }.compactMap { Int32($0) }
    return (numbers[0], numbers[1])
  }

  func hasExited() throws -> Bool { try eventually { exists(directory + "/exit.json") } }
}

extension Outcome {
  /// Standard output as text, its last line feed included.
  var text: String { String(decoding: stdout, as: UTF8.self) }
  var errorText: String { String(decoding: stderr, as: UTF8.self) }
}

/// A terminal that a test holds, with a program in the foreground on it.
final class TestTerminal {
  private let master: Int32
  private(set) var shown: [UInt8] = []
  private let pid: Int32
  private var status: Int32?

  init(_ words: [String], rows: UInt16 = 24, columns: UInt16 = 80) throws {
    var (master, slave): (Int32, Int32) = (-1, -1)
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&master, &slave, nil, nil, &size) == 0 else { throw FixtureError("openpty failed") }
    for end in [master, slave] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK)
    defer { close(slave) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for end in 0...2 as ClosedRange<Int32> { posix_spawn_file_actions_adddup2(&actions, slave, end) }
    // setsid -c: the terminal becomes the controlling one, so that its size and its keys make signals.
    var argv = cStrings(["setsid", "-c"] + words)
    defer { argv.forEach { free($0) } }
    var environment = cStrings(["PATH=/usr/local/bin:/usr/bin:/bin", "TERM=xterm", "PS1=$ "])
    defer { environment.forEach { free($0) } }
    var pid: Int32 = 0
    guard posix_spawnp(&pid, "setsid", &actions, nil, &argv, &environment) == 0 else {
      throw FixtureError("setsid did not start")
    }
    (self.master, self.pid) = (master, pid)
  }

  deinit {
    close(master)
    if status == nil {
      kill(pid, SIGKILL)
      var status: Int32 = 0
      waitpid(pid, &status, 0)
    }
  }

  /// To the program itself: setsid has become it.
  func signal(_ number: Int32) { kill(pid, number) }

  func type(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(master, bytes, bytes.count)
  }

  func resize(rows: UInt16, columns: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  private func pump() {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let got = read(master, &buffer, buffer.count)
      if got <= 0 { return }
      shown += buffer[..<got]
    }
  }

  var text: String {
    pump()
    return String(decoding: shown, as: UTF8.self)
  }

  /// Waits until the terminal has shown `text` since the last call that found something.
  func expect(_ wanted: String, within seconds: Double = 15) -> Bool {
    eventually(within: seconds) {
      guard let range = text.firstRange(of: wanted) else { return false }
      shown = Array(text[range.upperBound...].utf8)
      return true
    }
  }

  /// Whether keys are echoed and lines edited: the mode a shell leaves a terminal in.
  var isCooked: Bool {
    var mode = termios()
    tcgetattr(master, &mode)
    return mode.c_lflag & tcflag_t(ICANON) != 0 && mode.c_lflag & tcflag_t(ECHO) != 0
  }

  /// Waits for the program's end.
  func wait(within seconds: Double = 15) -> Int32? {
    let ended = eventually(within: seconds) {
      pump()
      var status: Int32 = 0
      if waitpid(pid, &status, WNOHANG) == pid { self.status = status }
      return self.status != nil
    }
    guard ended, let status else { return nil }
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + status & 0x7F
  }
}

private func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] { texts.map { strdup($0) } + [nil] }
