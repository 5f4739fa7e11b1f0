internal import Basics
internal import ContainerEngine

/// `system prune`: everything that nothing uses.
enum SystemPruneCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Remove unused data", .none)

  struct Options: CommandOptions {
    var all = false
    var volumes = false
    var dryRun = false
    var confirmation = ConfirmationOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", "a", "Remove all unused images not just dangling ones") { $0.all = $1 },
      .toggle("dry-run", nil, "Only show what would be removed") { $0.dryRun = $1 },
      FilterOptions.flag(short: nil).on(\.filter),
      ConfirmationOptions.flag.on(\.confirmation),
      .toggle("volumes", nil, "Prune anonymous volumes") { $0.volumes = $1 },
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
    let images = try ImageFilter(options.filter, among: [])
    let sort = options.all ? "images without at least one container associated to them" : "dangling images"
    guard
      try options.dryRun
        || options.confirmation.agreed(
          "This will remove:\n  - all stopped containers\n"
            + (options.volumes ? "  - all anonymous volumes not used by at least one container\n" : "")
            + "  - all \(sort)\n  - build cache\n", "removing unused data", invocation)
    else { return .success }
    let engine = try invocation.engine()
    let containers = try engine.pruneContainers(dryRun: options.dryRun) { container in
      options.filter.accepts(labels: container.labels) && (until.map { container.created < $0 } ?? true)
    }
    let volumes =
      options.volumes
      ? try engine.pruneVolumes(all: false, dryRun: options.dryRun) { options.filter.accepts(labels: $0.labels) }
      : PruneReport(removed: [], reclaimedBytes: 0)
    var builds = BuildPruneRequest()
    builds.dryRun = options.dryRun
    builds.unusedSince = until
    let steps = try engine.pruneBuilds(builds)
    let removed = try engine.pruneImages(all: options.all, dryRun: options.dryRun, images.accepts)
    let verb = options.dryRun ? "Would delete" : "Deleted"
    for (title, lines) in [
      ("Containers", containers.removed), ("Volumes", volumes.removed), ("Images", removed.removed),
      ("build cache objects", steps.removed),
    ] where !lines.isEmpty {
      invocation.output.write("\(verb) \(title):\n" + lines.map { safeText($0) + "\n" }.joined() + "\n")
    }
    let total = PruneReport(
      removed: [],
      reclaimedBytes: containers.reclaimedBytes + volumes.reclaimedBytes + steps.reclaimedBytes
        + removed.reclaimedBytes,
      failures: containers.failures + volumes.failures + removed.failures)
    return show(total, title: "", dryRun: options.dryRun, invocation)
  }
}
