internal import Basics

/// Sensitive data should not be used in the ARG or ENV commands
enum SecretsUsedInArgOrEnv: LintCheck {
  static let rule = LintRule(
    "SecretsUsedInArgOrEnv",
    "Sensitive data should not be used in the ARG or ENV commands",
    page: "secrets-used-in-arg-or-env")

  /// Parts of a name between underscores that betray a secret, and those that take it back.
  private static let secret: Set<String> = [
    "apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token",
  ]
  private static let harmless: Set<String> = ["public", "file", "version"]

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for node in subject.stages.flatMap(\.stage.instructions) {
      let names: [String] =
        switch node.instruction {
        case .arg(let arg): arg.arguments.map(\.name)
        case .env(let env): env.assignments.map(\.key)
        default: []
        }
      for name in names {
        let parts = Set(name.lowercased().split(separator: "_").map { String($0) })
        guard !parts.isDisjoint(with: secret), parts.isDisjoint(with: harmless) else { continue }
        report.add(
          "Do not use ARG or ENV instructions for sensitive data (\(node.keyword.uppercased()) \(goQuoted(name)))",
          at: node, word: name)
      }
    }
  }
}
