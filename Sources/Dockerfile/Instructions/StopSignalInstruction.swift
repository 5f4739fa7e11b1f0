internal import Basics

/// STOPSIGNAL: what `stop` sends.
package struct StopSignalInstruction: Equatable, Sendable {
  /// A name or number as written.
  package var signal: String
}

extension StopSignalInstruction: InstructionPayload {
  static let keyword = "STOPSIGNAL"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    signal = try line.single()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    let written = signal
    signal = try expansion.word(signal)
    guard SignalName.number(of: signal) != nil else {
      throw BuildDiagnostic("invalid signal: \(safeText(signal))", word: written)
    }
  }

  var instruction: Instruction { .stopSignal(self) }
}
