internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Work on one layer, done in a process of its own.
struct TransferTask {
  /// The place of its layer among the items that are shown.
  let index: Int
  /// Bytes to move: the largest first, since the last one to end decides how long all take.
  let weight: Int64
  /// Runs in the child; its result goes to the parent.
  let work: () throws -> JSON
}

/// Runs transfers, each in a child process with a connection of its own.
///
/// By processes and not by threads, for the reasons of `LayerWorkers`. A child dies with its parent, and the parent ends
/// all children when one fails or when the person has had enough (SIGINT, SIGTERM).
struct TransferWorkers {
  /// At most so many at once, as podman; docker has three.
  static let most = 4
  /// Milliseconds between two looks at the board.
  static let interval: Int32 = 100
  /// PR_SET_PDEATHSIG, linux/prctl.h.
  private static let setParentDeathSignal: Int32 = 1

  let doing: String
  /// Called every `interval`, and when a task has ended.
  let tick: () -> Void

  private struct Running {
    var pid: Int32
    var pipe: Int32
    var task: TransferTask
  }

  /// Runs all tasks.
  /// - Parameter ended: what came of a task; it may give a task to do in its place, or throw to end everything.
  func run(
    _ tasks: [TransferTask], ended: (TransferTask, Result<JSON, EngineError>) throws -> TransferTask?
  ) throws {
    var waiting = tasks.sorted { $0.weight < $1.weight }
    var running: [Running] = []
    let interruption = Interruption()
    defer {
      for worker in running { end(worker) }
      interruption.restore()
    }
    while !running.isEmpty || !waiting.isEmpty {
      while running.count < Self.most, let task = waiting.popLast() { running.append(try start(task)) }
      tick()
      if interruption.signal != 0 { throw Interrupted(signal: interruption.signal) }
      var polls = running.map { pollfd(fd: $0.pipe, events: Int16(POLLIN), revents: 0) }
      // Interrupted by a signal is as good as the end of the interval.
      guard poll(&polls, nfds_t(polls.count), Self.interval) > 0 else { continue }
      for index in polls.indices.reversed() where polls[index].revents != 0 {
        let worker = running.remove(at: index)
        let result = try answer(of: worker)
        if let next = try ended(worker.task, result) { waiting.append(next) }
      }
    }
    tick()
  }

  private func start(_ task: TransferTask) throws -> Running {
    let ends = try File.pipe()
    let parent = getpid()
    let pid: Int32
    do throws(SystemError) { pid = try Spawn.fork() } catch {
      close(ends.read)
      close(ends.write)
      throw error
    }
    if pid == 0 { work(on: task, parent: parent, reportingTo: ends.write) }
    close(ends.write)
    return Running(pid: pid, pipe: ends.read, task: task)
  }

  /// The child: ends without running anything of the parent's that was to be run at its end.
  private func work(on task: TransferTask, parent: Int32, reportingTo pipe: Int32) -> Never {
    _ = dhow_prctl(Self.setParentDeathSignal, UInt(SIGKILL), 0)
    if getppid() != parent { _exit(1) }
    // A terminal sends its signals to all processes; it is the parent who decides what comes of them.
    signal(SIGINT, SIG_IGN)
    signal(SIGTERM, SIG_DFL)
    let report: JSON
    do { report = ["done": try task.work()] } catch let error as EngineError { report = Self.json(of: error) } catch {
      report = Self.json(of: EngineError(.internal, doing, "\(error)"))
    }
    // A parent that is gone needs no answer.
    try? File.writeAll(pipe, report.bytes())
    _exit(0)
  }

  private static func json(of error: EngineError) -> JSON {
    [
      "kind": .string(error.kind.rawValue), "doing": .string(error.doing), "reason": .string(error.reason),
      "hint": error.hint.map(JSON.string) ?? .null,
    ]
  }

  private func answer(of worker: Running) throws -> Result<JSON, EngineError> {
    let pipe = OwnedDescriptor(owning: worker.pipe)
    let bytes = try File.readAll(pipe.raw, limit: 1 << 30, shown: "a worker's answer")
    let end = try Spawn.wait(worker.pid)
    guard case .exited(0) = end, !bytes.isEmpty else {
      return .failure(EngineError(.internal, doing, "a process that moved a layer ended before it was done"))
    }
    let answer = try JSON(parsing: bytes)
    if let done = answer["done"] { return .success(done) }
    let fields = try JSONFields(answer, "worker")
    let kind = EngineError.Kind(rawValue: try fields.string("kind")) ?? .internal
    return .failure(
      EngineError(
        kind, try fields.string("doing"), try fields.string("reason"), hint: try fields.optionalString("hint")))
  }

  private func end(_ worker: Running) {
    kill(worker.pid, SIGKILL)
    close(worker.pipe)
    // It is our child and was just killed: there is nothing else to do about a failure.
    _ = try? Spawn.wait(worker.pid)
  }
}

/// The person has had enough. Whoever catches it cleans up and ends the process by that signal.
struct Interrupted: Error {
  let signal: Int32

  /// Ends this process as the signal would have done, so that a shell sees what happened.
  func die() -> Never {
    Glibc.signal(signal, SIG_DFL)
    raise(signal)
    _exit(128 + signal)
  }
}

/// SIGINT and SIGTERM noted instead of obeyed for a while.
final class Interruption {
  nonisolated(unsafe) private static var seen: Int32 = 0
  private var before: [(number: Int32, action: sigaction)] = []

  init() {
    Self.seen = 0
    for number in [SIGINT, SIGTERM] {
      var old = sigaction()
      sigaction(number, nil, &old)
      // Ignored by whoever started us, as with nohup: it stays so.
      if unsafeBitCast(old.__sigaction_handler.sa_handler, to: Int.self) == 1 { continue }
      var new = sigaction()
      new.__sigaction_handler.sa_handler = { Interruption.seen = $0 }
      sigaction(number, &new, nil)
      before.append((number, old))
    }
  }

  /// The signal that came, or 0.
  var signal: Int32 { Self.seen }

  func restore() {
    for entry in before {
      var action = entry.action
      sigaction(entry.number, &action, nil)
    }
    before = []
  }
}
