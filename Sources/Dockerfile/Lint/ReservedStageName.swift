internal import Basics

/// Reserved words should not be used as stage names
enum ReservedStageName: LintCheck {
  static let rule = LintRule(
    "ReservedStageName",
    "Reserved words should not be used as stage names",
    page: "reserved-stage-name")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for stage in subject.dockerfile.stages {
      guard let name = stage.name, ["context", "scratch"].contains(name) else { continue }
      report.add(
        "Stage name should not use the same name as reserved stage \(goQuoted(name))", at: stage,
        word: stage.writtenName)
    }
  }
}
