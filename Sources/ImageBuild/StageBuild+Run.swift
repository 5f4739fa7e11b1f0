internal import Basics
internal import CLinux
internal import Dockerfile
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

extension StageBuild {
  /// What every program of a build believes its host is called, unless BUILDKIT_SANDBOX_HOSTNAME says otherwise.
  private static let hostname = "buildkitsandbox"
  private static let defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// Finds a RUN in the cache, or starts it.
  func apply(_ run: RunInstruction, _ node: InstructionNode) throws {
    guard run.devices.allSatisfy({ !$0.required }) else {
      throw EngineError(.unsupported, "running", "RUN --device needs CDI, which is not supported")
    }
    let program = run.program(shell: shell)
    let settings = try sandbox(run, program)
    var mounts = RunMounts(self, doing: "running \(safeText(String(node.text.prefix(60))))")
    var key = StepKey("run", parent: chainID)
    key.add("command", program.arguments)
    key.add("script", program.script.map { [$0.name, $0.content] } ?? [])
    key.add("env", scope.runEnvironment)
    key.environment = scope.runEnvironment
    key.add("user", config.defaults.user)
    key.add("workdir", workingDirectory)
    key.add("network", settings.network)
    key.add("security", run.security.rawValue)
    key.add("hostname", settings.hostname ?? "")
    key.add("hosts", settings.extraHosts)
    key.add("latest", String(latest))
    for mount in run.mounts { try mounts.describe(mount, to: &key) }
    let shown = scope.argumentEntries.filter { entry in
      !BuildArguments.proxies.contains(String(entry.prefix { $0 != "=" }))
    }
    let command = program.arguments.joined(separator: " ")
    let history = "RUN " + (shown.isEmpty ? command : "|\(shown.count) \(shown.joined(separator: " ")) \(command)")
    let step = beginStep(node)
    if let record = try recall(key) {
      note(history, layer: record.layer.map { BuildLayer(diffID: $0.diffID, blob: $0.blob) })
      return builder.end(step, .cached)
    }
    do {
      try builder.prepare(self)
      for mount in run.mounts { try mounts.add(mount) }
      if let script = program.script { try mounts.add(script: script.name, script.content) }
      state = .running(
        try start(settings, mounts, id: step, node: node, key: key, history: history))
    } catch {
      builder.end(step, .failed(builder.words(error)))
      throw error
    }
  }

  /// How the program is held; what may be refused is refused here.
  private func sandbox(_ run: RunInstruction, _ program: RunInstruction.Program) throws -> ContainerSettings {
    var settings = builder.settings.sandbox
    settings.command = program.arguments
    settings.entrypoint = []
    settings.environment = scope.runEnvironment
    settings.proxyEnvironment += builder.arguments.proxyEnvironment
    settings.user = config.defaults.user
    settings.workingDirectory = workingDirectory
    settings.autoRemove = true
    settings.hostname = builder.settings.arguments["BUILDKIT_SANDBOX_HOSTNAME"] ?? Self.hostname
    switch run.network {
    case .standard: break
    case .none: settings.network = "none"
    case .host:
      guard settings.network == "host" || builder.settings.allowed.contains("network.host") else {
        throw EngineError(
          .denied, "running", "RUN --network=host is not allowed", hint: "dhow build --allow network.host")
      }
      settings.network = "host"
    }
    if run.security == .insecure {
      guard builder.settings.allowed.contains("security.insecure") else {
        throw EngineError(
          .denied, "running", "RUN --security=insecure is not allowed", hint: "dhow build --allow security.insecure")
      }
      settings.privileged = true
    }
    return settings
  }

