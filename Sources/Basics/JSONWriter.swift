extension JSON {
  /// The document as UTF-8 bytes, members in their own order. With `indent`, pretty-printed with that many spaces a level.
  package func bytes(indent: Int? = nil, htmlSafe: Bool = false) -> [UInt8] {
    var writer = JSONWriter(indent: indent, htmlSafe: htmlSafe)
    writer.write(self)
    return writer.output
  }

  /// The document as text; see `bytes(indent:htmlSafe:)`.
  package func text(indent: Int? = nil, htmlSafe: Bool = false) -> String {
    String(decoding: bytes(indent: indent, htmlSafe: htmlSafe), as: UTF8.self)
  }

  /// The same document with the members of every object in byte order: the canonical form for digests and goldens.
  package var sortedByName: JSON {
    switch self {
    case .array(let elements): .array(elements.map(\.sortedByName))
    case .object(let object):
      .object(
        JSONObject(
          object.members.map { (name: $0.name, value: $0.value.sortedByName) }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }))
    default: self
    }
  }
}

private struct JSONWriter {
  var output: [UInt8] = []
  let indent: Int?
  /// Go's encoding/json escapes <, > and & in strings; `inspect` follows it where docker does.
  let htmlSafe: Bool
  var level = 0

  init(indent: Int?, htmlSafe: Bool) {
    self.indent = indent
    self.htmlSafe = htmlSafe
    output.reserveCapacity(1024)
  }

  mutating func write(_ value: JSON) {
    switch value {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): output.append(contentsOf: String(value).utf8)
    case .double(let value): write(double: value)
    case .string(let value): write(string: value)
    case .array(let elements): write(elements)
    case .object(let object): write(object)
    }
  }

  mutating func write(double value: Double) {
    if let integer = Int64(exactly: value), integer.magnitude < 1 << 53 {
      output.append(contentsOf: String(integer).utf8)
    } else {
      output.append(contentsOf: "\(value)".utf8)
    }
  }

  mutating func newline() {
    guard let indent else { return }
    output.append(UInt8(ascii: "\n"))
    output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * level))
  }

  mutating func write(_ elements: [JSON]) {
    output.append(UInt8(ascii: "["))
    level += 1
    for (index, element) in elements.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      newline()
      write(element)
    }
    level -= 1
    if !elements.isEmpty { newline() }
    output.append(UInt8(ascii: "]"))
  }

  mutating func write(_ object: JSONObject) {
    output.append(UInt8(ascii: "{"))
    level += 1
    for (index, member) in object.members.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      newline()
      write(string: member.name)
      output.append(UInt8(ascii: ":"))
      if indent != nil { output.append(UInt8(ascii: " ")) }
      write(member.value)
    }
    level -= 1
    if !object.members.isEmpty { newline() }
    output.append(UInt8(ascii: "}"))
  }

  mutating func write(string: String) {
    output.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        output.append(UInt8(ascii: "\\"))
        output.append(byte)
      case 0x0A: output.append(contentsOf: "\\n".utf8)
      case 0x0D: output.append(contentsOf: "\\r".utf8)
      case 0x09: output.append(contentsOf: "\\t".utf8)
      case 0..<0x20, 0x7F: unicodeEscape(byte)
      case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
        if htmlSafe { unicodeEscape(byte) } else { output.append(byte) }
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }

  mutating func unicodeEscape(_ byte: UInt8) {
    output.append(contentsOf: "\\u00".utf8)
    output.append(hexDigit(byte >> 4))
    output.append(hexDigit(byte & 15))
  }
}
