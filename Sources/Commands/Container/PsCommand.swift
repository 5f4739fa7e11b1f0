internal import Basics
internal import ContainerEngine
internal import Storage

/// `ps`: the containers there are, in docker's columns.
enum PsCommand: Command {
  static let words = CommandWords("[OPTIONS]", "List containers", .none)

  struct Options: CommandOptions {
    var all = false
    var last: Int64 = -1
    var noTruncation = false
    var quiet = false
    var size = false
    var output = FormatOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", "a", "Show all containers (default shows just running)") { $0.all = $1 },
      FilterOptions.flag(short: "f").on(\.filter),
      FormatOptions.listFlag.on(\.output),
      .integer("last", "n", "int", "Show n last created containers (includes all states)") { $0.last = $1 }
        .defaulting(to: "-1"),
      .toggle("latest", "l", "Show the latest created container (includes all states)") { if $1 { $0.last = 1 } },
      .toggle("no-trunc", nil, "Don't truncate output") { $0.noTruncation = $1 },
      .toggle("quiet", "q", "Only display container IDs") { $0.quiet = $1 },
      .toggle("size", "s", "Display total file sizes") { $0.size = $1 },
      .refused("pod", nil, because: "pods are not in this version yet"),
      .refused("sort", nil, "string", because: "not in this version yet"),
      .refused("ns", nil, because: "not in this version yet"),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let format = try ListFormat(options.output.format)
    let engine = try invocation.engine()
    let needsSizes = options.size || (options.output.format ?? "").contains(".Size")
    let containers = try select(options, engine, sizes: needsSizes)
    for container in containers {
      if case .damaged(let reason) = container.state {
        invocation.warn("container \(Identifier.short(container.id)): \(reason)")
      }
    }
    if options.quiet {
      if options.output.format != nil {
        invocation.errors.line("WARNING: Ignoring custom format, because both --format and --quiet are set.")
      }
      for container in containers {
        invocation.output.line(options.noTruncation ? container.id : Identifier.short(container.id))
      }
      return .success
    }
    let columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"] + (options.size ? ["Size"] : [])
    let boot = engine.bootStatus()
    try ContainerRow.printer(columns: columns, truncates: !options.noTruncation, now: .now, boot: boot)
      .print(containers, as: format, to: invocation.output)
    return .success
  }

  /// The containers asked for, the newest first. Stopped ones are read only when they can be among them.
  private static func select(
    _ options: Options, _ engine: Engine, sizes: Bool
  ) throws -> [ContainerSummary] {
    let showsAll = options.all || options.last > 0 || ContainerFilter.asksForAll(options.filter)
    let comparesAges = !options.filter.values("before").isEmpty || !options.filter.values("since").isEmpty
    let all = try engine.listContainers(all: showsAll || comparesAges, sizes: sizes)
    let filter = try ContainerFilter(options.filter, among: all) { engine.ancestor($0) }
    let chosen = all.filter { (showsAll || isUp($0)) && filter.accepts($0) }
    return options.last > 0 ? Array(chosen.prefix(Int(min(options.last, 1 << 31)))) : chosen
  }

  private static func isUp(_ container: ContainerSummary) -> Bool {
    ["running", "paused", "restarting"].contains(container.stateName)
  }
}

/// A container's fields as templates of `ps` see them.
enum ContainerRow {
  static func printer(
    columns: [String], truncates: Bool, now: Timestamp, boot: BootStatus = BootStatus()
  ) -> ListPrinter<ContainerSummary> {
    ListPrinter(
      fields: [
        .init("ID", "CONTAINER ID") { truncates ? Identifier.short($0.id) : $0.id },
        .init("Image", "IMAGE") { image($0, truncates) },
        .init("Command", "COMMAND") { command($0.command, truncates) },
        .init("CreatedAt", "CREATED AT") { ListText.local($0.created) },
        .init("RunningFor", "CREATED") { HumanDuration.ago($0.created, now: now) },
        .init("Status", "STATUS") { status($0.state, now, health: $0.health) },
        .init("State", "STATE") { $0.stateName },
        .init("Ports", "PORTS") { PortText.column($0) },
        .init("Names", "NAMES") { $0.name },
        .init("Labels", "LABELS") { ListText.labels($0.labels) },
        .init("Mounts", "MOUNTS") { mounts($0.mounts, truncates) },
        .init("LocalVolumes", "LOCAL VOLUMES") { String($0.mounts.count { $0.kind == .volume }) },
        .init("Networks", "NETWORKS") { ($0.networks.isEmpty ? [$0.network] : $0.networks).joined(separator: ",") },
        .init("Boot", "BOOT") { $0.startsOnBoot ? boot.words : "no" },
        .init("Size", "SIZE") { size($0.sizes) },
      ], columns: columns
    ) { container, key in container.labels.last { $0.0 == key }?.1 ?? "" }
  }

  static func status(
    _ state: ContainerSummary.State, _ now: Timestamp, health: HealthRecord.Status? = nil
  ) -> String {
    switch state {
    case .created: "Created"
    case .running(let since): "Up " + length(since, now) + words(health)
    case .paused(let since): "Up \(length(since, now)) (Paused)"
    case .restarting(let code, let moment): "Restarting (\(code)) \(HumanDuration.ago(moment, now: now))"
    case .exited(let code, let moment): "Exited (\(code)) \(HumanDuration.ago(moment, now: now))"
    case .lost: "Exited (unknown)"
    case .damaged: "Dead"
    }
  }

  private static func words(_ health: HealthRecord.Status?) -> String {
    guard let health else { return "" }
    return health == .starting ? " (health: starting)" : " (\(health.rawValue))"
  }

  /// The program and its arguments, those with spaces in single quotes, as docker shows them.
  static func command(_ words: [String], _ truncates: Bool) -> String {
    let text = (words.prefix(1) + words.dropFirst().map { $0.contains(" ") ? "'\($0)'" : $0 }).joined(separator: " ")
    return goQuoted(truncates ? ListText.shortened(text, to: 20) : text)
  }

  private static func length(_ since: Timestamp, _ now: Timestamp) -> String {
    HumanDuration.text(nanoseconds: now.nanoseconds.subtractingReportingOverflow(since.nanoseconds).partialValue)
  }

  private static func image(_ container: ContainerSummary, _ truncates: Bool) -> String {
    let name = container.image.isEmpty ? container.imageID : container.image
    guard truncates, name.hasPrefix("sha256:") || Identifier.isID(name) else { return name }
    return ListText.shortID(name)
  }

  private static func mounts(_ mounts: [MountRequest], _ truncates: Bool) -> String {
    mounts.filter { $0.kind != .tmpfs }.map { truncates ? ListText.shortened($0.source, to: 15) : $0.source }
      .joined(separator: ",")
  }

  private static func size(_ sizes: (writable: Int64, root: Int64)?) -> String {
    guard let sizes else { return "0B" }
    let writable = ByteCount.decimalText(sizes.writable, digits: 3)
    return sizes.root > 0 ? "\(writable) (virtual \(ByteCount.decimalText(sizes.root, digits: 3)))" : writable
  }
}
