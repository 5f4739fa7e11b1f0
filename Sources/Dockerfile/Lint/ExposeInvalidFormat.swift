internal import Basics

/// IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future
/// release
enum ExposeInvalidFormat: LintCheck {
  static let rule = LintRule(
    "ExposeInvalidFormat",
    "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error "
      + "in a future release",
    page: "expose-invalid-format")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for step in subject.stages.flatMap(\.steps) {
      guard case .expose(let expose)? = step.expanded else { continue }
      for word in expose.words {
        // The expansion has refused what cannot be read.
        guard let port = try? ExposedWord(word), port.hasHostPart else { continue }
        report.add(
          "EXPOSE instruction should not define an IP address or host-port mapping, found '\(safeText(word))'",
          at: step.node, word: word)
      }
    }
  }
}
