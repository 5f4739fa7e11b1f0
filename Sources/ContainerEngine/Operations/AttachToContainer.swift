package import Basics
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

extension Engine {
  /// Connects the caller's streams with a running container's.
  package func attachToContainer(_ name: String, _ request: AttachRequest) throws(EngineError) -> RunOutcome {
    let doing = "attaching to \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    guard let record = try containers.record(id), case .running(let state) = try containers.status(of: id) else {
      throw EngineError(
        .wrongState, doing, "You cannot attach to a stopped container, start it first",
        hint: "dhow start -a \(safeText(name))")
    }
    guard state.phase != .paused else {
      throw EngineError(.wrongState, doing, "You cannot attach to a paused container, unpause it first")
    }
    guard state.phase != .restarting else {
      throw EngineError(.wrongState, doing, "You cannot attach to a restarting container, wait until it is running")
    }
    guard let connection = try connection(to: id) else {
      throw EngineError(.wrongState, doing, "its monitor does not answer")
    }
    note("attach", record)
    return try follow(connection, record, request, redraws: true)
  }

  /// Passes everything on between the caller and the container until one of them leaves.
  func follow(
    _ connection: consuming OwnedDescriptor, _ record: ContainerRecord, _ request: AttachRequest, redraws: Bool = false
  ) throws(EngineError) -> RunOutcome {
    let options = AttachOptions(
      stdin: request.stdin, stdout: request.stdout, stderr: request.stderr, detachKeys: try detachKeys(request),
      proxiesSignals: request.proxiesSignals, redraws: redraws)
    let outcome = try AttachClient.run(connection, options) { [self] signal in
      // A container that has just ended needs no signal.
      guard case .running(let state)? = try? containers.status(of: record.id) else { return }
      _ = try? state.program?.signal(signal)
    }
    switch outcome {
    case .exited(let status): return .exited(status.code)
    case .unheard(let status, let code): return .unheard(status.code, errno: code)
    case .detached:
      note("detach", record)
      return .detached
    case .readerGone: return .exited(128 + SIGPIPE)
    case .interrupted(let signal): return .exited(128 + signal)
    case .lost: return .exited(try recordedEnd(of: record.id, doing: "attaching to \(record.name)"))
    case .dropped(let reason):
      throw EngineError(.unavailable, "attaching to \(record.name)", safeText(reason))
    }
  }

  /// The keys of `--detach-keys`, or docker's.
  func detachKeys(_ request: AttachRequest) throws(EngineError) -> DetachKeys {
    guard let text = request.detachKeys else { return .standard }
    return try DetachKeys(parsing: text)
  }

  /// A connection to the container's monitor, nil when none listens.
  func connection(to id: String) throws(EngineError) -> OwnedDescriptor? {
    guard let run = try directory.runRoot() else { return nil }
    let runtime: OwnedDescriptor
    do throws(SystemError) { runtime = try File.openDirectory(at: run, StatePath.Run.container(id)) } catch {
      if error.errno == ENOENT { return nil }
      throw error.engineError("reaching the monitor of container \(Identifier.short(id))")
    }
    return try MonitorConnection.open(runtimeDirectory: runtime.raw)
  }

  /// The exit code that the record tells when nobody told it to us.
  func recordedEnd(of id: String, doing: String) throws(EngineError) -> Int32 {
    switch try containers.status(of: id) {
    case .exited(let exit): return exit.code
    case .lost:
      throw EngineError(
        .unavailable, doing, "the container's monitor was killed, so its exit code is not known")
    case .created, .running:
      throw EngineError(.unavailable, doing, "the container's monitor went away without a word")
    }
  }
}
