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
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("attach", "a", "Attach STDOUT/STDERR and forward signals") { $0.attaches = $1 },
      AttachOptions.keysFlag.on(\.attach),
      .toggle("interactive", "i", "Attach container's STDIN") { $0.interactive = $1 },
      AttachOptions.proxyFlag.on(\.attach),
      .refused("checkpoint", nil, "string", because: "checkpoints are not in this version yet"),
      .refused("checkpoint-dir", nil, "string", because: "checkpoints are not in this version yet"),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    guard options.attaches || options.interactive else {
      return invocation.forEach(operands) { name in
        _ = try engine.startContainer(name, attach: nil, warn: invocation.showWarning)
        invocation.output.line(name)
      }
    }
    guard operands.count == 1 else {
      throw EngineError(.usage, "", "you cannot start and attach multiple containers at once")
    }
    var attach = options.attach.request(openStdin: false)
    attach.stdin = options.interactive
    return try invocation.exitCode(of: engine.startContainer(operands[0], attach: attach, warn: invocation.showWarning))
  }
}
