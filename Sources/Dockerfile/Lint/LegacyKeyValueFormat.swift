/// Legacy key/value format with whitespace separator should not be used
enum LegacyKeyValueFormat: LintCheck {
  static let rule = LintRule(
    "LegacyKeyValueFormat",
    "Legacy key/value format with whitespace separator should not be used",
    page: "legacy-key-value-format")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for node in subject.stages.flatMap(\.stage.instructions) {
      let pairs: [KeyValue] =
        switch node.instruction {
        case .env(let env): env.assignments
        case .label(let label): label.labels
        default: []
        }
      guard pairs.contains(where: \.usesSpace) else { continue }
      let name = node.keyword
      report.add(
        "\"\(name) key=value\" should be used instead of legacy \"\(name) key value\" format", at: node, word: name)
    }
  }
}
