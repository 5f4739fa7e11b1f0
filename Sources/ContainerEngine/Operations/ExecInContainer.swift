package import Basics
internal import Glibc
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

extension Engine {
  /// Runs a further program in a running container, with its namespaces, limits and filter.
  package func execInContainer(_ name: String, _ request: ExecRequest) throws(EngineError) -> RunOutcome {
    let doing = "executing in \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    let status = try containers.status(of: id)
    if case .running(let state) = status, state.phase == .restarting { throw Self.restarting(id, doing: doing) }
    guard case .running(let state) = status, let program = state.program,
      let record = try containers.record(id)
    else {
      throw EngineError(
        .wrongState, doing, "container \(Identifier.short(id)) is not running", hint: "dhow start \(safeText(name))")
    }
    guard state.phase != .paused else {
      throw EngineError(
        .wrongState, doing, "container \(Identifier.short(id)) is paused, unpause the container before exec")
    }
    var prepared = try ExecPreparation(engine: self, record: record, program: program, doing: doing).prepare(request)
    let execID = newID()
    let words = request.command.joined(separator: " ")
    EventLog(directory).append(
      event("exec_create: \(words)", record, [("execID", execID)]),
      event("exec_start: \(words)", record, [("execID", execID)]))
    prepared.options.cgroupProcs = enterableFiles(of: state, record)
    if request.detached { return try execDetached(id, request, prepared) }
    let outcome = try execAttached(record, request, prepared)
    switch outcome {
    case .exited(let code), .unheard(let code, _):
      note("exec_die", record, [("execID", execID), ("exitCode", "\(code)")])
    case .detached: note("exec_detach", record, [("execID", execID)])
    case .started: break
    }
    return outcome
  }

  /// Files to enter the container's cgroup by; none where that is out of reach, which is said when limits depend on it.
  private func enterableFiles(of state: ContainerState, _ record: ContainerRecord) -> [String] {
    let cgroup = CgroupPlacement(record: state.cgroup)
    if cgroup.isEnterable { return cgroup.entryFiles }
    if !record.settings.resources.isEmpty {
      warn(
        "the container's limits do not hold for this program: it runs in this session's cgroup, which is not delegated "
          + "to uid \(account.uid); `systemd-run --user --pty dhow exec …` is below the container's")
    }
    return []
  }

  private func execAttached(
    _ record: ContainerRecord, _ request: ExecRequest, _ prepared: ExecPreparation.Prepared
  ) throws(EngineError) -> RunOutcome {
    let keys = try request.detachKeys.map { (text) throws(EngineError) in try DetachKeys(parsing: text) } ?? .standard
    let streams = try ExecStreams(hasTerminal: request.terminal, stdin: request.stdin, detachKeys: keys)
    let descriptors = streams.childDescriptors
    let size = WindowSize(of: STDIN_FILENO)
    let process = try Launcher.join(
      prepared.process,
      stdio: request.terminal
        ? .terminal(columns: size?.columns ?? 0, rows: size?.rows ?? 0)
        : .descriptors(descriptors.stdin, descriptors.stdout, descriptors.stderr),
      options: prepared.options)
    switch try streams.run(process) {
    case .exited(let status): return .exited(status.code)
    case .unheard(let status, let code): return .unheard(status.code, errno: code)
    case .detached: return .detached
    case .readerGone: return .exited(128 + SIGPIPE)
    case .interrupted(let signal): return .exited(128 + signal)
    case .lost, .dropped:
      throw EngineError(.unavailable, "executing in \(record.name)", "the program's end was not seen")
    }
  }

  private func execDetached(
    _ id: String, _ request: ExecRequest, _ prepared: ExecPreparation.Prepared
  ) throws(EngineError) -> RunOutcome {
    let null = try during(prepared.options.doing) { try File.open("/dev/null", O_RDWR) }
    let process = try Launcher.join(
      prepared.process,
      stdio: request.terminal ? .terminal(columns: 0, rows: 0) : .descriptors(null.raw, null.raw, null.raw),
      options: prepared.options)
    if process.terminal >= 0 { ExecStreams.keepTerminal(process.terminal) }
    return .started(id: id)
  }
}

/// A request to execute turned into what the launcher joins with: the container's own rules, built anew from its record.
struct ExecPreparation {
  let engine: Engine
  let record: ContainerRecord
  let program: ProcessIdentity
  let doing: String

  struct Prepared {
    var process: RuntimeSpec.Process
    var options: JoinOptions
  }

  func prepare(_ request: ExecRequest) throws(EngineError) -> Prepared {
    var settings = record.settings
    settings.entrypoint = []
    settings.command = request.command
    settings.environment += request.environment
    settings.terminal = request.terminal
    if let user = request.user { settings.user = user }
    if let directory = request.workingDirectory { settings.workingDirectory = directory }
    if request.privileged { settings.privileged = true }
    settings.mounts = []
    let map = try engine.idMap()
    let idMap = try IDMapResolver.resolve(
      settings.userNamespace, outer: engine.isRootless ? map : nil, account: engine.account, doing: doing)
    let user = try resolveUser(settings, defaultUser: idMap.defaultUser)
    let joined = try JoinedNamespaces(engine: engine, settings: settings, doing: doing)
    var host = HostFacts.current(isHostRoot: !engine.isRootless)
    // In the container's user namespace, which is only joined later, the user's rights are complete.
    if engine.isRootless { host.capabilities = .all }
    let built = try RuntimeSpecBuilder.build(
      RuntimeSpecInput(
        id: record.id, settings: settings, image: record.defaults, user: user, idMap: idMap, joined: joined.paths,
        doing: doing), host: host)
    var types = built.spec.linux.namespaces.map(\.type)
    if engine.isRootless, !types.contains(.user) { types.append(.user) }
    var options = JoinOptions(doing: doing, container: NamespaceJoin(process: program, types: types))
    options.keepsGroups = idMap.setgroupsDenied || built.keepsGroups
    options.seccomp = try built.seccomp.program(
      bounding: built.spec.process.capabilities.bounding, doing: doing)
    options.filterAllowsLaunch = built.seccomp == .builtin
    options.hidesBinary = BinaryExposure.isWritable(with: map)
    // The program outlives us when we are left by the detach keys, as docker's does.
    options.deathSignal = 0
    if let umask = settings.umask { options.umask = umask }
    return Prepared(process: built.spec.process, options: options)
  }

  /// Users are looked up in the container's root as its programs see it now.
  private func resolveUser(_ settings: ContainerSettings, defaultUser: String?) throws(EngineError) -> ResolvedUser {
    let root = try during(doing) {
      try File.open("/proc/\(program.pid)/root", O_RDONLY | O_DIRECTORY, shown: "the container's root")
    }
    // Only now is it certain that the root was that of the process we mean.
    guard program.isAlive else {
      throw EngineError(.wrongState, doing, "container \(Identifier.short(record.id)) has just ended")
    }
    return try UserResolver.resolve(
      settings.user ?? defaultUser ?? record.defaults.user,
      groups: settings.groupsAdded.filter { $0 != "keep-groups" }, doing: doing
    ) { (path) throws(SystemError) in
      do throws(SystemError) {
        let found = try File.openInRoot(root.raw, path, 0o10000000, shown: path)  // O_PATH: nothing is opened yet
        guard try File.status(found.raw, shown: path).kind == .regular else {
          throw SystemError("open", path, errno: EINVAL)
        }
        return try File.open("/proc/self/fd/\(found.raw)", O_RDONLY | O_NOCTTY, shown: path)
      } catch {
        if error.errno == ENOENT { return nil }
        throw error
      }
    }
  }
}
