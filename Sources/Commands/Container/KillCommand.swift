internal import Basics
internal import ContainerEngine

/// `kill`: a signal to a container's first process.
enum KillCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers", .atLeast(1),
    completion: .runningContainers)

  struct Options: CommandOptions {
    var signal = "KILL"
    var selection = ContainerSelection()
  }

  static var flags: [Flag<Options>] {
    [
      .text("signal", "s", "string", "Signal to send to the container") { $0.signal = try signal($1) }
        .completed(by: .words(ContainerFlags.signals)),
      ContainerSelection.allFlag("a", "Signal all running containers").on(\.selection),
      ContainerSelection.cidFileFlag.on(\.selection), ContainerSelection.latestFlag("l").on(\.selection),
    ]
  }

  static func needsNoOperands(_ options: Options) -> Bool { !options.selection.isEmpty }

  /// A name or number that is a signal.
  static func signal(_ text: String) throws(FlagValueError) -> String {
    guard SignalName.number(of: text) != nil else { throw FlagValueError("invalid signal: \(text)") }
    return text
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    let names = try options.selection.names(operands, .running, engine)
    return invocation.forEach(names) { name in
      try engine.killContainer(name, signal: options.signal)
      invocation.output.line(name)
    }
  }
}
