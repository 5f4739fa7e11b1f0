internal import Basics
internal import Dockerfile
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// One stage on its way: what its instructions made of the base so far.
final class StageBuild {
  enum State {
    /// Not begun: its base may be another stage.
    case waiting
    case ready
    /// A program of RUN is at work.
    case running(RunningStep)
    case done
  }

  let index: Int
  let stage: DockerfileStage
  unowned let builder: Builder
  var state = State.waiting
  /// Instructions with the base's ONBUILD triggers in front.
  private(set) var nodes: [InstructionNode] = []
  private var next = 0
  private(set) var scope: StageScope
  private(set) var config: ImageConfig
  private(set) var layers: [BuildLayer] = []
  private(set) var baseLayers = 0
  /// Files younger than this get this time, nanoseconds since the epoch.
  private(set) var latest: Int64 = 0
  private var setsCommand = false
  /// Of the steps shown, without those that only change the configuration.
  private var shown = 0
  private var nodeTitle = ""
  private let total: Int

  init(_ index: Int, _ stage: DockerfileStage, _ builder: Builder) {
    self.index = index
    self.stage = stage
    self.builder = builder
    scope = StageScope(environment: [], arguments: builder.arguments, escape: builder.dockerfile.directives.escape)
    config = ImageConfig(
      created: nil, platform: builder.platform, defaults: Self.scratchDefaults, diffIDs: [], history: [])
    total = stage.instructions.count { $0.instruction.isShown } + 1
  }

