internal import Basics
internal import ContainerEngine
internal import Glibc

/// `images`: the images there are, a row for each name.
enum ImagesCommand: Command {
  static let words = CommandWords("[OPTIONS] [REPOSITORY[:TAG]]", "List images", .atMost(1), completion: .images)

  struct Options: CommandOptions {
    var digests = false
    var noTruncation = false
    var quiet = false
    var output = FormatOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", "a", "Show all images (default hides intermediate images)") { _, _ in },
      .toggle("digests", nil, "Show digests") { $0.digests = $1 },
      FilterOptions.flag(short: "f").on(\.filter),
      FormatOptions.listFlag.on(\.output),
      .toggle("no-trunc", nil, "Don't truncate output") { $0.noTruncation = $1 },
      .toggle("quiet", "q", "Only show image IDs") { $0.quiet = $1 },
      .refused("tree", nil, because: "several platforms of one image are not shown in this version yet"),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let format = try ListFormat(options.output.format)
    let all = try invocation.engine().listImages()
    var filters = options.filter
    if let name = operands.first { filters.filters.append(.init(key: "reference", value: name)) }
    let filter = try ImageFilter(filters, among: all)
    let rows = all.filter(filter.accepts).flatMap { image in ImageRow.rows(of: image, filter) }
    if options.quiet {
      for row in rows { invocation.output.line(options.noTruncation ? row.image.id : ListText.shortID(row.image.id)) }
      return .success
    }
    let columns = ["Repository", "Tag"] + (options.digests ? ["Digest"] : []) + ["ID", "CreatedSince", "Size"]
    try ImageRow.printer(columns: columns, truncates: !options.noTruncation, digests: options.digests, now: .now)
      .print(rows, as: format, to: invocation.output)
    return .success
  }
}

/// One name of an image.
struct ImageRow {
  let image: ImageSummary
  let repository: String
  let tag: String

  static func rows(of image: ImageSummary, _ filter: ImageFilter) -> [ImageRow] {
    let tags = image.tags.filter(filter.acceptsName)
    guard !tags.isEmpty else {
      // Pulled by its digest, or its tag has moved on: docker shows where it came from.
      let repository = image.repositoryDigests.first.map { String($0.prefix { $0 != "@" }) }
      return [ImageRow(image: image, repository: repository ?? "<none>", tag: "<none>")]
    }
    return tags.map { name in
      let parts = split(name)
      return ImageRow(image: image, repository: parts.repository, tag: parts.tag)
    }
  }

  /// The parts of `registry:5000/team/app:v1`.
  static func split(_ name: String) -> (repository: String, tag: String) {
    guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return (name, "<none>") }
    return (String(name[..<colon]), String(name[name.index(after: colon)...]))
  }

  static func printer(columns: [String], truncates: Bool, digests: Bool, now: Timestamp) -> ListPrinter<ImageRow> {
    ListPrinter(
      fields: [
        .init("ID", "IMAGE ID") { truncates ? ListText.shortID($0.image.id) : $0.image.id },
        .init("Repository", "REPOSITORY") { $0.repository },
        .init("Tag", "TAG") { $0.tag },
        .init("Digest", "DIGEST") { $0.repository == "<none>" ? "<none>" : $0.image.digest },
        .init("CreatedSince", "CREATED") { HumanDuration.ago($0.image.created, now: now) },
        .init("CreatedAt", "CREATED AT") { ListText.local($0.image.created) },
        .init("Size", "SIZE") { ByteCount.decimalText($0.image.size, digits: 3) },
        .init("VirtualSize", "SIZE") { ByteCount.decimalText($0.image.size) },
        .init("Containers", "CONTAINERS") { _ in "N/A" },
        .init("SharedSize", "SHARED SIZE") { _ in "N/A" },
        .init("UniqueSize", "UNIQUE SIZE") { _ in "N/A" },
      ], columns: columns)
  }
}

/// docker's filters of `images`, over summaries alone.
struct ImageFilter {
  static let keys = ["before", "dangling", "label", "label!", "reference", "since", "until"]

  private let filters: FilterOptions
  private let dangling: Bool?
  private let before: Timestamp?
  private let since: Timestamp?
  private let until: Timestamp?

  init(_ filters: FilterOptions, among all: [ImageSummary], now: Timestamp = .now) throws {
    try filters.check(Self.keys)
    self.filters = filters
    do {
      dangling = try filters.values("dangling").last.map { try parseBool($0) }
      until = try filters.values("until").map { try TimeSyntax.moment($0, now: now) }.min()
    } catch let error as FlagValueError {
      throw EngineError(.usage, "reading a filter", error.reason, hint: error.hint)
    }
    before = try filters.values("before").map { try Self.find($0, all).created }.min()
    since = try filters.values("since").map { try Self.find($0, all).created }.max()
  }

  func accepts(_ image: ImageSummary) -> Bool {
    if let dangling, dangling != image.tags.isEmpty { return false }
    guard filters.accepts(labels: image.labels.map { ($0.key, $0.value) }) else { return false }
    guard before.map({ image.created < $0 }) ?? true, since.map({ image.created > $0 }) ?? true,
      until.map({ image.created < $0 }) ?? true
    else { return false }
    return filters.values("reference").isEmpty || image.tags.contains(where: acceptsName)
  }

  /// Whether a name is one that `reference` asks for: a pattern of path names, with or without a tag.
  func acceptsName(_ name: String) -> Bool {
    let patterns = filters.values("reference")
    guard !patterns.isEmpty else { return true }
    let repository = ImageRow.split(name).repository
    return patterns.contains { pattern in
      fnmatch(pattern, name, FNM_PATHNAME) == 0 || fnmatch(pattern, repository, FNM_PATHNAME) == 0
    }
  }

  private static func find(_ name: String, _ all: [ImageSummary]) throws -> ImageSummary {
    let wanted = name.hasPrefix("sha256:") ? name : "sha256:" + name
    let tagged = ImageRow.split(name).tag == "<none>" ? name + ":latest" : name
    if let image = all.first(where: { $0.tags.contains(tagged) || $0.id == wanted }) { return image }
    let matches = all.filter { $0.id.hasPrefix(wanted) }
    guard let image = matches.first, matches.count == 1, !name.isEmpty else {
      throw EngineError(.notFound, "filtering images", "No such image: \(name)")
    }
    return image
  }
}
