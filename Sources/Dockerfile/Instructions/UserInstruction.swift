/// USER: who runs the steps that follow and the container.
package struct UserInstruction: Equatable, Sendable {
  package var user: String
}

extension UserInstruction: InstructionPayload {
  static let keyword = "USER"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    user = try line.single()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) { user = try expansion.word(user) }

  var instruction: Instruction { .user(self) }
}
