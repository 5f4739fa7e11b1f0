package import OCI

/// What is known of the image that a stage begins with, for the checks that depend on it.
package struct LintBase: Sendable {
  /// `NAME=value` of its config.
  package var environment: [String]
  /// Whether its config has a SHELL.
  package var hasShell: Bool
  package var platform: Platform?
  /// What the build wants of it.
  package var wanted: Platform?

  package init(environment: [String], hasShell: Bool = false, platform: Platform? = nil, wanted: Platform? = nil) {
    self.environment = environment
    self.hasShell = hasShell
    self.platform = platform
    self.wanted = wanted
  }
}

/// A Dockerfile with everything its checks ask for, worked out once.
struct LintSubject {
  struct Step {
    let node: InstructionNode
    /// Nil when its variables cannot be put in: the build then says why.
    let expanded: Instruction?
    /// Variables that nothing sets; empty while the base's are not known.
    let undefined: [String]
    /// Those that could have been meant.
    let known: [String]
    /// Whether a SHELL or an absolute WORKDIR precedes it.
    let hasShell: Bool
    let hasWorkdir: Bool
  }

  struct Stage {
    let stage: DockerfileStage
    let base: LintBase?
    let steps: [Step]
  }

  let dockerfile: ParsedDockerfile
  let arguments: BuildArguments
  let ignore: IgnorePatterns
  /// Those to be built, or all.
  let stages: [Stage]

  init(
    _ dockerfile: ParsedDockerfile, arguments: BuildArguments, ignore: IgnorePatterns, bases: [Int: LintBase],
    wanted: Set<Int>?
  ) {
    self.dockerfile = dockerfile
    self.arguments = arguments
    self.ignore = ignore
    var ends: [StageEnd] = []
    var stages: [Stage] = []
    for (index, stage) in dockerfile.stages.enumerated() {
      let (linted, end) = Self.walk(stage, index, dockerfile, arguments, bases[index], ends)
      ends.append(end)
      if wanted?.contains(index) ?? true { stages.append(linted) }
    }
    self.stages = stages
  }

  /// What a stage hands on to those built from it.
  private struct StageEnd {
    var scope: StageScope
    var knowsBase: Bool
    var hasShell: Bool
    var hasWorkdir: Bool
  }

  private static func walk(
    _ stage: DockerfileStage, _ index: Int, _ dockerfile: ParsedDockerfile, _ arguments: BuildArguments,
    _ base: LintBase?, _ ends: [StageEnd]
  ) -> (Stage, StageEnd) {
    let escape = dockerfile.directives.escape
    // A base that cannot be worked out is no stage; the build says what is wrong with it.
    let name = (try? arguments.origin(of: stage, escape: escape))?.base ?? stage.base
    var end: StageEnd
    if let parent = dockerfile.stage(named: name, before: index) {
      end = ends[parent]
    } else {
      end = StageEnd(
        scope: StageScope(environment: base?.environment ?? [], arguments: arguments, escape: escape),
        knowsBase: base != nil || name == DockerfileStage.scratch, hasShell: base?.hasShell ?? false, hasWorkdir: false)
    }
    var steps: [Step] = []
    for node in stage.instructions {
      let known = end.scope.variables.names
      // As above.
      let expanded = try? end.scope.expand(node)
      steps.append(
        Step(
          node: node, expanded: expanded?.instruction, undefined: end.knowsBase ? expanded?.undefined ?? [] : [],
          known: known, hasShell: end.hasShell, hasWorkdir: end.hasWorkdir))
      switch node.instruction {
      case .shell: end.hasShell = true
      case .workdir: end.hasWorkdir = true
      default: break
      }
    }
    return (Stage(stage: stage, base: base, steps: steps), end)
  }
}

extension ParsedDockerfile {
  /// Runs the build checks (BuildKit's, by their names).
  ///
  /// - Parameters:
  ///   - arguments: with the global ARGs declared.
  ///   - bases: what is known of images that stages begin with, by the stage's index; without, some checks are silent.
  ///   - stages: those that are built, nil for all.
  ///   - configuration: nil for that of the file's `# check=`.
  /// - Returns: what was found, in the order of the lines.
  package func lint(
    arguments: BuildArguments, ignore: IgnorePatterns = IgnorePatterns(), bases: [Int: LintBase] = [:],
    stages: Set<Int>? = nil, configuration: LintConfiguration? = nil
  ) -> [BuildDiagnostic] {
    let subject = LintSubject(self, arguments: arguments, ignore: ignore, bases: bases, wanted: stages)
    var findings: [(order: Int, finding: BuildDiagnostic)] = []
    for check in LintCheckSet.all {
      var report = LintReport(rule: check.rule, configuration: configuration ?? directives.check)
      check.inspect(subject, &report)
      for finding in report.findings { findings.append((findings.count, finding)) }
    }
    return findings.sorted { ($0.finding.range?.first ?? 0, $0.order) < ($1.finding.range?.first ?? 0, $1.order) }
      .map(\.finding)
  }

  /// The error of `error=true` with something found: "lint violation found for rules: A, B".
  package static func violation(of findings: [BuildDiagnostic]) -> BuildDiagnostic? {
    let names = Set(findings.compactMap { $0.rule?.name }).sorted()
    return names.isEmpty ? nil : BuildDiagnostic("lint violation found for rules: " + names.joined(separator: ", "))
  }
}
