internal import Basics

/// Stage names should be lowercase
enum StageNameCasing: LintCheck {
  static let rule = LintRule(
    "StageNameCasing",
    "Stage names should be lowercase",
    page: "stage-name-casing")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for stage in subject.dockerfile.stages {
      guard let written = stage.writtenName, written != stage.name else { continue }
      report.add("Stage name '\(safeText(written))' should be lowercase", at: stage, word: written)
    }
  }
}
