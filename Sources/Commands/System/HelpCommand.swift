internal import Basics

/// `help [COMMAND]`: the same as `COMMAND --help`.
enum HelpCommand: Command {
  static let words = CommandWords("[COMMAND]", "Help about the command", .atLeast(0))

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    Program(name: invocation.program, output: invocation.output, errors: invocation.errors).run(
      (operands + ["--help"])[...])
  }
}
