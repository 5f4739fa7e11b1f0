/// JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals
enum JSONArgsRecommended: LintCheck {
  static let rule = LintRule(
    "JSONArgsRecommended",
    "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    page: "json-args-recommended")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for step in subject.stages.flatMap(\.steps) where !step.hasShell {
      switch step.node.instruction {
      case .cmd(let cmd): guard case .shell = cmd.command else { continue }
      case .entrypoint(let entrypoint): guard case .shell = entrypoint.command else { continue }
      default: continue
      }
      report.add(
        "JSON arguments recommended for \(step.node.keyword) to prevent unintended behavior related to OS signals",
        at: step.node, word: step.node.keyword)
    }
  }
}
