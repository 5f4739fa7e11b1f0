/// All commands within the Dockerfile should use the same casing (either upper or lower)
enum ConsistentInstructionCasing: LintCheck {
  static let rule = LintRule(
    "ConsistentInstructionCasing",
    "All commands within the Dockerfile should use the same casing (either upper or lower)",
    page: "consistent-instruction-casing")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    let stages = subject.dockerfile.stages
    let keywords = stages.flatMap { [$0.keyword] + $0.instructions.map(\.keyword) }
    let lower = keywords.count { $0 == $0.lowercased() }
    let upper = keywords.count { $0 == $0.uppercased() }
    let isLower = lower > upper
    func message(_ keyword: String) -> String? {
      guard keyword != (isLower ? keyword.lowercased() : keyword.uppercased()) else { return nil }
      return
        "Command '\(keyword)' should match the case of the command majority (\(isLower ? "lowercase" : "uppercase"))"
    }
    for stage in stages {
      if let message = message(stage.keyword) { report.add(message, at: stage, word: stage.keyword) }
      for node in stage.instructions {
        if let message = message(node.keyword) { report.add(message, at: node, word: node.keyword) }
      }
    }
  }
}
