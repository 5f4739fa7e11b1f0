internal import Basics
internal import OCI

/// FROM --platform flag should not use a constant value
enum FromPlatformFlagConstDisallowed: LintCheck {
  static let rule = LintRule(
    "FromPlatformFlagConstDisallowed",
    "FROM --platform flag should not use a constant value",
    page: "from-platform-flag-const-disallowed")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for stage in subject.dockerfile.stages {
      guard let written = stage.platform else { continue }
      var expansion = Expansion(subject.arguments.globals, escape: subject.dockerfile.directives.escape)
      // The build says what is wrong with a platform that cannot be read; a stage named after its platform means it.
      guard let text: String = try? expansion.word(written), expansion.used.isEmpty, expansion.undefined.isEmpty,
        let platform = try? Platform(parsing: text)
      else { continue }
      if let name = stage.name, name.contains(platform.os) || name.contains(platform.architecture) { continue }
      report.add("FROM --platform flag should not use constant value \(goQuoted(text))", at: stage, word: written)
    }
  }
}
