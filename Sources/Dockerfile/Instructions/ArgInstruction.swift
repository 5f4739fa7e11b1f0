/// ARG: variables that `--build-arg` may set.
package struct ArgInstruction: Equatable, Sendable {
  package struct Argument: Equatable, Sendable {
    package var name: String
    /// The default with its variables; nil for `ARG name`.
    package var value: String?
  }

  package var arguments: [Argument]
}

extension ArgInstruction: InstructionPayload {
  static let keyword = "ARG"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    arguments = []
    for word in line.quotedWords {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
      guard !parts[0].isEmpty else { throw BuildDiagnostic("ARG names can not be blank", word: word) }
      arguments.append(Argument(name: parts[0], value: parts.count == 2 ? parts[1] : nil))
    }
    guard !arguments.isEmpty else { throw BuildDiagnostic("ARG requires at least one argument") }
  }

  /// Nothing: which default is expanded depends on what was given (`StageScope.declare`).
  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {}

  var instruction: Instruction { .arg(self) }
}
