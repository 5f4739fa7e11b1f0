internal import Basics
internal import ContainerEngine

/// `history`: how an image came to be, a row for each step.
enum HistoryCommand: Command {
  static let words = CommandWords("[OPTIONS] IMAGE", "Show the history of an image", .exactly(1), completion: .images)

  struct Options: CommandOptions {
    var human = true
    var noTruncation = false
    var quiet = false
    var output = FormatOptions()
  }

  static var flags: [Flag<Options>] {
    [
      FormatOptions.listFlag.on(\.output),
      .toggle("human", "H", "Print sizes and dates in human readable format") { $0.human = $1 }.defaulting(to: "true"),
      .toggle("no-trunc", nil, "Don't truncate output") { $0.noTruncation = $1 },
      .refused("platform", nil, "string", because: "several platforms of one image are not kept in this version yet"),
      .toggle("quiet", "q", "Only show image IDs") { $0.quiet = $1 },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let format = try ListFormat(options.output.format)
    let rows = try invocation.engine().imageHistory(operands[0])
    if options.quiet {
      for row in rows { invocation.output.line(shown(row.id, !options.noTruncation)) }
      return .success
    }
    let columns = ["ID", options.human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"]
    try printer(columns, truncates: !options.noTruncation, human: options.human, now: .now)
      .print(rows, as: format, to: invocation.output)
    return .success
  }

  private static func shown(_ id: String, _ truncates: Bool) -> String {
    truncates && id.hasPrefix("sha256:") ? ListText.shortID(id) : id
  }

  private static func printer(
    _ columns: [String], truncates: Bool, human: Bool, now: Timestamp
  ) -> ListPrinter<HistoryRow> {
    ListPrinter(
      fields: [
        .init("ID", "IMAGE") { shown($0.id, truncates) },
        .init("CreatedSince", "CREATED") { row in
          guard let created = row.created else { return "N/A" }
          return human ? HumanDuration.ago(created, now: now) : created.rfc3339
        },
        .init("CreatedAt", "CREATED AT") { $0.created?.rfc3339 ?? "" },
        .init("CreatedBy", "CREATED BY") { row in
          let text = row.createdBy.replacing("\t", with: " ")
          return truncates ? ListText.shortened(text, to: 45) : text
        },
        .init("Size", "SIZE") { human ? ByteCount.decimalText($0.size, digits: 3) : String($0.size) },
        .init("Comment", "COMMENT") { $0.comment },
      ], columns: columns)
  }
}
