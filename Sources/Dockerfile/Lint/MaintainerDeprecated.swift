/// The MAINTAINER instruction is deprecated, use a label instead to define an image author
enum MaintainerDeprecated: LintCheck {
  static let rule = LintRule(
    "MaintainerDeprecated",
    "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    page: "maintainer-deprecated")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for node in subject.dockerfile.stages.flatMap(\.instructions) {
      guard case .maintainer = node.instruction else { continue }
      report.add("Maintainer instruction is deprecated in favor of using label", at: node, word: node.keyword)
    }
  }
}
