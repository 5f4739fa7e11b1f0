/// VOLUME: paths that are volumes.
package struct VolumeInstruction: Equatable, Sendable {
  package var paths: [String]
}

extension VolumeInstruction: InstructionPayload {
  static let keyword = "VOLUME"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    paths = try line.list().map { trimmed($0) }
    guard !paths.isEmpty else { throw BuildDiagnostic("VOLUME requires at least one argument") }
    try check()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    paths = try expansion.list(paths)
    try check()
  }

  private func check() throws(BuildDiagnostic) {
    guard !paths.contains("") else { throw BuildDiagnostic("VOLUME specified can not be an empty string") }
  }

  var instruction: Instruction { .volume(self) }
}
