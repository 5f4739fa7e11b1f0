package import Basics
internal import Dockerfile
internal import Glibc
package import ImageBuild
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

extension Engine {
  /// Builds an image from a Dockerfile and gives it its names.
  /// - Parameters:
  ///   - observer: is told the steps.
  ///   - transfers: shows the pull of a base image that is not there.
  /// - Returns: one image for each platform.
  package func buildImage(
    _ request: BuildRequest, observer: any BuildObserver, transfers: @escaping () -> any TransferObserver
  ) throws(EngineError) -> [BuiltImage] {
    let doing = "building"
    let interruption = Interruption()
    defer { interruption.restore() }
    do {
      let references = try request.tags.map { (tag) throws -> Reference in
        let reference = try Reference(parsing: tag).withDefaultTag
        guard reference.digest == nil else {
          throw EngineError(.invalidInput, doing, "an image is not named by a digest: \(safeText(tag))")
        }
        return reference
      }
      let input = try BuildInput(request, self, doing: doing)
      var images: [BuiltImage] = []
      var firstStep = 1
      let platforms: [Platform?] = request.platforms.isEmpty ? [nil] : request.platforms
      for platform in platforms {
        var settings = request.settings
        settings.platform = platform
        do {
          let builder = try Builder(
            input.dockerfile, settings, context: input.context, host: buildHost(request, transfers: transfers),
            observer: observer, firstStep: firstStep)
          for name in builder.arguments.unused(by: input.dockerfile) {
            observer.warn("[Warning] One or more build-args [\(safeText(name))] were not consumed")
          }
          let before = request.explains ? try builder.explanationBefore() : nil
          let result = try builder.run { interruption.signal }
          if request.explains {
            for line in builder.explanation.reasons(since: before) { observer.warn(line) }
          }
          // Without it only the next explanation is worse.
          try? builder.keepExplanation()
          // What cannot be pruned now is tried again after the next build.
          if builder.explanation.hasMisses { try? keepBuildBudget() }
          if request.verifies {
            try verify(result, builder, input, settings, request, observer, transfers, interruption)
          }
          firstStep = builder.nextStep
          images.append(try finish(result, builder, request, references, observer, doing: doing))
          firstStep += 1
          if !request.isQuiet { showFindings(builder.findings, observer) }
        } catch {
          throw located(error, input.dockerfile.source, observer, doing: doing)
        }
      }
      return images
    } catch let mistake as LocatedDiagnostic {
      return try during(doing) { throw located(mistake.diagnostic, mistake.source, observer, doing: doing) }
    } catch let interrupted as BuildInterrupted {
      interruption.restore()
      Interrupted(signal: interrupted.signal).die()
    } catch {
      return try during(doing) { throw error }
    }
  }

  private func showFindings(_ findings: [BuildDiagnostic], _ observer: any BuildObserver) {
    guard !findings.isEmpty else { return }
    observer.warn(" \(findings.count) warning\(findings.count == 1 ? "" : "s") found (dhow build --check shows them):")
    for finding in findings {
      let rule = finding.rule.map { $0.name + ": " } ?? ""
      observer.warn(" - \(rule)\(finding.message)" + (finding.range.map { " (line \($0.first))" } ?? ""))
    }
  }

  /// Builds once more without the cache and compares.
  private func verify(
    _ first: BuildResult, _ builder: Builder, _ input: BuildInput, _ settings: BuildSettings,
    _ request: BuildRequest, _ observer: any BuildObserver, _ transfers: @escaping () -> any TransferObserver,
    _ interruption: Interruption
  ) throws {
    var settings = settings
    settings.noCache = true
    let again = try Builder(
      input.dockerfile, settings, context: input.context, host: buildHost(request, transfers: transfers),
      observer: observer, firstStep: builder.nextStep)
    let second = try again.run { interruption.signal }
    builder.skipSteps(to: again.nextStep)
    for (index, pair) in zip(first.layers, second.layers).enumerated() where pair.0.diffID != pair.1.diffID {
      let file = try firstDifference(pair.0.diffID, pair.1.diffID)
      let steps = first.config.history.filter { !$0.emptyLayer }
      let step = index < steps.count ? steps[index].createdBy : "layer \(index + 1)"
      throw EngineError(
        .invalidInput, "verifying the build", "\(file) is different each time, of the step: \(safeText(step))",
        hint: "let it write neither times nor random values, or remove the file in the same step")
    }
    observer.warn("verified: a second build without the cache gives the same layers")
  }

