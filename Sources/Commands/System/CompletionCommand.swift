internal import Basics

/// `completion`: the completion script of a shell.
enum CompletionCommand: Command {
  static let words = CommandWords(
    "bash|zsh|fish", "Print the completion script of a shell", .exactly(1),
    completion: .words(["bash", "zsh", "fish"]))

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    switch operands[0] {
    case "bash": invocation.output.write(BashCompletion.script)
    case "zsh": invocation.output.write(ZshCompletion.script)
    case "fish": invocation.output.write(FishCompletion.script)
    default:
      throw EngineError(
        .usage, "completion", "there is no completion for \(goQuoted(operands[0]))",
        hint: "bash, zsh and fish are there")
    }
    return .success
  }
}
