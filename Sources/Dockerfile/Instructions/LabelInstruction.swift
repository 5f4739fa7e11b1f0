/// LABEL: labels of the image.
package struct LabelInstruction: Equatable, Sendable {
  package var labels: [KeyValue]
}

extension LabelInstruction: InstructionPayload {
  static let keyword = "LABEL"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    labels = try line.assignments()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    for index in labels.indices {
      labels[index].key = try expansion.word(labels[index].key)
      labels[index].value = try expansion.word(labels[index].value)
    }
  }

  var instruction: Instruction { .label(self) }
}