  /// The first path, by name, in which two layers differ.
  private func firstDifference(_ first: Digest, _ second: Digest) throws -> String {
    func digests(_ layer: Digest) throws -> [(path: [UInt8], hash: [UInt8])] {
      let tree = try LayerStore(directory).openTree(layer)
      var list: [(path: [UInt8], hash: [UInt8])] = []
      var stream = SHA256Stream()
      try TreeDigest.add(
        ArchivedSource(directory: tree.raw, path: [], name: []), to: &stream, rules: ArchiveRules(), hashes: nil,
        failure: ArchiveFailure(doing: "comparing layers")
      ) { list.append(($0, $1)) }
      return list
    }
    let (one, other) = (try digests(first), try digests(second))
    for (a, b) in zip(one, other) where a.path != b.path || a.hash != b.hash {
      let path = a.path.lexicographicallyPrecedes(b.path) || a.path == b.path ? a.path : b.path
      return "/" + safeText(String(decoding: path, as: UTF8.self))
    }
    guard one.count == other.count else {
      let longer = one.count > other.count ? one : other
      return "/" + safeText(String(decoding: longer[min(one.count, other.count)].path, as: UTF8.self))
    }
    return "a time of a file"
  }

  /// Shows the place of a failure in the Dockerfile and answers the failure for people.
  func located(
    _ error: any Error, _ source: DockerfileSource, _ observer: any BuildObserver, doing: String
  ) -> any Error {
    let diagnostic: BuildDiagnostic
    var kind = EngineError.Kind.invalidInput
    switch error {
    case let error as BuildDiagnostic: diagnostic = error
    case let error as BuildFailure:
      diagnostic = BuildDiagnostic(error.error.reason, at: error.range, hint: error.error.hint)
      kind = error.error.kind
    default: return error
    }
    for line in diagnostic.excerpt(in: source) { observer.warn(line) }
    let place = diagnostic.range.map { "building \(safeText(source.name)):\($0.first)" } ?? doing
    return EngineError(kind, place, diagnostic.message, hint: diagnostic.hint)
  }

  private func buildHost(
    _ request: BuildRequest, transfers: @escaping () -> any TransferObserver
  ) -> BuildHost {
    BuildHost(
      directory: directory, isRootless: isRootless,
      prepare: { () throws(EngineError) in try self.prepareForLayers() },
      idMap: { () throws(EngineError) in
        var map = try IDMapResolver.resolve(
          "", outer: self.isRootless ? try self.idMap() : nil, account: self.account, doing: "building")
        for warning in map.warnings { self.tellOnce(warning) }
        map.warnings = []
        return map
      },
      hidesBinary: { self.isBinaryExposed },
      layerOptions: { () throws(EngineError) in try self.layerOptions() },
      base: { (name, platform) throws(EngineError) in
        try self.buildBase(name, platform, request, transfers: transfers)
      },
      writeRuntimeFiles: { (settings, directory) throws(EngineError) in
        try RuntimeFiles.write(
          settings, hostname: settings.hostname ?? "", network: nil, links: [], isRootless: self.isRootless,
          at: directory, doing: "building")
      },
      fetch: { (url, directory) throws(EngineError) in try self.fetchForBuild(url, into: directory) })
  }

