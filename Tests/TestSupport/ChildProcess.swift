internal import Glibc
internal import Synchronization

/// A program started by a test: posix_spawn only (the test process has threads), in a session of its own.
package final class ChildProcess {
  package enum Input {
    case null
    case bytes([UInt8])
    /// Kept open for `write` and `closeInput`.
    case pipe
  }

  package let pid: Int32
  package let arguments: [String]
  private var input: Int32
  private var pendingInput: ArraySlice<UInt8>
  private var keepsInputOpen: Bool
  private var stdout: Int32
  private var stderr: Int32
  private var collectedOut: [UInt8] = []
  private var collectedErr: [UInt8] = []
  private var waitStatus: Int32?

  /// Descriptors made for one child must not be inherited by another one spawned at the same time by another test.
  private static let spawnLock = Mutex(())

  /// Starts `arguments[0]` (a path, or found on PATH). The environment is only what is named here and the identity's basics.
  package init(
    _ arguments: [String], as identity: Identity = .caller, environment: [String: String] = [:],
    directory: String? = nil,
    input wanted: Input = .null
  ) throws {
    self.arguments = arguments
    let words = try identity.prefix(environment: environment, directory: directory ?? "/") + arguments
    let spawned = try Self.spawnLock.withLock { _ in try Self.spawn(words, input: wanted) }
    (pid, input, stdout, stderr) = spawned
    switch wanted {
    case .null: (pendingInput, keepsInputOpen) = ([], false)
    case .bytes(let bytes): (pendingInput, keepsInputOpen) = (bytes[...], false)
    case .pipe: (pendingInput, keepsInputOpen) = ([], true)
    }
  }

  deinit {
    for descriptor in [input, stdout, stderr] where descriptor >= 0 { close(descriptor) }
    if waitStatus == nil {
      kill(-pid, SIGKILL)
      kill(pid, SIGKILL)
      var status: Int32 = 0
      waitpid(pid, &status, 0)
    }
  }

  private static func spawn(
    _ words: [String], input: Input
  ) throws -> (pid: Int32, input: Int32, stdout: Int32, stderr: Int32) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var childEnds: [Int32] = []
    defer { childEnds.forEach { close($0) } }

    var inputEnd: Int32 = -1
    if case .null = input {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    } else {
      let pipe = try makePipe()
      posix_spawn_file_actions_adddup2(&actions, pipe.read, 0)
      childEnds.append(pipe.read)
      inputEnd = pipe.write
      _ = fcntl(inputEnd, F_SETFL, O_NONBLOCK)
    }
    let out = try makePipe()
    let err = try makePipe()
    posix_spawn_file_actions_adddup2(&actions, out.write, 1)
    posix_spawn_file_actions_adddup2(&actions, err.write, 2)
    childEnds += [out.write, err.write]
    for descriptor in [out.read, err.read] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var all = sigset_t()
    sigfillset(&all)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setsigmask(&attributes, &none)
    let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | 0x80  // 0x80: POSIX_SPAWN_SETSID
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var argv = words.map { strdup($0) } + [nil]
    defer { argv.forEach { free($0) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var pid: Int32 = 0
    let result = posix_spawnp(&pid, words[0], &actions, &attributes, &argv, &environment)
    guard result == 0 else {
      for descriptor in [inputEnd, out.read, err.read] where descriptor >= 0 { close(descriptor) }
      throw FixtureError("starting \(words[0]): \(String(cString: strerror(result)))")
    }
    return (pid, inputEnd, out.read, err.read)
  }

  private static func makePipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw FixtureError("pipe: \(lastError())") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// What it wrote so far to standard output.
  package var output: [UInt8] {
    pump(for: 0)
    return collectedOut
  }

  /// What it wrote so far to standard error.
  package var errors: [UInt8] {
    pump(for: 0)
    return collectedErr
  }

  package func write(_ text: String) {
    pendingInput += Array(text.utf8)
    pump(for: 0)
  }

  package func closeInput() {
    keepsInputOpen = false
    pump(for: 0)
  }

  package func signal(_ number: Int32) {
    if !hasEnded { kill(pid, number) }
  }

  /// Whether it has ended; never waits.
  package var hasEnded: Bool {
    if waitStatus != nil { return true }
    var status: Int32 = 0
    if waitpid(pid, &status, WNOHANG) == pid { waitStatus = status }
    return waitStatus != nil
  }

  /// Waits until standard output holds `text`; false if it ended or the time was over before.
  package func waitForOutput(_ text: String, timeout: Double = 60) -> Bool {
    let deadline = monotonicSeconds() + timeout
    while true {
      if contains(collectedOut, Array(text.utf8)) { return true }
      let ended = hasEnded
      pump(for: 10)
      if contains(collectedOut, Array(text.utf8)) { return true }
      if ended || monotonicSeconds() > deadline { return false }
    }
  }

  /// Waits for the end; kills it and its session when the time is over.
  package func wait(timeout: Double = 120) -> Outcome {
    let deadline = monotonicSeconds() + timeout
    var timedOut = false
    var pause: Int32 = 1
    while !hasEnded {
      if monotonicSeconds() > deadline, !timedOut {
        timedOut = true
        kill(-pid, SIGKILL)
        kill(pid, SIGKILL)
      }
      pump(for: pause)
      pause = min(pause * 2, 20)
    }
    // The pipes end with the process, unless somebody else holds them.
    let grace = monotonicSeconds() + 0.5
    while stdout >= 0 || stderr >= 0, monotonicSeconds() < grace { pump(for: 10) }
    let status = waitStatus ?? 0
    let signal: Int32? = status & 0x7F == 0 ? nil : status & 0x7F
    return Outcome(
      arguments: arguments, status: signal.map { 128 + $0 } ?? (status >> 8) & 0xFF, signal: signal,
      stdout: collectedOut,
      stderr: collectedErr, timedOut: timedOut, outputHeldOpen: stdout >= 0 || stderr >= 0)
  }

  /// Moves bytes for at most that many milliseconds, less if something came.
  private func pump(for milliseconds: Int32) {
    if input >= 0, pendingInput.isEmpty, !keepsInputOpen {
      close(input)
      input = -1
    }
    var polls: [pollfd] = []
    if stdout >= 0 { polls.append(pollfd(fd: stdout, events: Int16(POLLIN), revents: 0)) }
    if stderr >= 0 { polls.append(pollfd(fd: stderr, events: Int16(POLLIN), revents: 0)) }
    if input >= 0, !pendingInput.isEmpty { polls.append(pollfd(fd: input, events: Int16(POLLOUT), revents: 0)) }
    _ = poll(&polls, nfds_t(polls.count), milliseconds)
    stdout = drain(stdout, into: &collectedOut)
    stderr = drain(stderr, into: &collectedErr)
    if input >= 0, !pendingInput.isEmpty { feed() }
  }

  /// A program that closes its input must not end the test process.
  private static let ignorePipeSignal: Void = { _ = Glibc.signal(SIGPIPE, SIG_IGN) }()

  private func feed() {
    Self.ignorePipeSignal
    let count = pendingInput.withUnsafeBytes { Glibc.write(input, $0.baseAddress, min($0.count, 1 << 16)) }
    if count > 0 {
      pendingInput = pendingInput.dropFirst(count)
    } else if errno != EAGAIN {
      pendingInput = []
      keepsInputOpen = false
    }
  }

  /// Reads what is there; gives -1 in place of a descriptor that came to its end.
  private func drain(_ descriptor: Int32, into bytes: inout [UInt8]) -> Int32 {
    guard descriptor >= 0 else { return -1 }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count > 0 {
        bytes += buffer[..<count]
      } else if count < 0, errno == EAGAIN || errno == EINTR {
        return descriptor
      } else {
        close(descriptor)
        return -1
      }
    }
  }
}

