internal import ContainerEngine

/// `attach`: the caller's streams on a running container.
enum AttachCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER", "Attach local standard input, output, and error streams to a running container",
    .exactly(1), completion: .runningContainers)

  struct Options: CommandOptions {
    var stdin = true
    var attach = AttachOptions()
  }

  static var flags: [Flag<Options>] {
    [
      AttachOptions.keysFlag.on(\.attach),
      .toggle("no-stdin", nil, "Do not attach STDIN") { $0.stdin = !$1 },
      AttachOptions.proxyFlag.on(\.attach),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let request = options.attach.request(openStdin: options.stdin)
    let outcome = try invocation.engine().attachToContainer(operands[0], request)
    return invocation.leftByKeys(outcome) ?? invocation.exitCode(of: outcome)
  }
}