  /// An image of the store, pulled first when it is not there.
  private func buildBase(
    _ name: String, _ platform: Platform?, _ request: BuildRequest, transfers: () -> any TransferObserver
  ) throws(EngineError) -> BuildBase {
    var settings = request.settings.sandbox
    settings.platform = platform?.description
    var wanted = ContainerRequest(image: name, settings: settings)
    wanted.pull = request.pull
    wanted.access = request.access
    try provideImage(wanted, observer: transfers)
    let image = try images.find(name, platform: platform, doing: "building").image
    let manifest = try images.manifest(of: image)
    let config = try images.config(of: image)
    return try during("building") {
      try config.check(against: manifest)
      return BuildBase(
        config: config,
        layers: zip(config.diffIDs, manifest.layers).map { BuildLayer(diffID: $0, blob: $1.asOCILayer) })
    }
  }

  // The image

  private func finish(
    _ result: BuildResult, _ builder: Builder, _ request: BuildRequest, _ references: [Reference],
    _ observer: any BuildObserver, doing: String
  ) throws -> BuiltImage {
    let step = builder.nextStep
    let began = MonotonicClock.now
    observer.begin(BuildStepInfo(id: step, title: "exporting to image"))
    let config = assemble(result, request)
    let bytes = config.json.bytes()
    // What is written must be readable: parts of it came from a person.
    _ = try ImageConfig(parsing: bytes)
    let id = SHA256Stream.digest(bytes)
    let manifest = ImageManifest(
      config: Descriptor(mediaType: .ociConfig, digest: id, size: Int64(bytes.count)),
      layers: result.layers.map(\.blob),
      annotations: request.annotations)
    let manifestBytes = manifest.json.bytes()
    let digest = SHA256Stream.digest(manifestBytes)
    let descriptor = Descriptor(
      mediaType: .ociManifest, digest: digest, size: Int64(manifestBytes.count), platform: config.platform)
    // Built before, and nothing has changed: then nothing is written.
    let there = try images.list().first { $0.manifest.digest == digest }
    if there.map({ image in references.allSatisfy { image.references.contains($0) } }) != true {
      let ingest = try builder.ingest(for: result)
      _ = try ingest.add(blob: bytes)
      _ = try ingest.add(blob: manifestBytes)
      try ingest.publish()
      try check(result, doing: doing)
      for reference in references.isEmpty ? [nil] : references.map(Optional.some) {
        try images.add(manifest: descriptor, id: id, reference: reference)
        note("tag", image: id.description, name: reference?.familiar)
      }
    }
    try write(request.outputs, result, builder, image: id.description, references, doing: doing)
    observer.note(step, "writing image \(id) done")
    for reference in references { observer.note(step, "naming to \(reference) done") }
    observer.end(step, .done, nanoseconds: MonotonicClock.now - began)
    return BuiltImage(
      id: id.description, digest: digest.description, manifest: descriptor, names: references.map(\.description))
  }

  /// Layers that came from the cache may have been pruned before they were pinned.
  private func check(_ result: BuildResult, doing: String) throws(EngineError) {
    let layers = LayerStore(directory)
    for layer in result.layers where try !layers.contains(layer.diffID) {
      throw EngineError(
        .unavailable, doing, "layer \(layer.diffID.short) was pruned meanwhile", hint: "build it again")
    }
  }

  private func assemble(_ result: BuildResult, _ request: BuildRequest) -> ImageConfig {
    var config = result.config
    let created = request.settings.epoch ?? config.created ?? Timestamp(nanoseconds: Builder.zipEpoch)
    config.created = created
    for (name, value) in request.labels {
      config.defaults.labels.removeAll { $0.0 == name }
      config.defaults.labels.append((name, value))
    }
    config.diffIDs = result.layers.map(\.diffID)
    for index in config.history.indices where config.history[index].created == nil {
      config.history[index].created = created
    }
    if request.omitsHistory { config.history = [] }
    return config
  }
}
