package import Basics
internal import Dockerfile
package import ImageBuild
internal import OCI
internal import Storage

extension Engine {
  /// Runs the build checks on all stages and builds nothing (`build --check`). No registry is asked: of images that are not
  /// in the store nothing is known, and the checks that need them are silent.
  /// - Parameter observer: is warned of the place of an error.
  package func checkBuild(
    _ request: BuildRequest, observer: any BuildObserver
  ) throws(EngineError) -> [BuildFinding] {
    let doing = "checking"
    return try withDockerfile(of: request, observer, doing: doing) { input, settings in
      let dockerfile = input.dockerfile
      let configuration = try Builder.checkConfiguration(dockerfile, settings)
      var arguments = BuildArguments(given: settings.arguments, target: settings.platform ?? .host)
      try arguments.declareGlobals(of: dockerfile)
      var bases: [Int: LintBase] = [:]
      for (index, stage) in dockerfile.stages.enumerated() {
        let origin = try arguments.origin(of: stage, escape: dockerfile.directives.escape)
        // An image that is not here is one of which nothing is known.
        guard dockerfile.stage(named: origin.base, before: index) == nil, origin.base != DockerfileStage.scratch,
          let image = try? images.find(origin.base, platform: origin.platform, doing: doing).image,
          let config = try? images.config(of: image)
        else { continue }
        bases[index] = LintBase(
          environment: config.defaults.environment, hasShell: config.defaults.shell != nil, platform: config.platform,
          wanted: origin.platform ?? settings.platform ?? .host)
      }
      return dockerfile.lint(
        arguments: arguments, ignore: input.context.ignored, bases: bases, configuration: configuration
      ).map { finding in
        BuildFinding(
          rule: finding.rule?.name ?? "", page: finding.rule?.page ?? "", message: finding.message,
          place: safeText(dockerfile.source.name) + (finding.range.map { ":\($0.first)" } ?? ""),
          excerpt: finding.excerpt(in: dockerfile.source))
      }
    }
  }

  /// The stages of a Dockerfile (`build --call=targets`).
  package func buildTargets(
    _ request: BuildRequest, observer: any BuildObserver
  ) throws(EngineError) -> [BuildTarget] {
    try withDockerfile(of: request, observer, doing: "reading the targets") { input, _ in
      let stages = input.dockerfile.stages
      return stages.enumerated().map { index, stage in
        BuildTarget(
          name: stage.name ?? "", description: stage.description ?? "", isDefault: index == stages.count - 1)
      }
    }
  }

  private func withDockerfile<Result>(
    of request: BuildRequest, _ observer: any BuildObserver, doing: String,
    _ body: (BuildInput, BuildSettings) throws -> Result
  ) throws(EngineError) -> Result {
    try during(doing) {
      var source = DockerfileSource(name: "Dockerfile", lines: [])
      do {
        let input = try BuildInput(request, self, doing: doing)
        source = input.dockerfile.source
        var settings = request.settings
        settings.platform = request.platforms.first
        return try body(input, settings)
      } catch let mistake as LocatedDiagnostic {
        throw located(mistake.diagnostic, mistake.source, observer, doing: doing)
      } catch { throw located(error, source, observer, doing: doing) }
    }
  }
}
