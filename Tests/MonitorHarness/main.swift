// A command line around the monitor, its clients and the log reader, with ordinary programs in place of containers:
// what the tests of Runtime run, in processes of one thread as the product has them.
//
//   monitor-harness run|start|start-attached [OPTION…] DIRECTORY PROGRAM [ARGUMENT…]
//   monitor-harness attach|wait|logs|exec|signals …
internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel
internal import Runtime

/// What the options say; each has a default that a container's has.
struct Harness {
  var options: [String: String] = [:]
  var operands: [String] = []

  init(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let word = rest.first, word.hasPrefix("--") {
      let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1)
      options[String(parts[0])] = parts.count > 1 ? String(parts[1]) : "true"
      rest.removeFirst()
    }
    operands = Array(rest)
  }

  func has(_ name: String) -> Bool { options[name] != nil }
  var directory: String { operands[0] }

  func plan(_ directory: borrowing OwnedDescriptor) throws -> MonitorPlan {
    var logOptions: [(String, String)] = []
    for name in ["max-size", "max-file"] { if let value = options[name] { logOptions.append((name, value)) } }
    let stdin: StdinPolicy = has("stdin") ? (has("stdin-open") ? .open : .once) : .closed
    return MonitorPlan(
      containerDirectory: directory.raw, runtimeDirectory: self.directory + "/run", hasTerminal: has("terminal"),
      stdin: stdin, log: try LogConfiguration(driver: options["log-driver"] ?? "json-file", options: logOptions))
  }

  /// Starts the program as the launcher does a container's: in a session of its own, on the pipes or a terminal.
  func launch(_ streams: (stdin: Int32, stdout: Int32, stderr: Int32)) throws -> LaunchedProcess {
    var (master, slave): (Int32, Int32) = (-1, -1)
    if has("terminal") {
      guard openpty(&master, &slave, nil, nil, nil) == 0 else { throw SystemError("openpty") }
      _ = fcntl(master, F_SETFD, FD_CLOEXEC)
      _ = fcntl(slave, F_SETFD, FD_CLOEXEC)
    }
    let words = Array(operands[1...])
    let pid = dhow_fork()
    if pid == 0 {
      setsid()
      let ends = has("terminal") ? [slave, slave, slave] : [streams.stdin, streams.stdout, streams.stderr]
      for (index, end) in ends.enumerated() { dup2(end, Int32(index)) }
      if has("terminal") { _ = ioctl(0, UInt(0x540E), 0) }  // TIOCSCTTY
      _ = dhow_unblock_all_signals()
      _ = dhow_close_range(3, .max)
      var argv = words.map { strdup($0) } + [nil]
      if let path = argv[0] { execvp(path, &argv) }
      _exit(127)
    }
    if slave >= 0 { close(slave) }
    guard let identity = ProcessIdentity(of: pid) else { throw SystemError("fork") }
    return LaunchedProcess(
      pid: pid, pidfd: OwnedDescriptor(owning: dhow_pidfd_open(pid)), startTime: identity.startTime, terminal: master)
  }

  /// The monitor's life from before the launch to the exit record.
  func monitor(local: LocalClient?, link: MonitorProcess.Link?) throws -> Int32 {
    let directory = try File.openDirectory(self.directory)
    let monitor = try Monitor(try plan(directory), local: local, client: link?.client)
    let process = try launch(monitor.childDescriptors)
    let state = "{\"pid\":\(process.pid),\"monitor\":\(getpid())}\n"
    let file = try File.open("\(self.directory)/run/state.json", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    try File.writeAll(file.raw, Array(state.utf8))
    link?.started()
    let status = try monitor.run(process) { status in
      // The test looks for this file; without it, it fails.
      guard let record = try? File.open("\(self.directory)/exit.json", O_WRONLY | O_CREAT, mode: 0o600) else { return }
      try? File.writeAll(record.raw, Array("{\"code\":\(status.code)}\n".utf8))
    }
    return monitor.outputFailure == nil ? status.code : 125
  }

  func attachOptions() throws -> AttachOptions {
    AttachOptions(
      stdin: has("stdin"), detachKeys: try options["detach-keys"].map { try DetachKeys(parsing: $0) } ?? .standard,
      proxiesSignals: !has("no-sig-proxy"))
  }

  func attach(_ connection: consuming OwnedDescriptor) throws -> Int32 {
    let state = try JSON(parsing: try File.readAll("\(directory)/run/state.json", limit: 4096))
    let pid = Int32(state["pid"]?.integerValue ?? 0)
    let outcome = try AttachClient.run(connection, try attachOptions()) { kill(pid, $0) }
    switch outcome {
    case .exited(let status), .unheard(let status, _): return status.code
    case .detached:
      say("detached\n")
      return 0
    case .readerGone: return 141
    case .interrupted(let signal): return 128 + signal
    case .lost: return 124
    case .dropped(let why):
      say("dropped: \(why)\n")
      return 123
    }
  }

  func say(_ text: String) { _ = text.withCString { write(2, $0, strlen($0)) } }

  func start(attached: Bool) throws -> Int32 {
    let attach = attached ? LocalClient(stdin: has("stdin")) : nil
    let started = try MonitorProcess.detach(attach: attach) { link throws(EngineError) in
      do { return try self.monitor(local: nil, link: link) } catch let error as EngineError { throw error } catch {
        throw EngineError(.internal, "starting", "\(error)")
      }
    }
    guard let connection = started.takeConnection() else { return 0 }
    return try self.attach(connection)
  }

  func connection() throws -> OwnedDescriptor? {
    guard let run = try? File.openDirectory("\(directory)/run") else { return nil }
    return try MonitorConnection.open(runtimeDirectory: run.raw)
  }

  func logs() throws -> Int32 {
    var wanted = LogOptions()
    wanted.follow = has("follow")
    wanted.timestamps = has("timestamps")
    wanted.details = has("details")
    wanted.tail = options["tail"].flatMap { Int($0) }
    wanted.since = options["since"].flatMap { Timestamp(rfc3339: $0) }
    wanted.until = options["until"].flatMap { Timestamp(rfc3339: $0) }
    let directory = try File.openDirectory(self.directory)
    try LogReader.copy(directory: directory.raw, wanted, running: wanted.follow ? try connection() : nil)
    return 0
  }

  func exec() throws -> Int32 {
    let streams = try ExecStreams(
      hasTerminal: has("terminal"), stdin: has("stdin"),
      detachKeys: try options["detach-keys"].map { try DetachKeys(parsing: $0) } ?? .standard)
    let outcome = try streams.run(try launch(streams.childDescriptors))
    if case .exited(let status) = outcome { return status.code }
    say("\(outcome)\n")
    return 0
  }

  func run(_ verb: String) throws -> Int32 {
    switch verb {
    case "run":
      var local = LocalClient(stdin: has("stdin"), proxiesSignals: !has("no-sig-proxy"))
      local.shepherd = Shepherd.isNeeded ? try Shepherd.start() : nil
      return try monitor(local: local, link: nil)
    case "start": return try start(attached: false)
    case "start-attached": return try start(attached: true)
    case "attach":
      guard let connection = try connection() else { return 122 }
      return try attach(connection)
    case "wait":
      guard let connection = try connection() else { return 122 }
      return try MonitorConnection.waitForExit(connection)?.code ?? 124
    case "logs": return try logs()
    case "exec": return try exec()
    default: return 64
    }
  }
}

// As the product's main does: a closed 0, 1 or 2 would be the number of the next descriptor opened.
for descriptor in 0...2 as ClosedRange<Int32> where fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
let words = CommandLine.arguments
let harness = Harness(words[2...])
do { exit(try harness.run(words[1])) } catch {
  harness.say("\(error)\n")
  exit(125)
}