  private func start(
    _ settings: ContainerSettings, _ mounts: RunMounts, id: Int, node: InstructionNode, key: StepKey, history: String
  ) throws -> RunningStep {
    let doing = mounts.doing
    let maker = try builder.maker()
    let views = try builder.views()
    let home = try views.scratch("run")
    let files = try during(doing) { try File.openDirectory(home) }
    try builder.host.writeRuntimeFiles(settings, files.raw)
    var settings = settings
    settings.environment += mounts.environment
    let idMap = try builder.host.idMap()
    let user = try maker.withChain(layers) { _, trees in
      let root = try LayeredRoot(trees)
      return try UserResolver.resolve(config.defaults.user, doing: doing) { (path) throws(SystemError) in
        try root.openRegularFile(path)
      }
    }
    let draft = try maker.ingest.unknownLayer()
    let input = RuntimeSpecInput(
      id: newID(), settings: settings, image: ContainerDefaults(), user: user, idMap: idMap, mounts: mounts.resolved,
      hostnameFile: home + "/hostname", hostsFile: home + "/hosts", resolvConfFile: home + "/resolv.conf",
      doing: doing)
    var built = try RuntimeSpecBuilder.build(input, host: .current(isHostRoot: !builder.host.isRootless))
    built.spec.process.env.removeAll { $0.hasPrefix("HOSTNAME=") && !scope.runEnvironment.contains($0) }
    built.spec.root.path = try views.scratch("root")
    var options = LaunchOptions(
      doing: doing,
      rootFileSystem: .overlay(
        lower: try lower(maker, views), upper: "\(builder.host.directory.location.root)/\(draft.path)",
        work: try views.scratch("work", mode: 0o700), volatile: true),
      inUserNamespace: builder.host.isRootless)
    options.keepsGroups = idMap.setgroupsDenied
    options.hidesBinary = builder.host.hidesBinary()
    options.seccomp = try built.seccomp.program(
      bounding: built.spec.process.capabilities.bounding, doing: doing)
    for warning in built.warnings { builder.observer.warn(warning) }
    let cgroup = try cgroup(built.spec, settings, input.id, doing: doing)
    return try launch(
      built.spec, options, cgroup, draft, mounts, id: id, node: node, key: key, history: history)
  }

  /// An overlay needs something below.
  private func lower(_ maker: LayerMaker, _ views: RootViews) throws -> [String] {
    let trees = maker.trees(layers)
    return trees.isEmpty ? [try views.scratch("empty")] : trees
  }

  private func cgroup(
    _ spec: RuntimeSpec, _ settings: ContainerSettings, _ id: String, doing: String
  ) throws -> CgroupPlacement {
    // Without a limit nothing is to be counted: the program ends with its pid namespace.
    guard !settings.resources.isEmpty || settings.cgroupParent != nil else { return .none }
    let cgroup = try Cgroup.prepare(
      id: id, resources: spec.linux.resources, parent: settings.cgroupParent, isRoot: !builder.host.isRootless,
      doing: doing)
    if let warning = cgroup.warning { builder.observer.warn(warning) }
    return cgroup
  }

  private func launch(
    _ spec: RuntimeSpec, _ options: LaunchOptions, _ cgroup: CgroupPlacement, _ draft: LayerDraft, _ mounts: RunMounts,
    id: Int, node: InstructionNode, key: StepKey, history: String
  ) throws -> RunningStep {
    var options = options
    options.cgroupProcs = cgroup.procsFiles
    options.cgroupView = cgroup.view
    let pipe = try File.pipe()
    do {
      let null = try File.open("/dev/null", O_RDONLY)
      let directory = try cgroup.open()
      if let directory { options.cgroup = directory.raw }
      // The child shares our memory until it executes, and one that becomes another user makes it undumpable: then
      // nobody could write the maps of the next one (prctl(2) PR_SET_DUMPABLE).
      _ = dhow_prctl(4, 1, 0)
      let process = try Launcher.launch(
        spec, stdio: .descriptors(null.raw, pipe.write, pipe.write), options: options)
      close(pipe.write)
      return RunningStep(
        id: id, node: node, key: key, history: history, process: process, output: pipe.read, draft: draft,
        stubs: mounts.stubs, cgroup: cgroup, held: mounts.held)
    } catch {
      close(pipe.write)
      close(pipe.read)
      cgroup.remove()
      throw error
    }
  }

  /// Makes a layer of what a program left, or says how it failed.
  func finish(_ step: RunningStep) throws {
    state = .ready
    do {
      let end = try during("running") { try step.end() }
      if cgroupRanOut(step) {
        throw EngineError(.limitReached, "running", "the program was ended for want of memory", hint: "raise --memory")
      }
      guard end == .exited(0) else {
        let command = String(step.history.dropFirst(4).prefix(2000))
        let how =
          switch end {
          case .exited(let code): "exit code: \(code)"
          case .signaled(let signal): "signal: \(signal)"
          }
        throw EngineError(
          .invalidInput, "running", "process \"\(safeText(command))\" did not complete successfully: \(how)")
      }
      let layer = try builder.maker().layer(
        from: step.draft, on: layers, stubs: step.stubs, latest: latest, doing: "keeping what RUN changed")
      try keep(step.key, layer, step.node)
      note(step.history, layer: layer)
      builder.end(step.id, .done)
    } catch {
      builder.end(step.id, .failed(builder.words(error)))
      throw builder.located(error, step.node.range)
    }
  }

  private func cgroupRanOut(_ step: RunningStep) -> Bool { step.cgroup.wasOutOfMemory }
}
