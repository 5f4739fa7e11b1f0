internal import Basics
internal import ContainerEngine

/// `start`: runs stopped containers again, the last one perhaps with the caller's terminal.
enum StartCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Start one or more stopped containers", .atLeast(1), completion: .containers)

  struct Options: CommandOptions {
    var attaches = false
    var interactive = false
    var attach = AttachOptions()
    var selection = ContainerSelection()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("attach", "a", "Attach STDOUT/STDERR and forward signals") { $0.attaches = $1 },
      AttachOptions.keysFlag.on(\.attach),
      .toggle("interactive", "i", "Attach container's STDIN") { $0.interactive = $1 },
      AttachOptions.proxyFlag.on(\.attach),
      // -a is docker's --attach here.
      ContainerSelection.allFlag(nil, "Start all containers").on(\.selection),
      ContainerSelection.filterFlag("f").on(\.selection), ContainerSelection.latestFlag("l").on(\.selection),
      .refused("checkpoint", nil, "string", because: "checkpoints are not in this version yet"),
      .refused("checkpoint-dir", nil, "string", because: "checkpoints are not in this version yet"),
    ]
  }

  static func needsNoOperands(_ options: Options) -> Bool { !options.selection.isEmpty }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    // What a unit says after a boot.
    if options.selection.all { engine.removeLostOnes() }
    let names = try options.selection.names(operands, .stopped, engine)
    guard options.attaches || options.interactive else {
      return invocation.forEach(names) { name in
        _ = try engine.startContainer(name, attach: nil, warn: invocation.showWarning)
        invocation.output.line(name)
      }
    }
    guard names.count == 1 else {
      throw EngineError(.usage, "", "you cannot start and attach multiple containers at once")
    }
    var attach = options.attach.request(openStdin: false)
    attach.stdin = options.interactive
    return try invocation.exitCode(of: engine.startContainer(names[0], attach: attach, warn: invocation.showWarning))
  }
}
