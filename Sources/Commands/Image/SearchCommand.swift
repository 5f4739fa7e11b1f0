internal import Basics
internal import ContainerEngine

/// `search`: repositories at Docker Hub, or at a registry that is named.
enum SearchCommand: Command {
  static let words = CommandWords("[OPTIONS] TERM", "Search Docker Hub or another registry for images", .exactly(1))

  struct Options: CommandOptions {
    var limit = 25
    var noTruncation = false
    var listsTags = false
    var isCompatible = false
    var filter = FilterOptions()
    var output = FormatOptions()
    var registry = RegistryFlags()
  }

  static var flags: [Flag<Options>] {
    [
      FilterOptions.flag(short: "f").on(\.filter),
      FormatOptions.listFlag.on(\.output),
      .integer("limit", nil, "int", "Max number of search results") {
        guard $1 >= 0, $1 <= 10_000 else { throw FlagValueError("limit must be between 1 and 10000") }
        $0.limit = $1 == 0 ? 25 : Int($1)
      }.defaulting(to: "25"),
      .toggle("list-tags", nil, "List the tags of the repository TERM names") { $0.listsTags = $1 },
      .toggle("no-trunc", nil, "Don't truncate output") { $0.noTruncation = $1 },
      .toggle("compatible", nil, "List stars, official and automated columns") { $0.isCompatible = $1 }.hidden,
    ] + RegistryFlags.flags.map { $0.on(\.registry) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let format = try ListFormat(options.output.format)
    let filter = try SearchFilter(options.filter)
    var request = SearchRequest(term: operands[0])
    request.limit = options.limit
    request.listsTags = options.listsTags
    request.access = options.registry.access
    let found = try invocation.engine().searchImages(request).filter(filter.accepts)
    let columns =
      options.listsTags
      ? ["Name", "Tag"]
      : ["Name", "Description", "StarCount", "IsOfficial"] + (options.isCompatible ? ["IsAutomated"] : [])
    try printer(columns: columns, truncates: !options.noTruncation).print(found, as: format, to: invocation.output)
    return .success
  }

  /// docker's fields, and podman's names for them.
  private static func printer(columns: [String], truncates: Bool) -> ListPrinter<FoundRepository> {
    func mark(_ isTrue: Bool) -> String { isTrue ? "[OK]" : "" }
    return ListPrinter(
      fields: [
        .init("Name", "NAME") { $0.name },
        .init("Description", "DESCRIPTION") {
          let line = $0.description.replacing("\n", with: " ").replacing("\r", with: " ")
          return truncates ? ListText.shortened(line, to: 45) : line
        },
        .init("StarCount", "STARS") { String($0.stars) },
        .init("IsOfficial", "OFFICIAL") { mark($0.isOfficial) },
        .init("IsAutomated", "AUTOMATED") { mark($0.isAutomated) },
        .init("Tag", "TAG") { $0.tag },
        .init("Index", "INDEX") { $0.registry },
        .init("Stars", "STARS") { String($0.stars) },
        .init("Official", "OFFICIAL") { mark($0.isOfficial) },
        .init("Automated", "AUTOMATED") { mark($0.isAutomated) },
      ], columns: columns)
  }
}

/// docker's filters of `search`.
struct SearchFilter {
  static let keys = ["is-automated", "is-official", "stars"]

  private let isOfficial: Bool?
  private let isAutomated: Bool?
  private let stars: Int64

  init(_ filters: FilterOptions) throws {
    try filters.check(Self.keys)
    do {
      isOfficial = try filters.values("is-official").last.map { try parseBool($0) }
      isAutomated = try filters.values("is-automated").last.map { try parseBool($0) }
    } catch let error as FlagValueError {
      throw EngineError(.usage, "reading a filter", error.reason, hint: error.hint)
    }
    var least: Int64 = 0
    for text in filters.values("stars") {
      guard let number = Int64(text), number >= 0 else {
        throw EngineError(.usage, "reading a filter", "invalid filter 'stars=\(text)'")
      }
      least = max(least, number)
    }
    stars = least
  }

  func accepts(_ found: FoundRepository) -> Bool {
    found.stars >= stars && isOfficial.map { $0 == found.isOfficial } ?? true
      && isAutomated.map { $0 == found.isAutomated } ?? true
  }
}
