internal import Basics

/// A piece of a template; `offset` is where it begins in the source, in bytes.
struct TemplateToken: Equatable {
  enum Kind: Equatable {
    case text(String)
    case open, close
    /// `.Name`; glued is true when it follows a `)` or another operand without a space.
    case field(String, glued: Bool)
    case dot
    case variable(String)
    case identifier(String)
    case string(String)
    case number(JSON)
    case pipe, leftParenthesis, rightParenthesis, comma, declare, assign
  }
  var kind: Kind
  var offset: Int
}

/// Cuts a template into text and the words of its actions (Go's text/template/parse/lex.go).
struct TemplateLexer {
  private let bytes: [UInt8]
  private let source: String
  private var position = 0
  private var tokens: [TemplateToken] = []
  /// The text before the next action loses its trailing space, or the text after the last one its leading space.
  private var trimsNext = false

  static func tokens(of source: String) throws(TemplateError) -> [TemplateToken] {
    var lexer = TemplateLexer(bytes: Array(source.utf8), source: source)
    while lexer.position < lexer.bytes.count { try lexer.textThenAction() }
    return lexer.tokens
  }

  private init(bytes: [UInt8], source: String) {
    self.bytes = bytes
    self.source = source
  }

  private mutating func textThenAction() throws(TemplateError) {
    let start = position
    while position < bytes.count, !at("{{") { position += 1 }
    let trimsBefore = at("{{-") && position + 3 < bytes.count && isSpace(bytes[position + 3])
    var text = bytes[start..<position]
    if trimsNext { text = text.drop(while: isSpace) }
    if trimsBefore { while let last = text.last, isSpace(last) { text.removeLast() } }
    trimsNext = false
    if !text.isEmpty { add(.text(String(decoding: text, as: UTF8.self)), start) }
    guard position < bytes.count else { return }
    let open = position
    position += trimsBefore ? 3 : 2
    if try comment() { return }
    add(.open, open)
    try action()
  }

  /// Skips `/* … */}}`; true when there was one.
  private mutating func comment() throws(TemplateError) -> Bool {
    let start = position
    while position < bytes.count, isSpace(bytes[position]) { position += 1 }
    guard at("/*") else {
      position = start
      return false
    }
    while position < bytes.count, !at("*/") { position += 1 }
    position += 2
    guard position <= bytes.count, endOfAction() else {
      throw TemplateError("comment ends before closing delimiter", at: start, in: source)
    }
    return true
  }

  /// Consumes `}}` or ` -}}`; true when it is there.
  private mutating func endOfAction() -> Bool {
    var place = position
    while place < bytes.count, isSpace(bytes[place]) { place += 1 }
    if place > position, place + 2 < bytes.count, bytes[place] == UInt8(ascii: "-"), starts("}}", place + 1) {
      position = place + 3
      trimsNext = true
      return true
    }
    guard starts("}}", place) else { return false }
    position = place + 2
    return true
  }

  private mutating func action() throws(TemplateError) {
    while true {
      let end = position
      if endOfAction() {
        add(.close, end)
        return
      }
      guard position < bytes.count else { throw TemplateError("unclosed action", at: position, in: source) }
      if isSpace(bytes[position]) {
        position += 1
      } else {
        try word()
      }
    }
  }

  private mutating func word() throws(TemplateError) {
    let start = position
    let byte = bytes[position]
    switch byte {
    case UInt8(ascii: "|"): single(.pipe)
    case UInt8(ascii: "("): single(.leftParenthesis)
    case UInt8(ascii: ")"): single(.rightParenthesis)
    case UInt8(ascii: ","): single(.comma)
    case UInt8(ascii: "="): single(.assign)
    case UInt8(ascii: ":"):
      guard at(":=") else { throw TemplateError("expected :=", at: start, in: source) }
      position += 2
      add(.declare, start)
    case UInt8(ascii: "\""): try quoted()
    case UInt8(ascii: "`"):
      guard let end = bytes[(start + 1)...].firstIndex(of: byte) else {
        throw TemplateError("unterminated raw quoted string", at: start, in: source)
      }
      position = end + 1
      add(.string(String(decoding: bytes[(start + 1)..<end], as: UTF8.self)), start)
    case UInt8(ascii: "."):
      position += 1
      let isGlued = start > 0 && !isSpace(bytes[start - 1]) && ![UInt8]("({|,=-".utf8).contains(bytes[start - 1])
      let name = takeName()
      add(name.isEmpty ? .dot : .field(name, glued: isGlued), start)
    case UInt8(ascii: "$"):
      position += 1
      add(.variable("$" + takeName()), start)
    case _ where isNumberStart(start): try number()
    case _ where isNameByte(byte): add(.identifier(takeName()), start)
    default:
      let character = String(decoding: bytes[start...].prefix(4), as: UTF8.self).first.map(String.init) ?? ""
      throw TemplateError("unexpected \(goQuoted(character)) in command", at: start, in: source)
    }
  }

