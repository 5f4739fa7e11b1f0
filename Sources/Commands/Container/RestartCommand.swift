internal import ContainerEngine

/// `restart`: stop and start, with the same id and files.
enum RestartCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", .atLeast(1), completion: .containers)

  static var flags: [Flag<StopOptions>] { StopOptions.flags }

  static func run(_ options: StopOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      try engine.restartContainer(name, timeout: options.timeout, signal: options.signal, warn: invocation.showWarning)
      invocation.output.line(name)
    }
  }
}
