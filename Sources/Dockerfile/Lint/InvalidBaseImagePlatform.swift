internal import Basics
internal import OCI

/// Base image platform does not match expected target platform
enum InvalidBaseImagePlatform: LintCheck {
  static let rule = LintRule(
    "InvalidBaseImagePlatform",
    "Base image platform does not match expected target platform",
    page: "")

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for stage in subject.stages {
      guard let actual = stage.base?.platform, let wanted = stage.base?.wanted,
        actual.os != wanted.os || actual.architecture != wanted.architecture
      else { continue }
      report.add(
        "Base image \(safeText(stage.stage.base)) was pulled with platform \(goQuoted(actual.description)), expected "
          + "\(goQuoted(wanted.description)) for current build", at: stage.stage, word: stage.stage.base)
    }
  }
}