  private mutating func quoted() throws(TemplateError) {
    let start = position
    position += 1
    while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\n") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
      throw TemplateError("unterminated quoted string", at: start, in: source)
    }
    position += 1
    guard let text = unquoted(bytes[(start + 1)..<(position - 1)]) else {
      throw TemplateError("invalid syntax", at: start, in: source)
    }
    add(.string(text), start)
  }

  private mutating func number() throws(TemplateError) {
    let start = position
    position += 1
    while position < bytes.count,
      isNameByte(bytes[position]) || bytes[position] == UInt8(ascii: ".")
        || (bytes[position] == UInt8(ascii: "-") && bytes[position - 1] | 0x20 == UInt8(ascii: "e"))
    { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    do {
      add(.number(.integer(try parseInteger(text))), start)
    } catch {
      guard let value = Double(text) else {
        throw TemplateError("bad number syntax: \(goQuoted(text))", at: start, in: source)
      }
      add(.number(.double(value)), start)
    }
  }

  private func isNumberStart(_ place: Int) -> Bool {
    if (0x30...0x39).contains(bytes[place]) { return true }
    guard bytes[place] == UInt8(ascii: "-") || bytes[place] == UInt8(ascii: "+") else { return false }
    return place + 1 < bytes.count && (0x30...0x39).contains(bytes[place + 1])
  }

  private mutating func takeName() -> String {
    let start = position
    while position < bytes.count, isNameByte(bytes[position]) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func single(_ kind: TemplateToken.Kind) {
    add(kind, position)
    position += 1
  }

  private mutating func add(_ kind: TemplateToken.Kind, _ offset: Int) {
    tokens.append(TemplateToken(kind: kind, offset: offset))
  }

  private func at(_ text: StaticString) -> Bool { starts(text, position) }

  private func starts(_ text: StaticString, _ place: Int) -> Bool {
    place + text.utf8CodeUnitCount <= bytes.count
      && text.withUTF8Buffer { $0.elementsEqual(bytes[place..<(place + $0.count)]) }
  }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

private func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: true
  default: false
  }
}

/// The text inside Go's double quotes; nil for an escape that is none.
private func unquoted(_ bytes: ArraySlice<UInt8>) -> String? {
  var result: [UInt8] = []
  var rest = bytes
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "\\") else {
      result.append(byte)
      continue
    }
    guard let escape = rest.popFirst() else { return nil }
    switch escape {
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "a"): result.append(0x07)
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "f"): result.append(0x0C)
    case UInt8(ascii: "v"): result.append(0x0B)
    case UInt8(ascii: "\\"), UInt8(ascii: "\""): result.append(escape)
    case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
      let width = escape == UInt8(ascii: "x") ? 2 : escape == UInt8(ascii: "u") ? 4 : 8
      guard rest.count >= width, let value = UInt32(String(decoding: rest.prefix(width), as: UTF8.self), radix: 16)
      else { return nil }
      rest = rest.dropFirst(width)
      if escape == UInt8(ascii: "x") {
        result.append(UInt8(value))
      } else {
        guard let scalar = Unicode.Scalar(value) else { return nil }
        result.append(contentsOf: String(scalar).utf8)
      }
    default: return nil
    }
  }
  return String(decoding: result, as: UTF8.self)
}
