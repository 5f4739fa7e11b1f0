internal import Basics

/// `--format` as given.
package struct FormatOptions: CommandOptions, Equatable, Sendable {
  /// Nil when it was not given.
  package var format: String?

  package init() {}

  /// For commands that print a list.
  package static var listFlag: Flag<FormatOptions> {
    .text(
      "format", nil, "string",
      """
      Format output using a custom template:
      'table': Print output in table format with column headers (default)
      'table TEMPLATE': Print output in table format using the given Go template
      'json': Print in JSON format, one object per line
      'TEMPLATE': Print output using the given Go template
      """
    ) { $0.format = $1 }.completed(by: .words(["table", "json"]))
  }

  /// For commands that print whole objects.
  package static var objectFlag: Flag<FormatOptions> {
    .text(
      "format", "f", "string",
      """
      Format output using a custom template:
      'json': Print in JSON format
      'TEMPLATE': Print output using the given Go template
      """
    ) { $0.format = $1 }.completed(by: .words(["json"]))
  }
}

/// How a list is to be printed.
package enum ListFormat {
  /// The command's own columns.
  case table
  case tableTemplate(GoTemplate)
  case json
  case template(GoTemplate)

  /// Reads `--format`; nil and empty mean the table. As docker does, `\t` and `\n` in it stand for tab and newline.
  package init(_ format: String?) throws {
    let text = trimmed(format ?? "")
    switch text {
    case "", "table": self = .table
    case "json": self = .json
    default:
      let isTable = text.hasPrefix("table")
      let source = (isTable ? trimmed(String(text.dropFirst(5))) : text)
        .replacing("\\t", with: "\t").replacing("\\n", with: "\n")
      self = isTable ? .tableTemplate(try GoTemplate(source)) : .template(try GoTemplate(source))
    }
  }

  var isTable: Bool {
    switch self {
    case .table, .tableTemplate: true
    case .json, .template: false
    }
  }
}

private func trimmed(_ text: String) -> String {
  String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
}

/// A list for people: its columns, and the fields that templates see. A row's fields are made only when asked for.
package struct ListPrinter<Row> {
  /// A field with its heading in a table.
  package struct Field {
    let name: String
    let heading: String
    let value: (Row) -> String

    package init(_ name: String, _ heading: String, _ value: @escaping (Row) -> String) {
      self.name = name
      self.heading = heading
      self.value = value
    }
  }

  private let fields: [Field]
  /// The default columns, names of `fields`.
  private let columns: [String]
  /// Answers `.Label "x"`.
  private let label: (Row, String) -> String

  package init(fields: [Field], columns: [String], label: @escaping (Row, String) -> String = { _, _ in "" }) {
    self.fields = fields
    self.columns = columns
    self.label = label
  }

  package func print(_ rows: [Row], as format: ListFormat, to output: Output) throws {
    switch format {
    case .table:
      let shown = columns.compactMap { name in fields.first { $0.name == name } }
      output.write(
        Table.text(header: shown.map(\.heading), rows: rows.map { row in shown.map { safeText($0.value(row)) } }))
    case .json:
      for row in rows { output.line(object(row).sortedByName.text(htmlSafe: true)) }
    case .template(let template):
      for row in rows { output.line(safeLines(try render(template, row))) }
    case .tableTemplate(let template):
      var text =
        try template.render(JSON(fields.map { ($0.name, $0.heading) })) { name, arguments in
          name == "Label" ? arguments.first.map { .string(labelHeading($0.stringValue ?? "")) } : nil
        } + "\n"
      for row in rows { text += safeLines(try render(template, row)) + "\n" }
      output.write(Table.aligned(text))
    }
  }

  private func render(_ template: GoTemplate, _ row: Row) throws -> String {
    try template.render(object(row)) { name, arguments in
      guard name == "Label", let key = arguments.first?.stringValue else { return nil }
      return .string(label(row, key))
    }
  }

  private func object(_ row: Row) -> JSON { JSON(fields.map { ($0.name, $0.value(row)) }) }

  /// docker's heading of `.Label "com.x.kind"`: the last word of the key.
  private func labelHeading(_ key: String) -> String {
    let word = key.split(separator: ".").last.map(String.init) ?? key
    return word.replacing("-", with: " ").replacing("_", with: " ")
  }
}

/// Text safe to show whose own tabs and newlines stay.
func safeLines(_ text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
    line.split(separator: "\t", omittingEmptySubsequences: false).map { safeText(String($0)) }.joined(separator: "\t")
  }.joined(separator: "\n")
}
