/// ENV: variables of the image's environment.
package struct EnvInstruction: Equatable, Sendable {
  package var assignments: [KeyValue]
}

extension EnvInstruction: InstructionPayload {
  static let keyword = "ENV"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    assignments = try line.assignments()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    for index in assignments.indices {
      assignments[index].key = try expansion.word(assignments[index].key)
      assignments[index].value = try expansion.word(assignments[index].value)
    }
  }

  var instruction: Instruction { .env(self) }
}
