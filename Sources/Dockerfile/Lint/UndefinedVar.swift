internal import Basics

/// Variables should be defined before their use
enum UndefinedVar: LintCheck {
  static let rule = LintRule(
    "UndefinedVar",
    "Variables should be defined before their use",
    page: "undefined-var")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for step in subject.stages.flatMap(\.steps) {
      for name in step.undefined {
        let meant = nearest(to: name, among: step.known).map { " (did you mean $\($0)?)" } ?? ""
        report.add("Usage of undefined variable '$\(safeText(name))'\(meant)", at: step.node, word: name)
      }
    }
  }
}
