internal import Basics

/// FROM command must use declared ARGs
enum UndefinedArgInFrom: LintCheck {
  static let rule = LintRule(
    "UndefinedArgInFrom",
    "FROM command must use declared ARGs",
    page: "undefined-arg-in-from")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    let known = subject.arguments.globals.names + subject.arguments.declared
    for stage in subject.dockerfile.stages {
      var expansion = Expansion(subject.arguments.globals, escape: subject.dockerfile.directives.escape)
      for text in [stage.base, stage.platform] {
        // The build says what is wrong with a word that cannot be expanded.
        _ = try? expansion.word(text)
      }
      for name in expansion.undefined where !known.contains(name) {
        let meant = nearest(to: name, among: known).map { " (did you mean \($0)?)" } ?? ""
        report.add("FROM argument '\(safeText(name))' is not declared\(meant)", at: stage, word: name)
      }
    }
  }
}
