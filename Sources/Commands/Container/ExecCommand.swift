internal import Basics
internal import ContainerEngine

/// `exec`: another program in a running container.
enum ExecCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container", .atLeast(2),
    interspersed: false, completion: .runningContainers)

  struct Options: CommandOptions {
    var request = ExecRequest(command: [])
    /// Files come before flags, as in `run`.
    var environmentFiles: [String] = []
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("detach", "d", "Detached mode: run command in the background") { $0.request.detached = $1 },
      .text("detach-keys", nil, "string", "Override the key sequence for detaching a container") {
        $0.request.detachKeys = try AttachOptions.checkedKeys($1)
      },
      .list("env", "e", "list", "Set environment variables") {
        if let variable = try EnvironmentSyntax.variable($1) { $0.request.environment.append(variable) }
      },
      .list("env-file", nil, "list", "Read in a file of environment variables") { $0.environmentFiles.append($1) }
        .completed(by: .files),
      .toggle("interactive", "i", "Keep STDIN open even if not attached") { $0.request.stdin = $1 },
      .toggle("privileged", nil, "Give extended privileges to the command") { $0.request.privileged = $1 },
      .toggle("tty", "t", "Allocate a pseudo-TTY") { $0.request.terminal = $1 },
      .text("user", "u", "string", "Username or UID (format: \"<name|uid>[:<group|gid>]\")") {
        $0.request.user = $1.isEmpty ? nil : $1
      },
      .text("workdir", "w", "string", "Working directory inside the container") {
        $0.request.workingDirectory = $1.isEmpty ? nil : $1
      },
      .refused("preserve-fds", nil, "uint", because: "not in this version yet"),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var request = options.request
    request.command = Array(operands.dropFirst())
    request.environment =
      try options.environmentFiles.flatMap(EnvironmentSyntax.variables(ofFile:)) + request.environment
    if !request.detached,
      let refusal = invocation.terminalComplaint(terminal: request.terminal, stdin: request.stdin)
    {
      return refusal
    }
    let outcome = try invocation.engine().execInContainer(operands[0], request)
    switch outcome {
    case .exited, .unheard: return invocation.exitCode(of: outcome)
    case .started: return .success
    case .detached: return invocation.leftByKeys(outcome) ?? .success
    }
  }
}
