internal import Basics
internal import ContainerEngine

/// `image prune`: images that nothing uses.
enum ImagePruneCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Remove unused images", .none)

  struct Options: CommandOptions {
    var all = false
    var dryRun = false
    var confirmation = ConfirmationOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", "a", "Remove all unused images, not just dangling ones") { $0.all = $1 },
      .toggle("dry-run", nil, "Only show what would be removed") { $0.dryRun = $1 },
      FilterOptions.flag(short: nil).on(\.filter),
      ConfirmationOptions.flag.on(\.confirmation),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try options.filter.check(["dangling", "label", "label!", "until"])
    var filters = options.filter
    let all = try options.all || filters.values("dangling").last.map { try !bool($0) } ?? false
    filters.filters.removeAll { $0.key == "dangling" }
    let filter = try ImageFilter(filters, among: [])
    guard
      try options.dryRun
        || options.confirmation.agreed(
          "This will remove all \(all ? "images without at least one container associated to them" : "dangling images").",
          "removing unused images", invocation)
    else { return .success }
    let report = try invocation.engine().pruneImages(all: all, dryRun: options.dryRun, filter.accepts)
    return show(report, title: "Deleted Images:", dryRun: options.dryRun, invocation)
  }

  private static func bool(_ text: String) throws(EngineError) -> Bool {
    do { return try parseBool(text) } catch { throw EngineError(.usage, "", "invalid filter 'dangling=\(text)'") }
  }
}

/// Shows what a prune did, in docker's form.
func show(_ report: PruneReport, title: String, dryRun: Bool, _ invocation: Invocation) -> ExitCode {
  if !report.removed.isEmpty {
    let title = dryRun ? title.replacing("Deleted", with: "Would delete") : title
    invocation.output.write(title + "\n" + report.removed.map { safeText($0) + "\n" }.joined() + "\n")
  }
  invocation.output.line(
    "\(dryRun ? "Space to be reclaimed" : "Total reclaimed space"): \(ByteCount.decimalText(report.reclaimedBytes))")
  for failure in report.failures { invocation.report(failure) }
  return report.failures.isEmpty ? .success : .failure
}
