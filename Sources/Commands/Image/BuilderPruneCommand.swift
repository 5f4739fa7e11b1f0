internal import Basics
internal import ContainerEngine

/// `builder prune`: what builds keep for later ones.
enum BuilderPruneCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Remove build cache", .none)

  struct Options: CommandOptions {
    var request = BuildPruneRequest()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", "a", "Remove cache mounts too") { $0.request.all = $1 },
      .toggle("dry-run", nil, "Only say what would be removed") { $0.request.dryRun = $1 },
      .list("filter", nil, "filter", "Provide filter values (e.g., \"until=24h\")") {
        guard $1.hasPrefix("until=") else { throw FlagValueError("invalid filter \(goQuoted($1)): known is until=") }
        $0.request.unusedSince = try TimeSyntax.moment(String($1.dropFirst("until=".count)), now: .now)
      },
      .toggle("force", "f", "Do not prompt for confirmation") { _, _ in },
      .bytes("keep-storage", nil, "Amount of disk space to keep for cache") { $0.request.keptBytes = $1 }
        .alsoNamed("max-used-space", "reserved-space"),
      .toggle("verbose", nil, "Provide more verbose output") { _, _ in }.hidden,
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let report = try invocation.engine().pruneBuilds(options.request)
    for id in report.removed { invocation.output.line(id) }
    invocation.output.line("Total:\t\(ByteCount.decimalText(report.reclaimedBytes, digits: 4))")
    return .success
  }
}
