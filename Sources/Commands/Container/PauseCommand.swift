internal import ContainerEngine

/// `pause`: all processes of a container stand still.
enum PauseCommand: Command {
  static let words = CommandWords(
    "CONTAINER [CONTAINER...]", "Pause all processes within one or more containers", .atLeast(1),
    completion: .runningContainers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      if let warning = try engine.pauseContainer(name) { invocation.warn(warning) }
      invocation.output.line(name)
    }
  }
}

/// `unpause`: they go on.
enum UnpauseCommand: Command {
  static let words = CommandWords(
    "CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers", .atLeast(1),
    completion: .runningContainers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      try engine.unpauseContainer(name)
      invocation.output.line(name)
    }
  }
}
