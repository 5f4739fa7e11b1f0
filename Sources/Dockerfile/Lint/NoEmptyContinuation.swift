/// Empty continuation lines will become errors in a future release
enum NoEmptyContinuation: LintCheck {
  static let rule = LintRule(
    "NoEmptyContinuation",
    "Empty continuation lines will become errors in a future release",
    page: "no-empty-continuation")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for range in subject.dockerfile.emptyContinuations { report.add("Empty continuation line", at: range) }
  }
}
