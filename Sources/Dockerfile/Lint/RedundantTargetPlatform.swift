internal import Basics

/// Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior
enum RedundantTargetPlatform: LintCheck {
  static let rule = LintRule(
    "RedundantTargetPlatform",
    "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    page: "redundant-target-platform")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for stage in subject.dockerfile.stages {
      guard let written = stage.platform else { continue }
      var expansion = Expansion(subject.arguments.globals, escape: subject.dockerfile.directives.escape)
      // The build says what is wrong with a word that cannot be expanded.
      let result: String? = try? expansion.word(written)
      guard expansion.used == ["TARGETPLATFORM"], expansion.undefined.isEmpty,
        result == subject.arguments.globals["TARGETPLATFORM"]
      else { continue }
      report.add(
        "Setting platform to predefined \(safeText(written)) in FROM is redundant as this is the default behavior",
        at: stage, word: written)
    }
  }
}
