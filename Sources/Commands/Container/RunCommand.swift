internal import Basics
internal import ContainerEngine
internal import Storage

/// `run`: makes a container and starts its program. In the foreground without a terminal this process becomes the
/// container's monitor.
enum RunCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image", .atLeast(1),
    interspersed: false, completion: .images)
  static let failureCode = ExitCode.engine

  static var flags: [Flag<ContainerOptions>] { ContainerFlags.forRun }
  static var refusedFlags: [Flag<ContainerOptions>] { ContainerFlags.refused }

  static func run(_ options: ContainerOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var request = try options.request(operands: operands)
    request.settings.creation = UnitWords.kept(invocation.words)
    let attach = options.detached ? nil : options.attach.request(openStdin: request.settings.openStdin)
    if let attach,
      let refusal = invocation.terminalComplaint(terminal: request.settings.terminal, stdin: attach.stdin)
    {
      return refusal
    }
    for warning in options.warnings { invocation.showWarning(warning) }
    let engine = try invocation.engine()
    invocation.warnOfBoot(request.settings.restart.name.rawValue, engine)
    let outcome = try engine.runContainer(
      request, attach: attach, observer: { invocation.pullObserver(isQuiet: options.isQuiet) }
    ) { invocation.showWarning($0) }
    return invocation.exitCode(of: outcome)
  }
}
