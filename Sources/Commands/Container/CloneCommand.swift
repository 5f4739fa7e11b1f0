internal import Basics
internal import ContainerEngine
internal import Storage

/// `container clone`: a container with the settings of another, and other limits if asked for.
enum CloneCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [NAME [IMAGE]]", "Create a container with the settings of another", .between(1, 3),
    completion: .containers)
  static let failureCode = ExitCode.engine

  struct Options: CommandOptions {
    var limits = ContainerOptions()
    var name: String?
    var destroys = false
    var force = false
    var starts = false
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("destroy", nil, "Remove the original container") { $0.destroys = $1 },
      .toggle("force", "f", "Remove the original container even if it runs") { $0.force = $1 },
      .text("name", nil, "string", "Set the name of the new container") {
        guard Identifier.isName($1) else {
          throw FlagValueError("Invalid container name (\($1)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        }
        $0.name = $1
      },
      .toggle("run", nil, "Start the new container") { $0.starts = $1 },
    ] + UpdateCommand.flags.map { $0.on(\.limits) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    if options.force, !options.destroys {
      throw EngineError(.usage, "", "cannot set --force without --destroy")
    }
    if options.name != nil, operands.count > 1 {
      throw EngineError(.usage, "", "the new container's name is given twice")
    }
    let engine = try invocation.engine()
    let id = try engine.cloneContainer(
      operands[0], to: options.name ?? (operands.count > 1 ? operands[1] : nil),
      image: operands.count > 2 ? operands[2] : nil, changes: options.limits.settings.resources,
      destroys: options.destroys, force: options.force)
    if options.starts { _ = try engine.startContainer(id, attach: nil, warn: invocation.showWarning) }
    invocation.output.line(id)
    return .success
  }
}
