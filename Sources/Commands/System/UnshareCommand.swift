internal import ContainerEngine

/// `unshare`: a command, or a shell, in the engine's user namespace.
enum UnshareCommand: Command {
  static let words = CommandWords(
    "[COMMAND [ARG...]]", "Run a command in the engine's user namespace", .atLeast(0), interspersed: false)
  static let failureCode = ExitCode.engine

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().unshare(operands)
  }
}
