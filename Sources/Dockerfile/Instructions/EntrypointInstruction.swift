/// ENTRYPOINT in shell or exec form.
package struct EntrypointInstruction: Equatable, Sendable {
  package var command: CommandLine
}

extension EntrypointInstruction: InstructionPayload {
  static let keyword = "ENTRYPOINT"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    command = try line.command()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {}

  var instruction: Instruction { .entrypoint(self) }
}
