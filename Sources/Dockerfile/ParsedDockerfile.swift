/// The directives at the top of a Dockerfile, as written.
package struct ParserDirectives: Equatable, Sendable {
  /// `# syntax=`: the frontend's image, without arguments.
  package var syntax: String?
  /// `# escape=`: backslash or backtick.
  package var escape: Unicode.Scalar = "\\"
  /// `# check=`.
  package var check: LintConfiguration = LintConfiguration()

  package init() {}
}

/// A Dockerfile taken apart: what stands before the first FROM, and the stages.
package struct ParsedDockerfile: Sendable {
  package var source: DockerfileSource
  package var directives: ParserDirectives
  /// ARG instructions before the first FROM.
  package var globalArguments: [InstructionNode]
  /// In the order of the file; never empty.
  package var stages: [DockerfileStage]
  /// Empty lines inside continuations, which BuildKit warns of (NoEmptyContinuation).
  package var emptyContinuations: [SourceRange]

  /// The stages whose name or number `name` is, the last one of that name first: later stages hide earlier ones.
  /// `before` restricts to the stages in front of one, whose base it may name.
  package func stage(named name: String, before limit: Int? = nil) -> Int? {
    let candidates = stages.prefix(limit ?? stages.count)
    let wanted = name.lowercased()
    return candidates.lastIndex { $0.name == wanted }
  }

  /// The stage that `--target`, `COPY --from` or a mount's `from` names, by name or by number; nil when no stage is
  /// called so (it may then be an image or a named context).
  package func stage(calledFor reference: String, before limit: Int? = nil) -> Int? {
    if let index = stage(named: reference, before: limit) { return index }
    guard !reference.isEmpty, reference.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(reference),
      number < (limit ?? stages.count)
    else { return nil }
    return number
  }
}
