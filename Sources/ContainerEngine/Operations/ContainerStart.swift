internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Networking
internal import OCI
internal import Runtime
internal import Storage

/// One start of a container: from its record to the end of its program, in the process that monitors it.
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
    let containers = engine.containers
    let home = try containers.open(record.id)
    let runDirectory = try makeRunDirectory()
    let monitor = try Monitor(
      MonitorPlan(
        containerDirectory: home.raw, runtimeDirectory: runDirectory, hasTerminal: settings.terminal,
        stdin: !settings.openStdin ? .closed : local?.stdin == true || link?.client?.input == true ? .once : .open,
        log: LogConfiguration(driver: settings.logDriver, options: settings.logOptions), stopSignal: stopSignal),
      local: local, client: link?.client)
    let streams = monitor.childDescriptors
    if service.relays {
      try during(doing) { try monitor.serve(NotificationRelay(service.manager, directory: runDirectory)) }
    }
    let prepared = try prepare()
    for warning in prepared.warnings { warn(warning) }
    try during(doing) { try faultPoint("start.prepared") }
    let stdio: LaunchStdio =
      settings.terminal
      ? .terminal(columns: terminalSize?.columns ?? 0, rows: terminalSize?.rows ?? 0)
      : .descriptors(streams.stdin, streams.stdout, streams.stderr)
    let runtime = try RuntimeChoice(engine: engine, record: record, bundle: runDirectory, doing: doing)
    let cgroup = try prepareCgroup(prepared.spec, runtime, warn: warn)
    let process = try launch(prepared, stdio, cgroup, runtime)
    if settings.joinsNamespaces { try engine.enterUserNamespace() }
    let startedAt = Timestamp.now
    let program = ProcessIdentity(pid: process.pid, startTime: process.startTime)
    try during(doing) { try faultPoint("start.launched") }
    try recordStart(program, startedAt, cgroup)
    engine.note("start", record)
    try during(doing) { try faultPoint("start.recorded") }
    lock.release()
    link?.started()
    if link == nil, service.mode == .conmon { service.tell("READY=1") }
    let status = try monitor.run(process) { status in end(status, startedAt, cgroup, runtime) }
    return .ended(status.code, outputFailure: monitor.outputFailure)
  }

  /// Prepares the launch and enters the user's namespace, in this order where that can be, so that the one goes on
  /// beside the helpers that write the namespace's map.
  private func prepare() throws(EngineError) -> LaunchPreparation.Prepared {
    let preparation = LaunchPreparation(engine: engine, record: record, service: service, doing: doing)
    guard !settings.joinsNamespaces else { return try preparation.prepare() }
    // Files and mounts may be such as only the namespace's root can reach: what fails before is tried again after.
    let early = settings.mounts.isEmpty ? try? preparation.prepare() : nil
    try engine.enterUserNamespace()
    if let early { return early }
    return try preparation.prepare()
  }

  /// The container's cgroup with its limits. A limit that cannot be applied is said, or ends the start with
  /// `--strict-limits`.
  private func prepareCgroup(
    _ spec: RuntimeSpec, _ runtime: RuntimeChoice, warn: (String) -> Void
  ) throws(EngineError) -> CgroupPlacement {
    // Another runtime makes root's cgroups of version 1 itself.
    if runtime.external != nil, !engine.isRootless, !Cgroup.isUnified { return .none }
    // What a monitor left that was killed.
    if let old = try engine.containers.state(record.id)?.cgroup { CgroupPlacement(record: old).remove() }
    let cgroup = try Cgroup.prepare(
      id: record.id, resources: spec.linux.resources, mode: Cgroup.Mode(rawValue: settings.cgroups) ?? .enabled,
      parent: settings.cgroupParent, isRoot: !engine.isRootless, doing: doing)
    guard let warning = cgroup.warning else { return cgroup }
    if strictLimits {
      cgroup.remove()
      throw EngineError(.unsupported, doing, warning, hint: "without --strict-limits this is a warning")
    }
    warn(warning)
    return cgroup
  }

  private func launch(
    _ prepared: LaunchPreparation.Prepared, _ stdio: LaunchStdio, _ cgroup: CgroupPlacement, _ runtime: RuntimeChoice
  ) throws(EngineError) -> LaunchedProcess {
    var options = prepared.options
    options.cgroupProcs = cgroup.procsFiles
    options.cgroupView = cgroup.view
    do throws(EngineError) {
      guard let directory = try during(doing, { try cgroup.open() }) else {
        return try runtime.launch(
          prepared, stdio: stdio, options: options, cgroup: cgroup, isRoot: !engine.isRootless)
      }
      options.cgroup = directory.raw
      return try runtime.launch(prepared, stdio: stdio, options: options, cgroup: cgroup, isRoot: !engine.isRootless)
    } catch {
      cgroup.remove()
      throw error
    }
  }

  /// The container's runtime directory with the files that are bound into its root.
  /// - Returns: its absolute path.
  private func makeRunDirectory() throws(EngineError) -> String {
    // Opened before the user's namespace was begun, when owners could still be told apart.
    let run: Int32
    if let opened = try engine.directory.runRoot() { run = opened } else { run = try engine.directory.makeRunRoot() }
    let path = StatePath.Run.container(record.id)
    try during(doing) {
      try File.ensureDirectory(at: run, path)
      let directory = try File.openDirectory(at: run, path)
      try RuntimeFiles.write(settings, hostname: hostname, at: directory.raw, doing: doing)
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

  private func recordStart(
    _ program: ProcessIdentity, _ startedAt: Timestamp, _ cgroup: CgroupPlacement
  ) throws(EngineError) {
    guard let monitor = ProcessIdentity.current else {
      throw EngineError(.internal, doing, "/proc does not show this process")
    }
    let bootID = try engine.directory.bootID()
    try engine.containers.write(
      ContainerState(
        bootID: bootID, monitor: monitor, program: program, phase: .running, startedAt: startedAt,
        cgroup: cgroup.record),
      of: record.id)
    try engine.containers.write(
      StartRecord(bootID: bootID, monitor: monitor, program: program, startedAt: startedAt), of: record.id,
      durable: false)
    if let path = settings.pidFile {
      try during("writing \(safeText(path))") {
        let file = try File.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try File.writeAll(file.raw, Array("\(program.pid)".utf8), shown: path)
      }
    }
  }

  /// Writes how the program ended, or removes the container that is to remove itself. There is nobody left to tell of a
  /// failure; what stays undone is seen by the next command and swept.
  private func end(_ status: ExitStatus, _ startedAt: Timestamp, _ cgroup: CgroupPlacement, _ runtime: RuntimeChoice) {
    let containers = engine.containers
    let oomKilled = cgroup.wasOutOfMemory
    runtime.end()
    cgroup.remove()
    do throws(EngineError) {
      try during(doing) { try faultPoint("monitor.ended") }
      if oomKilled { engine.note("oom", record) }
      engine.note("die", record, [("exitCode", "\(status.code)")])
      if settings.autoRemove {
        let lock = try containers.lock(record.id, doing: "removing \(record.name)")
        let name = try containers.record(record.id)?.name
        let remains = try containers.remove(record.id, name: name)
        _ = consume lock
        engine.note("destroy", record)
        if let remains { try Trash(engine.directory).remove(remains) }
        return
      }
      try containers.write(
        ExitRecord(code: status.code, oomKilled: oomKilled, startedAt: startedAt, finishedAt: status.finishedAt),
        of: record.id,
        durable: true)
      try containers.removeState(of: record.id)
    } catch { Log.note("\(error.doing): \(error.reason)") }
  }
}
