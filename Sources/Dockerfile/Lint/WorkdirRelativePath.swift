internal import Basics

/// Relative workdir without an absolute workdir declared within the build can have unexpected results if the base
/// image changes
enum WorkdirRelativePath: LintCheck {
  static let rule = LintRule(
    "WorkdirRelativePath",
    "Relative workdir without an absolute workdir declared within the build can have unexpected results "
      + "if the base image changes",
    page: "workdir-relative-path")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for step in subject.stages.flatMap(\.steps) where !step.hasWorkdir {
      guard case .workdir(let workdir)? = step.expanded, !workdir.path.hasPrefix("/") else { continue }
      report.add(
        "Relative workdir \(goQuoted(workdir.path)) can have unexpected results if the base image changes",
        at: step.node, word: workdir.path)
    }
  }
}
