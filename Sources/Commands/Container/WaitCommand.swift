internal import ContainerEngine

/// `wait`: the exit codes of containers, once they have ended.
enum WaitCommand: Command {
  static let words = CommandWords(
    "CONTAINER [CONTAINER...]", "Block until one or more containers stop, then print their exit codes", .atLeast(1),
    completion: .runningContainers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      invocation.output.line(String(try engine.waitForContainer(name)))
      try invocation.output.flush()
    }
  }
}
