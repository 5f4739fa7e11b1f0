internal import ContainerEngine

/// How `stop` and `restart` end a program.
struct StopOptions: CommandOptions {
  var signal: String?
  var timeout: Int64?
  var selection = ContainerSelection()
  var onlyRunning = false

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

  static var flags: [Flag<StopOptions>] {
    StopOptions.flags + [
      ContainerSelection.allFlag("a", "Stop all running containers").on(\.selection),
      ContainerSelection.cidFileFlag.on(\.selection), ContainerSelection.filterFlag("f").on(\.selection),
      ContainerSelection.ignoreFlag("i").on(\.selection), ContainerSelection.latestFlag("l").on(\.selection),
    ]
  }

  static func needsNoOperands(_ options: StopOptions) -> Bool { !options.selection.isEmpty }

  static func run(_ options: StopOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    let names = try options.selection.names(operands, .running, engine)
    let batch = engine.stopBatch()
    let begun = names.map { name in
      Result { try engine.beginStop(name, timeout: options.timeout, signal: options.signal, in: batch) }
    }
    var next = begun.makeIterator()
    return options.selection.forEach(names, invocation) { name in
      try next.next()?.get()
      _ = try batch.wait(for: name) { invocation.showWarning($0) }
      invocation.output.line(name)
    }
  }
}
