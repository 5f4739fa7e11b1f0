/// CMD in shell or exec form.
package struct CmdInstruction: Equatable, Sendable {
  package var command: CommandLine
}

extension CmdInstruction: InstructionPayload {
  static let keyword = "CMD"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    command = try line.command()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {}

  var instruction: Instruction { .cmd(self) }
}
