internal import Basics

/// Attempting to Copy file that is excluded by .dockerignore
enum CopyIgnoredFile: LintCheck {
  static let rule = LintRule(
    "CopyIgnoredFile",
    "Attempting to Copy file that is excluded by .dockerignore",
    page: "copy-ignored-file")

  /// Silent when something is taken back in: what is below an ignored directory is then not known without the context.
  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    guard !subject.ignore.isEmpty, !subject.ignore.takesBack else { return }
    for step in subject.stages.flatMap(\.steps) {
      let (verb, paths): (String, [String]) =
        switch step.expanded {
        case .copy(let copy) where copy.from == nil: ("Copy", copy.files.paths)
        case .add(let add): ("Add", add.files.paths.filter { !$0.contains("://") && !$0.hasPrefix("git@") })
        default: ("", [])
        }
      for path in paths {
        let clean = SlashPath.clean("/" + path)
        let isIgnored =
          clean == "/" ? subject.ignore.ignoresWholeRoot : subject.ignore.ignores(String(clean.dropFirst()))
        guard isIgnored else { continue }
        let name = SlashPath.clean(path)
        report.add(
          "Attempting to \(verb) file \(goQuoted(name)) that is excluded by .dockerignore", at: step.node, word: path)
      }
    }
  }
}
