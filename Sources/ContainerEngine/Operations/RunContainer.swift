package import Basics
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

extension Engine {
  /// Makes a container, starts it and stays with it, unless `-d` was given.
  ///
  /// A container that cannot be started is removed again: nothing half-made is left.
  /// - Parameters:
  ///   - attach: nil with `-d`.
  ///   - observer: shows the pull of an image that is not there.
  ///   - warn: called with each warning before the program starts.
  package func runContainer(
    _ request: ContainerRequest, attach: AttachRequest?, observer: () -> any TransferObserver, warn: (String) -> Void
  ) throws(EngineError) -> RunOutcome {
    try provideImage(request, observer: observer)
    try replace(request)
    try startRequired(request.settings, doing: "starting \(request.name.map { safeText($0) } ?? "a container")")
    try beginNamespaces(request.settings, doing: "starting a container")
    let made = try makeContainer(request)
    for warning in made.warnings { warn(warning) }
    do throws(EngineError) {
      return try start(
        made.record, made.lock, attach: attach, strictLimits: request.strictLimits, preserved: request.preserved,
        warn: warn)
    } catch {
      made.lock.release()
      // The cause of the failure is what the user must see, not that the remains could not be removed as well.
      try? removeContainer(made.record.id, force: true, volumes: true)
      throw error
    }
  }

  /// Starts a container that was made before. One that runs already stays as it is.
  /// - Parameter attach: nil without `-a`.
  package func startContainer(
    _ name: String, attach: AttachRequest?, warn: (String) -> Void
  ) throws(EngineError) -> RunOutcome {
    let doing = "starting \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    // Before the lock is held, which every start takes for itself.
    if let record = try containers.record(id), try !containers.status(of: id).isRunning {
      try startRequired(record.settings, doing: doing)
    }
    let lock = HeldLock(try containers.lock(id, doing: doing))
    if try containers.status(of: id).isRunning {
      lock.release()
      guard let attach else { return .started(id: id) }
      return try attachToContainer(name, attach)
    }
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    try containers.forgetStopped(id)
    try beginNamespaces(record.settings, doing: doing)
    return try start(record, lock, attach: attach, strictLimits: false, warn: warn)
  }

  /// The user's namespace: that of the network process for a container that it is to serve.
  private func beginNamespaces(_ settings: ContainerSettings, doing: String) throws(EngineError) {
    if settings.usesBridges {
      _ = try networkProcess(joining: !settings.joinsNamespaces, doing: doing)
    } else if !settings.joinsNamespaces {
      try beginUserNamespace()
    }
  }

  /// Stops a container if it runs, and starts it.
  package func restartContainer(
    _ name: String, timeout: Int64?, signal: String?, warn: (String) -> Void
  ) throws(EngineError) {
    _ = try stopContainer(name, timeout: timeout, signal: signal)
    _ = try startContainer(name, attach: nil, warn: warn)
    note("restart", containerNamed: name)
  }

  /// Starts the program: here with the caller's streams, or in a monitor of its own with `-d`, with a terminal, which
  /// can be left, and with a restart policy, since the caller is told of the first end as in docker.
  private func start(
    _ record: ContainerRecord, _ lock: HeldLock, attach: AttachRequest?, strictLimits: Bool,
    preserved: PreservedDescriptors = PreservedDescriptors(), warn: (String) -> Void
  ) throws(EngineError) -> RunOutcome {
    let service = try ServiceStart(
      record.settings, preserved: preserved, inherited: &passedDescriptors, doing: "starting \(record.name)")
    // Here, and not in a monitor that has no standard error to say so on, when it takes long.
    try ContainerLayers(self, record, doing: "starting \(record.name)").prepare()
    // Keys that cannot be read are refused before anything runs.
    if let attach { _ = try detachKeys(attach) }
    let local = attach.map {
      LocalClient(stdin: $0.stdin, stdout: $0.stdout, stderr: $0.stderr, proxiesSignals: $0.proxiesSignals)
    }
    var start = ContainerStart(
      engine: self, record: record, lock: lock, strictLimits: strictLimits, service: service)
    start.terminalSize = WindowSize(of: STDIN_FILENO)
    // Whoever is not passed signals must survive them, as docker's container does: its monitor is another process.
    if var local, !record.settings.terminal, local.proxiesSignals, service.isHeard || !record.settings.hasFurtherRuns {
      // A service manager hears its main process only.
      if Shepherd.isNeeded, !service.isHeard {
        // As below.
        if !record.settings.joinsNamespaces { try enterUserNamespace() }
        local.shepherd = try Shepherd.start()
      }
      return try start.supervise(local: local, link: nil, warn: warn)
    }
    // The helpers that write the map are our children: they must be done before there is a second process.
    if !record.settings.joinsNamespaces { try enterUserNamespace() }
    let monitor = try MonitorProcess.detach(
      attach: local, warn: warn, forked: { if attach == nil { service.tell("MAINPID=\($0)") } }
    ) { (link) throws(EngineError) in
      if case .exited(let code) = try start.supervise(local: nil, link: link, warn: { link.warn($0) }) { return code }
      return 0
    }
    lock.release()
    if service.mode == .conmon { service.tell("READY=1") }
    guard let attach, let connection = monitor.takeConnection() else { return .started(id: record.id) }
    return try follow(connection, record, attach)
  }
}
