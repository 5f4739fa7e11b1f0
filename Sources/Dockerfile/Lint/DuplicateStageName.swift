internal import Basics

/// Stage names should be unique
enum DuplicateStageName: LintCheck {
  static let rule = LintRule(
    "DuplicateStageName",
    "Stage names should be unique",
    page: "duplicate-stage-name")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    var seen: Set<String> = []
    for stage in subject.dockerfile.stages {
      guard let name = stage.name, !seen.insert(name).inserted else { continue }
      report.add(
        "Duplicate stage name \(goQuoted(name)), stage names should be unique", at: stage, word: stage.writtenName)
    }
  }
}
