internal import Basics

/// Something wrong with a Dockerfile and where: an error when thrown, a finding of a check when it has a rule.
package struct BuildDiagnostic: Error, Hashable, Sendable {
  /// Nil until somebody who knows the place adds it.
  package var range: SourceRange?
  package var message: String
  /// One sentence that helps, such as `did you mean "COPY"?`.
  package var hint: String?
  /// The check that found it, nil for errors.
  package var rule: LintRule?
  /// What the excerpt's caret stands under: the first place of this text in the first line of the range.
  package var word: String?

  package init(
    _ message: String, at range: SourceRange? = nil, hint: String? = nil, rule: LintRule? = nil, word: String? = nil
  ) {
    self.message = message
    self.range = range
    self.hint = hint
    self.rule = rule
    self.word = word
  }

  /// The same with a place, if it had none.
  package func located(at range: SourceRange) -> BuildDiagnostic {
    var result = self
    if result.range == nil { result.range = range }
    return result
  }

  /// The error of an unknown word, with the near one as hint.
  static func unknown(_ what: String, _ word: String, among known: [String]) -> BuildDiagnostic {
    BuildDiagnostic(
      "\(what): \(safeText(word))", hint: nearest(to: word, among: known).map { "did you mean \($0)?" }, word: word)
  }
}

/// The text a diagnostic points into.
package struct DockerfileSource: Sendable {
  /// As the person knows the file: `Dockerfile`, `sub/Dockerfile.dev`, `-`.
  package var name: String
  package var lines: [String]

  package init(name: String, lines: [String]) {
    self.name = name
    self.lines = lines
  }
}
