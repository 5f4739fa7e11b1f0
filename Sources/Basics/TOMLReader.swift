/// What is wrong with a TOML text, and where.
package struct TOMLSyntaxError: Error, Equatable, Sendable {
  package var reason: String
  /// Counted from 1.
  package var line: Int
}

extension JSON {
  /// Parses one TOML 1.0.0 document (toml.io/en/v1.0.0, strict) into the same value a JSON document has, so that both
  /// kinds of configuration are read by `JSONFields`. Dates and times become the text they were written as: no
  /// configuration we read has one.
  ///
  /// Nesting beyond `depthLimit` is refused; the caller bounds the size.
  /// - Throws: `TOMLSyntaxError`.
  package init(parsingTOML bytes: [UInt8], depthLimit: Int = 32) throws(TOMLSyntaxError) {
    var reader = TOMLReader(bytes: bytes, depthLimit: depthLimit)
    self = try reader.document()
  }
}

/// A table while the document is read. Which statements may still add to it depends on what made it.
private final class TOMLTable {
  enum Origin: Equatable {
    /// Named only on the way to another: `a` of `[a.b]`.
    case implied
    /// `[a]` itself, or an element of `[[a]]`.
    case header
    /// `a` of `a.b = 1`, below the header with that number.
    case dotted(Int)
  }

  enum Item {
    case value(JSON)
    case table(TOMLTable)
    case tables([TOMLTable])
  }

  var origin: Origin
  var names: [String] = []
  var items: [String: Item] = [:]

  init(_ origin: Origin) { self.origin = origin }

  func add(_ name: String, _ item: Item) {
    names.append(name)
    items[name] = item
  }

  var json: JSON {
    var object = JSONObject()
    for name in names {
      switch items[name] {
      case .value(let value): object.members.append((name, value))
      case .table(let table): object.members.append((name, table.json))
      case .tables(let tables): object.members.append((name, .array(tables.map(\.json))))
      case nil: break
      }
    }
    return .object(object)
  }
}

/// The statements of a document: headers and `key = value`. Values are in TOMLReader+Values.swift.
struct TOMLReader {
  let bytes: [UInt8]
  let depthLimit: Int
  var position = 0
  var depth = 0

  init(bytes: [UInt8], depthLimit: Int) {
    self.bytes = bytes
    self.depthLimit = depthLimit
  }

