internal import Basics
internal import ContainerEngine
internal import Storage

/// `create`: makes a container and prints its id; `start` runs it.
enum CreateCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container", .atLeast(1), interspersed: false,
    completion: .images)
  static let failureCode = ExitCode.engine

  static var flags: [Flag<ContainerOptions>] { ContainerFlags.forCreate }
  static var refusedFlags: [Flag<ContainerOptions>] { ContainerFlags.refused }

  static func run(_ options: ContainerOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var request = try options.request(operands: operands)
    request.settings.creation = UnitWords.kept(invocation.words)
    for warning in options.warnings { invocation.showWarning(warning) }
    let engine = try invocation.engine()
    invocation.warnOfBoot(request.settings.restart.name.rawValue, engine)
    let container = try engine.createContainer(request) {
      invocation.pullObserver(isQuiet: options.isQuiet)
    }
    for warning in container.warnings { invocation.showWarning(warning) }
    invocation.output.line(container.id)
    return .success
  }
}
