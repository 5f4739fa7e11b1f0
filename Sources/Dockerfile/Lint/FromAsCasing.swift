/// The 'as' keyword should match the case of the 'from' keyword
enum FromAsCasing: LintCheck {
  static let rule = LintRule(
    "FromAsCasing",
    "The 'as' keyword should match the case of the 'from' keyword",
    page: "from-as-casing")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for stage in subject.dockerfile.stages {
      let from = stage.keyword
      guard let written = stage.asKeyword, from == from.lowercased() || from == from.uppercased() else { continue }
      guard written != (from == from.lowercased() ? written.lowercased() : written.uppercased()) else { continue }
      report.add("'\(written)' and '\(from)' keywords' casing do not match", at: stage, word: " \(written) ")
    }
  }
}