/// Runs a program to its end.
package func run(
  _ arguments: [String], as identity: Identity = .caller, environment: [String: String] = [:], directory: String? = nil,
  input: [UInt8]? = nil, timeout: Double = 120
) throws -> Outcome {
  try ChildProcess(
    arguments, as: identity, environment: environment, directory: directory, input: input.map { .bytes($0) } ?? .null
  ).wait(timeout: timeout)
}

/// Runs a program that a fixture needs; anything but success is an error that says what it wrote.
@discardableResult
package func mustRun(
  _ arguments: [String], as identity: Identity = .caller, environment: [String: String] = [:], directory: String? = nil,
  input: [UInt8]? = nil, timeout: Double = 600
) throws -> Outcome {
  let outcome = try run(
    arguments, as: identity, environment: environment, directory: directory, input: input, timeout: timeout)
  guard outcome.succeeded else { throw FixtureError(outcome.description) }
  return outcome
}

/// Whether a program is on the PATH tests run with.
package func isInstalled(_ program: String) -> Bool {
  ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].contains {
    access("\($0)/\(program)", X_OK) == 0
  }
}

/// Whether `needle` is somewhere in `bytes`.
package func contains(_ bytes: [UInt8], _ needle: [UInt8]) -> Bool {
  guard let first = needle.first else { return true }
  return bytes.withUnsafeBytes { haystack in
    var start = 0
    while start + needle.count <= haystack.count, let base = haystack.baseAddress {
      let rest = haystack.count - needle.count - start + 1
      guard let hit = memchr(base + start, Int32(first), rest) else { return false }
      start = UnsafeRawPointer(hit) - base
      if memcmp(base + start, needle, needle.count) == 0 { return true }
      start += 1
    }
    return false
  }
}
