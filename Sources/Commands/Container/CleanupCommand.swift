internal import ContainerEngine

/// `container cleanup`: what a killed monitor left of containers that do not run. Nothing is left otherwise.
enum CleanupCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Remove what a killed monitor left of containers", .atLeast(1),
    completion: .containers)

  struct Options: CommandOptions {
    var removes = false
    var selection = ContainerSelection()
  }

  static var flags: [Flag<Options>] {
    [
      ContainerSelection.allFlag("a", "Clean up all containers that do not run").on(\.selection),
      ContainerSelection.latestFlag("l").on(\.selection),
      .toggle("rm", nil, "Remove the containers as well") { $0.removes = $1 },
      .refused("exec", nil, "string", because: "exec sessions leave nothing behind"),
      .refused("rmi", because: "use `rmi`"),
    ]
  }

  static func needsNoOperands(_ options: Options) -> Bool { !options.selection.isEmpty }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(try options.selection.names(operands, .stopped, engine)) { name in
      invocation.output.line(try engine.cleanUpContainer(name, removes: options.removes))
    }
  }
}
