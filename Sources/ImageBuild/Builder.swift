package import Basics
package import Dockerfile
internal import Glibc
package import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
package import Storage

/// One build of one platform: the stages that the target needs, each going on as soon as what it stands on is there.
///
/// There is one thread. Programs of RUN are processes of their own and run side by side; all other work is done between
/// two looks at them.
package final class Builder {
  /// The time of files and images that have no other: the first that every archive format can say.
  package static let zipEpoch: Int64 = 315_532_800_000_000_000

  let settings: BuildSettings
  let dockerfile: ParsedDockerfile
  let context: BuildContext
  let host: BuildHost
  let observer: any BuildObserver
  package let arguments: BuildArguments
  let platform: Platform
  let cache: BuildCache
  private(set) var stages: [StageBuild] = []
  /// Indexes of the stages that the target needs.
  private(set) var needed: Set<Int> = []
  /// What BuildKit's checks found in them.
  package private(set) var findings: [BuildDiagnostic] = []
  private let target: Int
  /// Steps of this build that are not published yet.
  var fresh: [String: BuildStepRecord] = [:]
  private var openedMaker: LayerMaker?
  private var openedViews: RootViews?
  private var isPrepared = false
  private var roots: [String: SourceRoot] = [:]
  private var images: [String: BuildBase] = [:]
  private var steps: [Int: (title: String, began: Int64)] = [:]
  private var lastStep: Int

  /// - Parameter firstStep: number of the first step, for builds of several platforms.
  package init(
    _ dockerfile: ParsedDockerfile, _ settings: BuildSettings, context: BuildContext, host: BuildHost,
    observer: any BuildObserver, firstStep: Int = 1
  ) throws {
    self.dockerfile = dockerfile
    self.settings = settings
    self.context = context
    self.host = host
    self.observer = observer
    platform = settings.platform ?? .host
    cache = BuildCache(host.directory)
    lastStep = firstStep - 1
    if let name = settings.target {
      guard let index = dockerfile.stage(calledFor: name) else {
        throw EngineError(
          .notFound, "building", "target stage \"\(safeText(name))\" could not be found",
          hint: nearestStage(name, dockerfile).map { "did you mean \($0)?" })
      }
      target = index
    } else {
      target = dockerfile.stages.count - 1
    }
    var arguments = BuildArguments(
      given: settings.arguments, build: .host, target: platform, stage: dockerfile.stages[target].name ?? "")
    try arguments.declareGlobals(of: dockerfile)
    self.arguments = arguments
    for (index, stage) in dockerfile.stages.enumerated() { stages.append(StageBuild(index, stage, self)) }
    try need(target)
  }

  var isSingle: Bool { stages.count == 1 }

  /// Another build took the numbers in between.
  package func skipSteps(to next: Int) { lastStep = max(lastStep, next - 1) }

  /// The number after the last step that was shown.
  package var nextStep: Int { lastStep + 1 }

  /// Adds a stage and what it stands on.
  func need(_ index: Int) throws {
    guard needed.insert(index).inserted else { return }
    let stage = dockerfile.stages[index]
    let origin = try arguments.origin(of: stage, escape: dockerfile.directives.escape)
    if let base = self.stage(ofBase: origin.base, before: index) { try need(base) }
    for node in stage.instructions {
      for name in node.instruction.origins {
        if let other = self.stage(calledFor: name, before: index) { try need(other) }
      }
    }
  }

  /// The stage that a base names, unless a named context has that name.
  func stage(ofBase name: String, before index: Int) -> Int? {
    settings.contexts[name] == nil ? dockerfile.stage(named: name, before: index) : nil
  }

  func stage(calledFor name: String, before index: Int) -> Int? {
    settings.contexts[name] == nil ? dockerfile.stage(calledFor: name, before: index) : nil
  }

  func keep(_ findings: [BuildDiagnostic]) { self.findings = findings }

  // Where files come from

  enum Origin {
    case scratch
    case stage(Int)
    case image(BuildBase)
    case root(SourceRoot)
  }

  func origin(ofBase name: String, platform: Platform?, before index: Int, at range: SourceRange) throws -> Origin {
    if let context = settings.contexts[name] { return try origin(of: context, name: name) }
    if name == DockerfileStage.scratch { return .scratch }
    if let stage = dockerfile.stage(named: name, before: index) { return .stage(stage) }
    return .image(try image(name, platform))
  }

  /// What `--from` names: a stage, a named context or an image.
  func origin(calledFor name: String, before index: Int) throws -> Origin {
    if let context = settings.contexts[name] { return try origin(of: context, name: name) }
    if let stage = dockerfile.stage(calledFor: name, before: index) { return .stage(stage) }
    if name == DockerfileStage.scratch { return .scratch }
    return .image(try image(name, nil))
  }

  private func origin(of context: NamedContext, name: String) throws -> Origin {
    switch context {
    case .image(let image): return .image(try self.image(image, nil))
    case .directory(let path):
      if let known = roots[name] { return .root(known) }
      let doing = "opening the build context \(safeText(name))"
      return try during(doing) {
        let opened = try File.openDirectory(path, followLink: true)
        let ignored = try BuildContextFiles.ignored(in: opened.raw, dockerfile: nil)
        let root = try SourceRoot(
          opened, name: "the build context \(safeText(name))", isContext: true, ignored: ignored)
        roots[name] = root
        return .root(root)
      }
    }
  }

  private func image(_ name: String, _ platform: Platform?) throws -> BuildBase {
    let key = "\(platform ?? self.platform) \(name)"
    if let known = images[key] { return known }
    let step = begin("[internal] load metadata for \(safeText(name))")
    do {
      let base = try host.base(name, platform ?? settings.platform)
      images[key] = base
      end(step, .done)
      return base
    } catch {
      end(step, .failed(error.reason))
      throw error
    }
  }

  /// Finds all images first: registries are asked from outside of the user's namespace, which steps are made in.
  private func findImages() throws {
    for index in needed.sorted() {
      let stage = dockerfile.stages[index]
      do {
        let origin = try arguments.origin(of: stage, escape: dockerfile.directives.escape)
        _ = try self.origin(ofBase: origin.base, platform: origin.platform, before: index, at: stage.range)
      } catch { throw located(error, stage.range) }
      for node in stage.instructions {
        for name in node.instruction.origins {
          do { _ = try origin(calledFor: name, before: index) } catch { throw located(error, node.range) }
        }
      }
    }
  }

  /// The files of an origin, to be looked into; mounts them when they are layers.
  func root(_ origin: Origin, named name: String) throws -> SourceRoot {
    let layers: [BuildLayer]
    switch origin {
    case .root(let root): return root
    case .scratch: layers = []
    case .stage(let index): layers = stages[index].layers
    case .image(let base): layers = base.layers
    }
    let maker = try maker()
    try maker.pin(layers)
    let place = try views().view(maker.trees(layers))
    if let known = roots[place] { return known }
    let root = try during("opening \(safeText(name))") {
      try SourceRoot(try File.openDirectory(place), name: safeText(name), isContext: false)
    }
    roots[place] = root
    return root
  }

  // Made when the first step is not in the cache.

  /// What a stage needs before a step of it is done.
  func prepare(_ stage: StageBuild) throws {
    let maker = try maker()
    try maker.pin(stage.layers)
  }

  func maker() throws(EngineError) -> LayerMaker {
    if let openedMaker { return openedMaker }
    try host.prepare()
    let maker = try LayerMaker(host.directory, options: try host.layerOptions())
    openedMaker = maker
    return maker
  }

  func views() throws(EngineError) -> RootViews {
    if let openedViews { return openedViews }
    _ = try maker()
    let views = try RootViews(host.directory, isRootless: host.isRootless)
    openedViews = views
    return views
  }

  // What people see

  func begin(_ title: String) -> Int {
    lastStep += 1
    steps[lastStep] = (title, MonotonicClock.now)
    observer.begin(BuildStepInfo(id: lastStep, title: title))
    return lastStep
  }

  func end(_ id: Int, _ outcome: BuildStepOutcome) {
    guard let step = steps.removeValue(forKey: id) else { return }
    observer.end(id, outcome, nanoseconds: MonotonicClock.now - step.began)
  }

  func words(_ error: any Error) -> String {
    switch error {
    case let error as EngineError: error.reason
    case let error as BuildDiagnostic: error.message
    default: "\(error)"
    }
  }

  /// The error with the place of the instruction it happened in.
  func located(_ error: any Error, _ range: SourceRange) -> any Error {
    switch error {
    case let error as BuildDiagnostic: error.located(at: range)
    case let error as BuildFailure: error
    case let error as EngineError: BuildFailure(error: error, range: range)
    default: error
    }
  }

  /// For `--explain`; see `BuildExplanation`.
  func explain(_ stage: StageBuild, _ key: StepKey, title: String) { explanation.note(stage.name, title, key) }

  package let explanation = BuildExplanation()

  /// Names the builds that this one is compared with: of the same Dockerfile, context, target and platform.
  package var kinship: String {
    "explain-"
      + SHA256Stream.hex(
        Array("\(context.identity)\n\(dockerfile.source.name)\n\(target)\n\(platform)".utf8))
  }

  /// Keeps what the steps depended on, for the explanation of the next build.
  package func keepExplanation() throws(EngineError) {
    guard explanation.hasMisses else { return }
    try cache.note(explanation.text, as: kinship)
  }

  /// What the build before depended on, nil when there was none.
  package func explanationBefore() throws(EngineError) -> BuildExplanation? {
    try cache.fact(kinship).map { BuildExplanation(text: $0) }
  }

  /// The image's files as one tree, mounted for this process; an absolute path.
  package func tree(of result: BuildResult) throws(EngineError) -> String {
    let maker = try maker()
    try maker.pin(result.layers)
    return try views().view(maker.trees(result.layers))
  }

  /// A directory that is gone when the build is.
  package func scratch() throws(EngineError) -> String { try views().scratch("output", mode: 0o700) }

  package func layerOptions() throws(EngineError) -> LayerExtractor.Options { try host.layerOptions() }

  // The run

  /// Builds.
  /// - Parameter interrupted: the signal that a person sent meanwhile, or 0.
  /// - Throws: `BuildDiagnostic`, `BuildFailure`, `EngineError`, `BuildInterrupted`.
  package func run(interrupted: () -> Int32) throws -> BuildResult {
    defer { context.save() }
    do {
      try findImages()
      try check()
      while !stages[target].isDone {
        let signal = interrupted()
        if signal != 0 { throw BuildInterrupted(signal: signal) }
        if try !advanceAll() { try waitForPrograms(interrupted) }
      }
      // The others were only begun for the target's sake.
      stopPrograms()
    } catch {
      stopPrograms()
      // What was done is done: the next build need not do it again.
      try? openedMaker?.publish()
      throw error
    }
    try openedMaker?.publish()
    let stage = stages[target]
    return BuildResult(config: stage.config, layers: stage.layers, baseLayers: stage.baseLayers)
  }

  /// What keeps the content of a result until the image is in the index.
  package func ingest(for result: BuildResult) throws(EngineError) -> ContentIngest {
    let ingest: ContentIngest
    if let openedMaker { ingest = openedMaker.ingest } else { ingest = try ContentIngest(host.directory) }
    try ingest.pin(blobs: result.layers.map(\.blob.digest), layers: result.layers.map(\.diffID))
    return ingest
  }

  /// Lets every stage go on as far as it can; false when all wait for programs.
  private func advanceAll() throws -> Bool {
    var isMoving = false
    for index in needed.sorted() {
      let stage = stages[index]
      while true {
        guard case .waiting = stage.state else {
          guard case .ready = stage.state else { break }
          if try stage.obstacles().contains(where: { !stages[$0].isDone }) || isFull { break }
          try stage.advance()
          isMoving = true
          continue
        }
        if try stage.obstacles().contains(where: { !stages[$0].isDone }) { break }
        try stage.advance()
        isMoving = true
      }
    }
    return isMoving
  }

  private var programs: [(StageBuild, RunningStep)] {
    stages.compactMap { stage in if case .running(let step) = stage.state { (stage, step) } else { nil } }
  }

  private var isFull: Bool { settings.jobs.map { programs.count >= max($0, 1) } ?? false }

  private func waitForPrograms(_ interrupted: () -> Int32) throws {
    let programs = self.programs
    guard !programs.isEmpty else { throw EngineError(.internal, "building", "no stage can go on") }
    var polled: [pollfd] = []
    for (_, step) in programs {
      polled.append(pollfd(fd: step.output, events: Int16(POLLIN), revents: 0))
      polled.append(pollfd(fd: step.process.pidfd.raw, events: Int16(POLLIN), revents: 0))
    }
    let ready = poll(&polled, nfds_t(polled.count), 100)
    observer.tick()
    guard ready > 0 else { return }
    for (index, (stage, step)) in programs.enumerated() {
      if polled[2 * index].revents != 0 { step.readOutput(observer) }
      if polled[2 * index + 1].revents != 0 {
        step.readOutput(observer)
        try stage.finish(step)
      }
    }
  }

  private func stopPrograms() {
    for (stage, step) in programs {
      step.stop()
      end(step.id, .canceled)
      stage.state = .done
    }
  }
}

/// A failure of an instruction and where it stands.
package struct BuildFailure: Error, Sendable {
  package var error: EngineError
  package var range: SourceRange
}

/// A person has had enough.
package struct BuildInterrupted: Error, Sendable {
  package var signal: Int32
}

private func nearestStage(_ name: String, _ dockerfile: ParsedDockerfile) -> String? {
  nearest(to: name.lowercased(), among: dockerfile.stages.compactMap(\.name))
}
