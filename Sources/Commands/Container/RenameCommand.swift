internal import ContainerEngine

/// `rename`: another name for a container.
enum RenameCommand: Command {
  static let words = CommandWords("CONTAINER NEW_NAME", "Rename a container", .exactly(2), completion: .containers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().renameContainer(operands[0], to: operands[1])
    return .success
  }
}
