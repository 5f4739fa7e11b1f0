/// One build check; one file each.
protocol LintCheck: Sendable {
  static var rule: LintRule { get }
  static func inspect(_ subject: LintSubject, _ report: inout LintReport)
}

/// All checks; to add one, write its file and name its type here.
enum LintCheckSet {
  static let all: [any LintCheck.Type] = [
    ConsistentInstructionCasing.self, CopyIgnoredFile.self, DuplicateStageName.self, ExposeInvalidFormat.self,
    ExposeProtoCasing.self, FromAsCasing.self, FromPlatformFlagConstDisallowed.self, InvalidBaseImagePlatform.self,
    InvalidDefaultArgInFrom.self, InvalidDefinitionDescription.self, JSONArgsRecommended.self,
    LegacyKeyValueFormat.self, MaintainerDeprecated.self, MultipleInstructionsDisallowed.self,
    NoEmptyContinuation.self, RedundantTargetPlatform.self, ReservedStageName.self, SecretsUsedInArgOrEnv.self,
    StageNameCasing.self, UndefinedArgInFrom.self, UndefinedVar.self, WorkdirRelativePath.self,
  ]
}

/// Where one check writes what it finds.
struct LintReport {
  let rule: LintRule
  let configuration: LintConfiguration
  private(set) var findings: [BuildDiagnostic] = []

  init(rule: LintRule, configuration: LintConfiguration) {
    self.rule = rule
    self.configuration = configuration
  }

  /// - Parameter comments: those above the instruction, which may have a `# check=` for it alone.
  mutating func add(_ message: String, at range: SourceRange, comments: [String] = [], word: String? = nil) {
    var mine = configuration
    // A check directive in a comment that is no valid one is a comment.
    if let text = DirectiveReader.check(in: comments), let own = try? LintConfiguration(parsing: text) {
      mine = mine.merged(with: own)
    }
    guard mine.allows(rule) else { return }
    findings.append(BuildDiagnostic(message, at: range, rule: rule, word: word))
  }

  mutating func add(_ message: String, at node: InstructionNode, word: String? = nil) {
    add(message, at: node.range, comments: node.comments, word: word)
  }

  mutating func add(_ message: String, at stage: DockerfileStage, word: String? = nil) {
    add(message, at: stage.range, comments: stage.comments, word: word)
  }
}
