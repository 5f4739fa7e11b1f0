internal import Basics
internal import OCI

/// Default value for global ARG results in an empty or invalid base image name
enum InvalidDefaultArgInFrom: LintCheck {
  static let rule = LintRule(
    "InvalidDefaultArgInFrom",
    "Default value for global ARG results in an empty or invalid base image name",
    page: "invalid-default-arg-in-from")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    var standard = BuildArguments()
    // A default that cannot be expanded is the build's to report.
    guard (try? standard.declareGlobals(of: subject.dockerfile)) != nil else { return }
    for stage in subject.dockerfile.stages {
      var expansion = Expansion(standard.globals, escape: subject.dockerfile.directives.escape)
      // As above; a name that is no reference is what is looked for.
      guard let name: String = try? expansion.word(stage.base), (try? Reference(parsing: name)) == nil else { continue }
      report.add(
        "Default value for ARG \(safeText(stage.base)) results in empty or invalid base image name", at: stage,
        word: stage.base)
    }
  }
}