  /// What `FROM scratch` begins with, as BuildKit's empty image.
  private static let scratchDefaults = ContainerDefaults(
    environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], workingDirectory: "/")

  var name: String { stage.name ?? "stage-\(index)" }

  /// `builder 2/5`, as BuildKit shows it; the only stage has no name.
  private func title(_ text: String, _ number: Int) -> String {
    let digits = String(repeating: " ", count: String(total).count - String(number).count)
    let place = builder.isSingle && stage.name == nil ? "" : "\(name) "
    return "[\(place)\(digits)\(number)/\(total)] \(text)"
  }

  var shell: [String] { config.defaults.shell ?? CommandLine.defaultShell }
  var workingDirectory: String { config.defaults.workingDirectory.isEmpty ? "/" : config.defaults.workingDirectory }

  /// What steps are made on: the platform and the content below, whatever name it came by.
  var chainID: String {
    var stream = SHA256Stream()
    for layer in layers { stream.update(Array("\(layer.diffID)\n".utf8)) }
    return "\(config.platform) \(stream.hex)"
  }

  // The base

  /// - Throws: `BuildDiagnostic`, `EngineError`.
  func begin() throws {
    let origin = try builder.arguments.origin(of: stage, escape: builder.dockerfile.directives.escape)
    let title = "FROM \(origin.base)"
    let step = builder.begin(self.title(title, 1))
    shown = 1
    do {
      switch try builder.origin(ofBase: origin.base, platform: origin.platform, before: index, at: stage.range) {
      case .scratch: begin(with: BuildBase(config: config, layers: []), inheritsScope: nil)
      case .image(let base): begin(with: base, inheritsScope: nil)
      case .stage(let other):
        let parent = builder.stages[other]
        begin(with: BuildBase(config: parent.config, layers: parent.layers), inheritsScope: parent)
      case .root(let root):
        builder.end(step, .failed("a directory"))
        throw EngineError(
          .unsupported, "building", "\(root.name) is a directory of files: a stage cannot begin with it",
          hint: "begin with an image, and COPY --from=\(origin.base)")
      }
      if let error = try addTriggers() { throw error }
      builder.end(step, .done)
    } catch {
      builder.end(step, .failed(builder.words(error)))
      throw builder.located(error, stage.range)
    }
    state = .ready
  }

  private func begin(with base: BuildBase, inheritsScope parent: StageBuild?) {
    config = base.config
    layers = base.layers
    baseLayers = parent?.baseLayers ?? base.layers.count
    // Nobody's time but the base's: then the same files give the same layer whenever they are built.
    let usual = parent?.latest ?? (base.config.created?.nanoseconds ?? Builder.zipEpoch)
    latest = builder.settings.epoch?.nanoseconds ?? usual
    if let parent {
      scope = parent.scope
    } else {
      scope = StageScope(
        environment: config.defaults.environment, arguments: builder.arguments,
        escape: builder.dockerfile.directives.escape)
    }
    nodes = stage.instructions
  }

  private func addTriggers() throws -> (any Error)? {
    let triggers = config.defaults.onBuild
    config.defaults.onBuild = []
    guard !triggers.isEmpty else { return nil }
    var first: [InstructionNode] = []
    for text in triggers { first.append(try ParsedDockerfile.trigger(text, at: stage.range)) }
    nodes = first + nodes
    for node in first {
      for origin in node.instruction.origins {
        if let other = builder.dockerfile.stage(calledFor: origin, before: index) { try builder.need(other) }
      }
    }
    return nil
  }

  // Instructions

  var isDone: Bool { if case .done = state { true } else { false } }

  /// Stages that must be complete before this one can go on.
  func obstacles() throws -> [Int] {
    switch state {
    case .waiting:
      let origin = try builder.arguments.origin(of: stage, escape: builder.dockerfile.directives.escape)
      return [builder.stage(ofBase: origin.base, before: index)].compactMap { $0 }
    case .ready:
      guard next < nodes.count else { return [] }
      return nodes[next].instruction.origins.compactMap { builder.stage(calledFor: $0, before: index) }
    default: return []
    }
  }

  /// Does the next thing.
  /// - Throws: `BuildDiagnostic` or `EngineError`, with its place.
  func advance() throws {
    if case .waiting = state { return try begin() }
    guard next < nodes.count else {
      state = .done
      return
    }
    let node = nodes[next]
    next += 1
    do { try apply(node) } catch { throw builder.located(error, node.range) }
    if next == nodes.count, case .ready = state { state = .done }
  }

  private func apply(_ node: InstructionNode) throws {
    let expanded = try scope.expand(node)
    switch expanded.instruction {
    case .run(let run): return try apply(run, node)
    case .copy(let copy): return try self.copy(CopyRequest(copy), node)
    case .add(let add): return try self.copy(CopyRequest(add), node)
    case .workdir(let workdir): return try apply(workdir, node)
    default: try configure(expanded.instruction, node)
    }
  }

  /// Begins a step that is shown.
  func beginStep(_ node: InstructionNode) -> Int {
    shown += 1
    nodeTitle = node.text
    return builder.begin(title(node.text, min(shown, total)))
  }

  /// Instructions that only change the image's configuration.
  private func configure(_ instruction: Instruction, _ node: InstructionNode) throws {
    var text = node.keyword.uppercased() + node.text.dropFirst(node.keyword.count)
    switch instruction {
    case .env(let env):
      config.defaults.environment = scope.environment.entries
      text = "ENV " + env.assignments.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    case .label(let label):
      for pair in label.labels { setLabel(pair.key, pair.value) }
      text = "LABEL " + label.labels.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    case .maintainer(let maintainer): config.author = maintainer.author
    case .expose(let expose):
      config.defaults.exposedPorts = Array(Set(config.defaults.exposedPorts + expose.ports)).sorted()
      text = "EXPOSE " + expose.ports.map { "\($0)" }.joined(separator: " ")
    case .volume(let volume):
      for path in volume.paths where !config.defaults.volumes.contains(path) { config.defaults.volumes.append(path) }
      text = "VOLUME [\(volume.paths.joined(separator: " "))]"
    case .user(let user):
      config.defaults.user = user.user
      text = "USER \(user.user)"
    case .cmd(let cmd):
      config.defaults.command = cmd.command.arguments(shell: shell)
      setsCommand = true
      text = "CMD " + JSON(config.defaults.command ?? []).text()
    case .entrypoint(let entrypoint):
      config.defaults.entrypoint = entrypoint.command.arguments(shell: shell)
      // The base's CMD was meant for the base's entry point.
      if !setsCommand { config.defaults.command = nil }
      text = "ENTRYPOINT " + JSON(config.defaults.entrypoint ?? []).text()
    case .shell(let shell): config.defaults.shell = shell.shell
    case .stopSignal(let signal): config.defaults.stopSignal = signal.signal
    case .healthcheck(let check): config.defaults.healthcheck = check.healthcheck
    case .onbuild(let onbuild): config.defaults.onBuild.append(onbuild.trigger)
    case .arg(let arg):
      let words = arg.arguments.filter { !BuildArguments.proxies.contains($0.name) }.map { argument in
        argument.value.map { "\(argument.name)=\($0)" } ?? argument.name
      }
      text = "ARG " + words.joined(separator: " ")
    case .add, .copy, .run, .workdir: break
    }
    note(text, layer: nil)
  }

  private func setLabel(_ key: String, _ value: String) {
    config.defaults.labels.removeAll { $0.0 == key }
    config.defaults.labels.append((key, value))
  }

  /// Writes a step into the image's history; with a layer it is on top from now on.
  func note(_ text: String, layer: BuildLayer?) {
    if let layer { layers.append(layer) }
    config.history.append(History(created: nil, createdBy: text, emptyLayer: layer == nil))
  }

  // Steps with a layer

  /// Finds a step in the cache or does it.
  /// - Parameter make: makes the layer, nil for none.
  func cached(
    _ key: StepKey, _ node: InstructionNode, _ history: String, make: (Int) throws -> BuildLayer?
  ) throws {
    let step = beginStep(node)
    if let record = try recall(key) {
      note(history, layer: record.layer.map { BuildLayer(diffID: $0.diffID, blob: $0.blob) })
      return builder.end(step, .cached)
    }
    do {
      try builder.prepare(self)
      let layer = try make(step)
      try keep(key, layer, node)
      note(history, layer: layer)
      builder.end(step, .done)
    } catch {
      builder.end(step, .failed(builder.words(error)))
      throw error
    }
  }

  /// What the cache has for a key.
  func recall(_ key: StepKey) throws -> BuildStepRecord? {
    builder.explain(self, key, title: nodeTitle)
    if builder.settings.noCache || stage.name.map({ builder.settings.uncachedStages.contains($0) }) == true {
      return nil
    }
    if let made = builder.fresh[key.hex] { return made }
    guard let record = try builder.cache.step(key.hex) else { return nil }
    builder.explanation.noteCached()
    builder.cache.touch(key.hex)
    return record
  }

  func keep(_ key: StepKey, _ layer: BuildLayer?, _ node: InstructionNode) throws {
    let record = BuildStepRecord(
      layer: layer.map { .init(diffID: $0.diffID, blob: $0.blob) }, title: String(node.text.prefix(200)), created: .now)
    builder.fresh[key.hex] = record
    try builder.maker().keep(record, as: key.hex)
  }

  private func apply(_ workdir: WorkdirInstruction, _ node: InstructionNode) throws {
    let path = workdir.directory(below: workingDirectory)
    config.defaults.workingDirectory = path
    var key = StepKey("workdir", parent: chainID)
    key.add("path", path)
    key.add("user", config.defaults.user)
    key.add("latest", String(latest))
    try cached(key, node, "WORKDIR \(path)") { _ in
      let maker = try builder.maker()
      let doing = "making \(safeText(path))"
      let failure = ArchiveFailure(doing: doing)
      let bytes = Array(path.utf8)
      let found = try maker.withChain(layers) { chain, _ in try chain.resolve(bytes, failure: failure) }
      if let status = found.status {
        guard status.kind == .directory else {
          throw EngineError(.invalidInput, doing, "it is no directory in the image")
        }
        return nil
      }
      let owner = try owner(named: config.defaults.user, doing: doing)
      return try maker.layer(on: layers, doing: doing) { writer, chain in
        try addParents(of: found.path + Array("/x".utf8), to: writer, chain, owner: owner, failure)
      }
    }
  }

  /// Entries for the directories above a path: those that are there as they are, new ones for `owner`.
  func addParents(
    of path: [UInt8], to writer: TarWriter, _ chain: LowerChain, owner: (user: UInt32, group: UInt32),
    _ failure: ArchiveFailure, known: inout Set<[UInt8]>
  ) throws {
    for (index, byte) in path.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
      let directory = Array(path[..<index])
      guard known.insert(directory).inserted else { continue }
      if var entry = try chain.directoryEntry(directory, failure: failure) {
        entry.clamp(latest)
        try writer.add(entry)
      } else {
        try writer.add(
          TarEntry(
            .directory, directory, mode: 0o755, uid: Int64(owner.user), gid: Int64(owner.group),
            mtimeSeconds: latest / 1_000_000_000))
      }
    }
  }

  private func addParents(
    of path: [UInt8], to writer: TarWriter, _ chain: LowerChain, owner: (user: UInt32, group: UInt32),
    _ failure: ArchiveFailure
  ) throws {
    var known: Set<[UInt8]> = []
    try addParents(of: path, to: writer, chain, owner: owner, failure, known: &known)
  }
}

extension Instruction {
  /// Whether a step of its own is shown for it.
  var isShown: Bool {
    switch self {
    case .run, .copy, .add, .workdir: true
    default: false
    }
  }
}