  mutating func document() throws(TOMLSyntaxError) -> JSON {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw failure("the text is not valid UTF-8") }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    let root = TOMLTable(.header)
    var current = root
    var section = 0
    while true {
      try skipBlankLines()
      guard let byte = peek() else { return root.json }
      if byte == UInt8(ascii: "[") {
        section += 1
        current = try header(root)
      } else {
        try assignment(in: current, section)
      }
      try endOfLine()
    }
  }

  /// `[a.b]` or `[[a.b]]`: the table that the following lines fill.
  private mutating func header(_ root: TOMLTable) throws(TOMLSyntaxError) -> TOMLTable {
    position += 1
    let isArray = take(UInt8(ascii: "["))
    let path = try keyPath()
    guard take(UInt8(ascii: "]")), !isArray || take(UInt8(ascii: "]")) else {
      throw failure("a table's header is not closed")
    }
    var parent = root
    for name in path.dropLast() { parent = try step(into: name, of: parent) }
    let last = path[path.count - 1]
    let table = TOMLTable(.header)
    switch (isArray, parent.items[last]) {
    case (true, nil): parent.add(last, .tables([table]))
    case (true, .tables(let tables)): parent.items[last] = .tables(tables + [table])
    case (false, nil): parent.add(last, .table(table))
    case (false, .table(let known)) where known.origin == .implied:
      known.origin = .header
      return known
    default: throw failure("\"\(safeText(last))\" is defined twice")
    }
    return table
  }

  /// The table `name` on the way to the one a header defines.
  private func step(into name: String, of parent: TOMLTable) throws(TOMLSyntaxError) -> TOMLTable {
    switch parent.items[name] {
    case nil:
      let table = TOMLTable(.implied)
      parent.add(name, .table(table))
      return table
    case .table(let table): return table
    case .tables(let tables): return tables[tables.count - 1]
    case .value: throw failure("\"\(safeText(name))\" is a value, not a table")
    }
  }

  /// `a.b = value` below the header that is the document's `section`th.
  private mutating func assignment(in table: TOMLTable, _ section: Int) throws(TOMLSyntaxError) {
    let path = try keyPath()
    guard take(UInt8(ascii: "=")) else { throw failure("there is no = after a key") }
    skipSpace()
    let value = try value()
    try set(path, .value(value), in: table, section)
  }

  private func set(
    _ path: [String], _ item: TOMLTable.Item, in table: TOMLTable, _ section: Int
  ) throws(TOMLSyntaxError) {
    var parent = table
    for name in path.dropLast() {
      switch parent.items[name] {
      case nil:
        let made = TOMLTable(.dotted(section))
        parent.add(name, .table(made))
        parent = made
      // Only dotted keys of the same section may go on with a table (TOML 1.0.0, "Table").
      case .table(let known) where known.origin == .dotted(section): parent = known
      default: throw failure("\"\(safeText(name))\" cannot be extended here")
      }
    }
    let last = path[path.count - 1]
    guard parent.items[last] == nil else { throw failure("\"\(safeText(last))\" is defined twice") }
    parent.add(last, item)
  }

  /// `{ a = 1, b.c = 2 }` after its brace: complete in itself, nothing adds to it later.
  mutating func inlineTable() throws(TOMLSyntaxError) -> JSON {
    let table = TOMLTable(.header)
    skipSpace()
    if take(UInt8(ascii: "}")) { return table.json }
    while true {
      skipSpace()
      try assignment(in: table, 0)
      skipSpace()
      if take(UInt8(ascii: "}")) { return table.json }
      guard take(UInt8(ascii: ",")) else { throw failure("an inline table is not closed on its line") }
    }
  }

  /// `a."b c".d`, with the space around it.
  private mutating func keyPath() throws(TOMLSyntaxError) -> [String] {
    var path: [String] = []
    repeat {
      skipSpace()
      path.append(try key())
      skipSpace()
      guard path.count <= depthLimit else { throw failure("more than \(depthLimit) levels of tables") }
    } while take(UInt8(ascii: "."))
    return path
  }

  private mutating func key() throws(TOMLSyntaxError) -> String {
    switch peek() {
    case UInt8(ascii: "\""): return try basicString()
    case UInt8(ascii: "'"): return try literalString()
    default: break
    }
    let start = position
    while let byte = peek(), Self.isBareKey(byte) { position += 1 }
    guard position > start else { throw failure("a key is missing") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private static func isBareKey(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

// The bytes below both halves of the reader.
extension TOMLReader {
  func failure(_ reason: String) -> TOMLSyntaxError {
    TOMLSyntaxError(reason: reason, line: 1 + bytes.prefix(position).count { $0 == 0x0A })
  }

  func peek(_ distance: Int = 0) -> UInt8? {
    position + distance < bytes.count ? bytes[position + distance] : nil
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  mutating func take(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard position + count <= bytes.count else { return false }
    for index in 0..<count where bytes[position + index] != text.utf8Start[index] { return false }
    position += count
    return true
  }

  mutating func skipSpace() {
    while peek() == 0x20 || peek() == 0x09 { position += 1 }
  }

  /// A line feed, with or without a carriage return before it.
  mutating func takeNewline() -> Bool {
    if peek() == 0x0D, peek(1) == 0x0A {
      position += 2
      return true
    }
    return take(0x0A)
  }

  mutating func skipComment() throws(TOMLSyntaxError) {
    guard take(UInt8(ascii: "#")) else { return }
    while let byte = peek(), byte != 0x0A, !(byte == 0x0D && peek(1) == 0x0A) {
      guard Self.isTextByte(byte) else { throw failure("a control character in a comment") }
      position += 1
    }
  }

  mutating func skipBlankLines() throws(TOMLSyntaxError) {
    repeat {
      skipSpace()
      try skipComment()
    } while takeNewline()
  }

  private mutating func endOfLine() throws(TOMLSyntaxError) {
    skipSpace()
    try skipComment()
    guard peek() == nil || takeNewline() else { throw failure("text after the end of a value or header") }
  }

  /// Tab and everything that is no control character.
  static func isTextByte(_ byte: UInt8) -> Bool { byte == 0x09 || (byte >= 0x20 && byte != 0x7F) }
}
