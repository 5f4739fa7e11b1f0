package import Dockerfile
internal import OCI

extension Builder {
  /// Runs the checks on the stages that are built.
  /// - Throws: `BuildDiagnostic` when the Dockerfile, or the build argument for it, wants findings to be errors.
  func check() throws {
    let configuration = try Self.checkConfiguration(dockerfile, settings)
    var bases: [Int: LintBase] = [:]
    for index in needed {
      let stage = dockerfile.stages[index]
      let origin = try arguments.origin(of: stage, escape: dockerfile.directives.escape)
      guard
        case .image(let base) = try self.origin(
          ofBase: origin.base, platform: origin.platform, before: index, at: stage.range)
      else { continue }
      bases[index] = LintBase(
        environment: base.config.defaults.environment, hasShell: base.config.defaults.shell != nil,
        platform: base.config.platform, wanted: origin.platform ?? platform)
    }
    let findings = dockerfile.lint(
      arguments: arguments, ignore: context.ignored, bases: bases, stages: needed, configuration: configuration)
    keep(findings)
    guard configuration.error, let violation = ParsedDockerfile.violation(of: findings) else { return }
    for finding in findings {
      for line in finding.rendered(in: dockerfile.source).split(separator: "\n") { observer.warn(String(line)) }
    }
    throw violation
  }

  /// Of the file's `# check=`, or of the build argument BUILDKIT_DOCKERFILE_CHECK instead.
  package static func checkConfiguration(
    _ dockerfile: ParsedDockerfile, _ settings: BuildSettings
  ) throws(BuildDiagnostic) -> LintConfiguration {
    guard let text = settings.arguments["BUILDKIT_DOCKERFILE_CHECK"] else { return dockerfile.directives.check }
    return try LintConfiguration(parsing: text)
  }
}
