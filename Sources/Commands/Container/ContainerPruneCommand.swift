internal import Basics
internal import ContainerEngine

/// `container prune`: all stopped containers.
enum ContainerPruneCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Remove all stopped containers", .none)

  struct Options: CommandOptions {
    var dryRun = false
    var confirmation = ConfirmationOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("dry-run", nil, "Only show what would be removed") { $0.dryRun = $1 },
      FilterOptions.flag(short: nil).on(\.filter), ConfirmationOptions.flag.on(\.confirmation),
    ]
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
      try options.dryRun
        || options.confirmation.agreed(
          "This will remove all stopped containers.", "removing stopped containers", invocation)
    else { return .success }
    let report = try invocation.engine().pruneContainers(dryRun: options.dryRun) { container in
      options.filter.accepts(labels: container.labels) && (until.map { container.created < $0 } ?? true)
    }
    return show(report, title: "Deleted Containers:", dryRun: options.dryRun, invocation)
  }
}
