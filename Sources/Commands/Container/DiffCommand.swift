internal import Basics
internal import ContainerEngine

/// `diff`: what a container changed of its image's files.
enum DiffCommand: Command {
  static let words = CommandWords(
    "CONTAINER[@N[..@M]]", "Inspect changes to files or directories on a container's filesystem", .exactly(1),
    completion: .containers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    for change in try invocation.engine().diffContainer(operands[0]) {
      invocation.output.line("\(change.kind) \(safeText(change.path))")
    }
    return .success
  }
}
