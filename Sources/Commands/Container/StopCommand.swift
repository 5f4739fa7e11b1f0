internal import ContainerEngine

/// How `stop` and `restart` end a program.
struct StopOptions: CommandOptions {
  var signal: String?
  var timeout: Int64?

  static var flags: [Flag<StopOptions>] {
    [
      .text("signal", "s", "string", "Signal to send to the container") { $0.signal = try KillCommand.signal($1) }
        .completed(by: .words(ContainerFlags.signals)),
      .integer("timeout", "t", "int", "Seconds to wait before killing the container") {
        $0.timeout = try ContainerFlags.timeout($1)
      }.alsoNamed("time"),
    ]
  }
}

/// `stop`: the stop signal, then KILL when the time is over.
enum StopCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers", .atLeast(1),
    completion: .runningContainers)

  static var flags: [Flag<StopOptions>] { StopOptions.flags }

  static func run(_ options: StopOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    let batch = engine.stopBatch()
    let begun = operands.map { name in
      Result { try engine.beginStop(name, timeout: options.timeout, signal: options.signal, in: batch) }
    }
    var next = begun.makeIterator()
    return invocation.forEach(operands) { name in
      try next.next()?.get()
      _ = try batch.wait(for: name)
      invocation.output.line(name)
    }
  }
}
