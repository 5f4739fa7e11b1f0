internal import Basics
internal import ContainerEngine

/// `kill`: a signal to a container's first process.
enum KillCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers", .atLeast(1),
    completion: .runningContainers)

  struct Options: CommandOptions {
    var signal = "KILL"
  }

  static var flags: [Flag<Options>] {
    [
      .text("signal", "s", "string", "Signal to send to the container") { $0.signal = try signal($1) }
        .completed(by: .words(ContainerFlags.signals))
    ]
  }

  /// A name or number that is a signal.
  static func signal(_ text: String) throws(FlagValueError) -> String {
    guard SignalName.number(of: text) != nil else { throw FlagValueError("invalid signal: \(text)") }
    return text
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      try engine.killContainer(name, signal: options.signal)
      invocation.output.line(name)
    }
  }
}
