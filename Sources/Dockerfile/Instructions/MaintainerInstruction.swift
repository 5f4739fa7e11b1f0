/// MAINTAINER: the image's author (deprecated).
package struct MaintainerInstruction: Equatable, Sendable {
  package var author: String
}

extension MaintainerInstruction: InstructionPayload {
  static let keyword = "MAINTAINER"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    author = try line.single()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {}

  var instruction: Instruction { .maintainer(self) }
}
