internal import ContainerEngine

/// `healthcheck run`: one check of a container's health, now.
enum HealthcheckRunCommand: Command {
  static let words = CommandWords(
    "CONTAINER", "Run the health check of a container now", .exactly(1), completion: .runningContainers)
  static let failureCode = ExitCode.engine

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    if try invocation.engine().checkHealth(operands[0]) { return .success }
    invocation.output.line("unhealthy")
    return .failure
  }
}
