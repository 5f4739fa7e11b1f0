internal import Basics

/// Protocol in EXPOSE instruction should be lowercase
enum ExposeProtoCasing: LintCheck {
  static let rule = LintRule(
    "ExposeProtoCasing",
    "Protocol in EXPOSE instruction should be lowercase",
    page: "expose-proto-casing")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for step in subject.stages.flatMap(\.steps) {
      guard case .expose(let expose)? = step.expanded else { continue }
      for word in expose.words {
        // The expansion has refused what cannot be read.
        guard let port = try? ExposedWord(word), port.transport != port.transport.lowercased() else { continue }
        report.add(
          "Defined protocol '\(safeText(word))' in EXPOSE instruction should be lowercase", at: step.node, word: word)
      }
    }
  }
}
