internal import Basics
internal import ContainerEngine
internal import Networking

/// `network ls`.
enum NetworkListCommand: Command {
  static let words = CommandWords("[OPTIONS]", "List networks", .none)

  struct Options: CommandOptions {
    var noTruncation = false
    var quiet = false
    var output = FormatOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [
      FilterOptions.flag(short: "f").on(\.filter),
      FormatOptions.listFlag.on(\.output),
      .toggle("no-trunc", nil, "Do not truncate the output") { $0.noTruncation = $1 },
      .toggle("quiet", "q", "Only display network IDs") { $0.quiet = $1 },
    ]
  }

  private static let keys = ["dangling", "driver", "id", "label", "label!", "name", "scope", "type", "until"]

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let format = try ListFormat(options.output.format)
    try options.filter.check(keys)
    let all = try invocation.engine().listNetworks().filter { try accepts($0, options.filter) }
    if options.quiet {
      for network in all {
        invocation.output.line(options.noTruncation ? network.id : Identifier.short(network.id))
      }
      return .success
    }
    try ListPrinter<NetworkView>(
      fields: [
        .init("ID", "NETWORK ID") { options.noTruncation ? $0.id : Identifier.short($0.id) },
        .init("Name", "NAME") { $0.name },
        .init("Driver", "DRIVER") { $0.kind.rawValue },
        .init("Scope", "SCOPE") { _ in "local" },
        .init("IPv4", "IPV4") { "\($0.record.map { $0.ipv4 != nil } ?? true)" },
        .init("IPv6", "IPV6") { "\($0.record?.ipv6 != nil)" },
        .init("Internal", "INTERNAL") { "\($0.record?.isInternal ?? false)" },
        .init("Labels", "LABELS") { ListText.labels(labels($0)) },
        .init("CreatedAt", "CREATED AT") { ListText.local($0.created) },
      ], columns: ["ID", "Name", "Driver", "Scope"]
    ).print(all, as: format, to: invocation.output)
    return .success
  }

  private static func labels(_ network: NetworkView) -> [(String, String)] {
    (network.record?.labels ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func accepts(_ network: NetworkView, _ filter: FilterOptions) throws -> Bool {
    func any(_ key: String, _ fits: (String) throws -> Bool) rethrows -> Bool {
      let values = filter.values(key)
      return try values.isEmpty || values.contains(where: fits)
    }
    return try any("driver") { $0 == network.kind.rawValue }
      && any("id") { FilterPattern($0).isFound(in: network.id) }
      && any("name") { FilterPattern($0).isFound(in: network.name) }
      && any("scope") { $0 == "local" }
      && any("type") { type in
        guard ["builtin", "custom"].contains(type) else {
          throw EngineError(.usage, "", "invalid filter 'type=\(type)'")
        }
        return (type == "builtin") == network.isPredefined
      }
      && any("dangling") { text in
        guard ["true", "1", "false", "0"].contains(text) else {
          throw EngineError(.usage, "", "invalid filter 'dangling=\(text)'")
        }
        return ["true", "1"].contains(text) == (network.containers.isEmpty && !network.isPredefined)
      }
      && filter.accepts(labels: labels(network))
  }
}

/// `network inspect`.
enum NetworkInspectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] NETWORK [NETWORK...]", "Display detailed information on one or more networks", .atLeast(1),
    completion: .networks)

  struct Options: CommandOptions {
    var output = FormatOptions()
    var verbose = false
  }

  static var flags: [Flag<Options>] {
    [
      FormatOptions.objectFlag.on(\.output),
      .toggle("verbose", "v", "Verbose output for diagnostics") { $0.verbose = $1 },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return try ObjectPrinter(options.output.format).print(operands, invocation) { try engine.inspectNetwork($0) }
  }
}

/// `network exists`: 0 or 1 and no word, for scripts.
enum NetworkExistsCommand: Command {
  static let words = CommandWords(
    "NETWORK", "Tell by the exit code whether a network exists", .exactly(1), completion: .networks)
  static let failureCode = ExitCode.engine

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().networkExists(operands[0]) ? .success : .failure
  }
}
