/// SHELL: what the shell form of RUN, CMD and ENTRYPOINT is given to.
package struct ShellInstruction: Equatable, Sendable {
  package var shell: [String]
}

extension ShellInstruction: InstructionPayload {
  static let keyword = "SHELL"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    try line.checkJSON()
    guard let words = line.jsonWords else {
      guard !line.rest.isEmpty else { throw BuildDiagnostic("SHELL requires at least one argument") }
      throw BuildDiagnostic(
        "SHELL requires the arguments to be in JSON form", hint: #"such as SHELL ["/bin/bash", "-c"]"#, word: line.rest)
    }
    guard !words.isEmpty else { throw BuildDiagnostic("SHELL requires at least one argument") }
    shell = words
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {}

  var instruction: Instruction { .shell(self) }
}
