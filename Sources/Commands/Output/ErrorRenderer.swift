internal import Basics

/// Errors as people and scripts read them: `dhow: <doing>: <reason>`, then `hint: …` on its own line.
package struct ErrorRenderer {
  package var program: ProgramName
  /// One JSON object per error instead of text.
  package var asJSON: Bool

  package init(program: ProgramName, asJSON: Bool = false) {
    self.program = program
    self.asJSON = asJSON
  }

  /// The lines for stderr, each ended. Text from outside comes out with its control characters escaped (SECURITY B13).
  package func text(of error: any Error) -> String {
    switch error {
    case is BrokenPipe: ""
    case let error as EngineError: render(error)
    case let error as UnreadableTemplate: render(error.error)
    case let error as ArgumentError: render(EngineError(.usage, "", error.message, hint: error.hint))
    default: render(EngineError(.internal, "", "\(error)"))
    }
  }

  private func render(_ error: EngineError) -> String {
    if asJSON { return json(error) }
    var text = program.rawValue + ": "
    if !error.doing.isEmpty { text += safeText(error.doing) + ": " }
    text += safeText(error.reason) + "\n"
    if let hint = error.hint { text += "hint: " + safeText(spoken(hint)) + "\n" }
    return text
  }

  /// Hints are written with our own name; called by another the program answers by that one.
  private func spoken(_ hint: String) -> String {
    guard program != .dhow else { return hint }
    return hint.split(separator: " ", omittingEmptySubsequences: false)
      .map { $0 == "dhow" ? program.rawValue : String($0) }.joined(separator: " ")
  }

  private func json(_ error: EngineError) -> String {
    var builder = JSONBuilder()
    builder.set("kind", error.kind.rawValue)
    builder.set("doing", error.doing.isEmpty ? nil : error.doing)
    builder.set("reason", error.reason)
    builder.set("hint", error.hint)
    return builder.json.text() + "\n"
  }
}
