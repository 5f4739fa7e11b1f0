internal import ContainerEngine

/// `restart`: stop and start, with the same id and files.
enum RestartCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", .atLeast(1), completion: .containers)

  static var flags: [Flag<StopOptions>] {
    StopOptions.flags + [
      ContainerSelection.allFlag("a", "Restart all containers, whatever their state").on(\.selection),
      ContainerSelection.cidFileFlag.on(\.selection), ContainerSelection.filterFlag("f").on(\.selection),
      ContainerSelection.latestFlag("l").on(\.selection),
      .toggle("running", nil, "Restart the containers that are running") { $0.onlyRunning = $1 },
    ]
  }

  static func needsNoOperands(_ options: StopOptions) -> Bool { options.onlyRunning || !options.selection.isEmpty }

  static func run(_ options: StopOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    var selection = options.selection
    if options.onlyRunning { selection.all = true }
    let names = try selection.names(operands, options.onlyRunning ? .running : .all, engine)
    return selection.forEach(names, invocation) { name in
      try engine.restartContainer(name, timeout: options.timeout, signal: options.signal, warn: invocation.showWarning)
      invocation.output.line(name)
    }
  }
}
