internal import ContainerEngine

/// `container exists`: 0 or 1 and no word, for scripts.
enum ContainerExistsCommand: Command {
  static let words = CommandWords(
    "CONTAINER", "Tell by the exit code whether a container exists", .exactly(1), completion: .containers)
  static let failureCode = ExitCode.engine

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().containerExists(operands[0]) ? .success : .failure
  }
}
