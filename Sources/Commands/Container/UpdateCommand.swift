internal import Basics
internal import ContainerEngine
internal import Storage

/// `update`: other limits for containers, and another restart policy.
enum UpdateCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Update configuration of one or more containers", .atLeast(1),
    completion: .containers)

  private static let names: Set<String> = [
    "blkio-weight", "cpu-period", "cpu-quota", "cpu-shares", "cpus", "cpuset-cpus", "cpuset-mems", "memory",
    "memory-reservation", "memory-swap", "pids-limit",
  ]

  static var flags: [Flag<ContainerOptions>] {
    ContainerFlags.resources.filter { names.contains($0.name) } + [ContainerFlags.restartFlag]
  }

  static var refusedFlags: [Flag<ContainerOptions>] {
    [
      .refused("cpu-rt-period", nil, "int", because: "real-time limits are of cgroup v1 only"),
      .refused("cpu-rt-runtime", nil, "int", because: "real-time limits are of cgroup v1 only"),
      .refused("kernel-memory", nil, "bytes", because: "the kernel has this limit no more"),
    ]
  }

  static func run(_ options: ContainerOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let limits = options.settings.resources
    let restart = options.restartIsGiven ? options.settings.restart : nil
    guard !limits.isEmpty || restart != nil else {
      throw EngineError(
        .usage, "updating", "you must provide one or more flags when using this command",
        hint: "dhow update --help lists them")
    }
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      try engine.updateContainer(name, limits, restart: restart)
      invocation.output.line(name)
    }
  }
}
