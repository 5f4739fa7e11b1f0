internal import Basics
internal import ContainerEngine
internal import Networking

/// `network rm`.
enum NetworkRemoveCommand: Command {
  static let words = CommandWords(
    "NETWORK [NETWORK...]", "Remove one or more networks", .atLeast(1), completion: .networks)

  struct Options: CommandOptions { var force = false }

  static var flags: [Flag<Options>] {
    [.toggle("force", "f", "Do not error if the network does not exist") { $0.force = $1 }]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      try engine.removeNetwork(name, force: options.force)
      invocation.output.line(name)
    }
  }
}

/// `network prune`.
enum NetworkPruneCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Remove all unused networks", .none)

  struct Options: CommandOptions {
    var confirmation = ConfirmationOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [FilterOptions.flag(short: nil).on(\.filter), ConfirmationOptions.flag.on(\.confirmation)]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try options.filter.check(["label", "label!", "until"])
    let until: Timestamp?
    do {
      until = try options.filter.values("until").map { try TimeSyntax.moment($0) }.min()
    } catch let error as FlagValueError {
      throw EngineError(.usage, "reading a filter", error.reason, hint: error.hint)
    }
    guard
      try options.confirmation.agreed(
        "This will remove all custom networks not used by at least one container.", "removing unused networks",
        invocation)
    else { return .success }
    let report = try invocation.engine().pruneNetworks { network in
      options.filter.accepts(labels: network.labels.map { ($0.key, $0.value) })
        && (until.map { network.created < $0 } ?? true)
    }
    if !report.removed.isEmpty {
      invocation.output.line("Deleted Networks:")
      for name in report.removed { invocation.output.line(name) }
      invocation.output.line("")
    }
    for failure in report.failures { invocation.report(failure) }
    return report.failures.isEmpty ? .success : .failure
  }
}
