internal import Basics
internal import Glibc
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// The start of a container by a person: from its record to the end of its last run, in the process that monitors it.
struct ContainerStart {
  let engine: Engine
  let record: ContainerRecord
  let lock: HeldLock
  let strictLimits: Bool
  let service: ServiceStart
  /// Of the caller's terminal, so that the program's has it from the first moment.
  var terminalSize: WindowSize?

  private var doing: String { "starting \(record.name)" }
  private var settings: ContainerSettings { record.settings }

  /// Starts the program and stays until it has ended.
  /// - Parameters:
  ///   - local: the caller's own streams, when this is the process that the user started.
  ///   - link: to the process that the user started, when this is not.
  /// - Returns: how it ended for that process.
  func supervise(
    local: LocalClient?, link: MonitorProcess.Link?, warn: (String) -> Void
  ) throws(EngineError) -> RunOutcome {
    let home = try engine.containers.open(record.id)
    let networking = try ContainerNetworking.reserve(engine, record, hostname: hostname, doing: doing)
    do throws(EngineError) {
      return try supervise(networking, home: home.raw, local: local, link: link, warn: warn)
    } catch {
      networking?.release()
      throw error
    }
  }

  private func supervise(
    _ networking: ContainerNetworking?, home: Int32, local: LocalClient?, link: MonitorProcess.Link?,
    warn: (String) -> Void
  ) throws(EngineError) -> RunOutcome {
    let runDirectory = try makeRunDirectory(networking)
    let monitor = try Monitor(
      MonitorPlan(
        containerDirectory: home, runtimeDirectory: runDirectory, hasTerminal: settings.terminal,
        stdin: !settings.openStdin ? .closed : local?.stdin == true || link?.client?.input == true ? .once : .open,
        log: LogConfiguration(driver: settings.logDriver, options: settings.logOptions), stopSignal: stopSignal),
      local: local, client: link?.client)
    let watched = try WatchedContainer(
      self, monitor: monitor,
      runtime: RuntimeChoice(engine: engine, record: record, bundle: runDirectory, doing: doing),
      networking: networking)
    if service.relays {
      try during(doing) { try monitor.serve(NotificationRelay(service.manager, directory: runDirectory)) }
    }
    let process = try watched.startFirst(size: terminalSize, warn: warn)
    lock.release()
    link?.started()
    if link == nil, service.mode == .conmon { service.tell("READY=1") }
    let status = try monitor.run(process, keeper: watched.keeper) { status in watched.end(status) }
    return .ended(status.code, outputFailure: monitor.outputFailure)
  }

  /// The container's runtime directory with the files that are bound into its root.
  /// - Returns: its absolute path.
  private func makeRunDirectory(_ networking: ContainerNetworking?) throws(EngineError) -> String {
    // Opened before the user's namespace was begun, when owners could still be told apart.
    let run: Int32
    if let opened = try engine.directory.runRoot() { run = opened } else { run = try engine.directory.makeRunRoot() }
    let path = StatePath.Run.container(record.id)
    try during(doing) {
      try File.ensureDirectory(at: run, path)
      let directory = try File.openDirectory(at: run, path)
      try RuntimeFiles.write(
        settings, hostname: hostname, network: networking?.network, links: networking?.links ?? [],
        isRootless: engine.isRootless, at: directory.raw, doing: doing)
      try networking?.write(at: directory.raw)
    }
    return engine.directory.location.runRoot + "/" + path
  }

  private var hostname: String {
    RuntimeSpecBuilder.hostname(
      settings, id: record.id, host: HostFacts.current(isHostRoot: !engine.isRootless).hostname)
  }

  private var stopSignal: Int32 {
    (settings.stopSignal ?? record.defaults.stopSignal).flatMap(Signals.number) ?? SIGTERM
  }
}
