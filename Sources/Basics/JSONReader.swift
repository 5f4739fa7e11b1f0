/// What is wrong with a JSON text, and where.
package struct JSONSyntaxError: Error, Equatable, Sendable {
  package var reason: String
  /// Byte offset from the beginning of the text.
  package var offset: Int
}

extension JSON {
  /// Parses one JSON document (RFC 8259, strict: no comments, no trailing commas, valid UTF-8).
  ///
  /// Nesting beyond `depthLimit` is refused, so that a hostile document cannot exhaust the stack (SECURITY B7).
  /// - Throws: `JSONSyntaxError`.
  package init(parsing bytes: UnsafeRawBufferPointer, depthLimit: Int = 64) throws(JSONSyntaxError) {
    var reader = JSONReader(bytes: bytes, depthLimit: depthLimit)
    self = try reader.document()
  }

  package init(parsing bytes: [UInt8], depthLimit: Int = 64) throws(JSONSyntaxError) {
    let result: Result<JSON, JSONSyntaxError> = bytes.withUnsafeBytes { buffer in
      do throws(JSONSyntaxError) { return .success(try JSON(parsing: buffer, depthLimit: depthLimit)) } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }

  package init(parsing text: String, depthLimit: Int = 64) throws(JSONSyntaxError) {
    try self.init(parsing: Array(text.utf8), depthLimit: depthLimit)
  }
}

/// A recursive-descent reader over bytes; keys of up to 15 bytes cost no allocation.
private struct JSONReader {
  let bytes: UnsafeRawBufferPointer
  let depthLimit: Int
  var position = 0
  var depth = 0

  init(bytes: UnsafeRawBufferPointer, depthLimit: Int) {
    self.bytes = bytes
    self.depthLimit = depthLimit
  }

  mutating func document() throws(JSONSyntaxError) -> JSON {
    let result = try value()
    skipSpace()
    guard position == bytes.count else { throw failure("text after the end of the document") }
    return result
  }

  func failure(_ reason: String) -> JSONSyntaxError { JSONSyntaxError(reason: reason, offset: position) }

  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  mutating func value() throws(JSONSyntaxError) -> JSON {
    skipSpace()
    guard position < bytes.count else { throw failure("the document ends too early") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure("unexpected character")
    }
  }

  mutating func word(_ text: StaticString, _ value: JSON) throws(JSONSyntaxError) -> JSON {
    guard position + text.utf8CodeUnitCount <= bytes.count else { throw failure("unexpected word") }
    for index in 0..<text.utf8CodeUnitCount where bytes[position + index] != text.utf8Start[index] {
      throw failure("unexpected word")
    }
    position += text.utf8CodeUnitCount
    return value
  }

  mutating func enter() throws(JSONSyntaxError) {
    depth += 1
    guard depth <= depthLimit else { throw failure("nested deeper than \(depthLimit) levels") }
    position += 1
    skipSpace()
  }

  /// After an element: true when another follows, false at the closing byte.
  mutating func another(closing: UInt8) throws(JSONSyntaxError) -> Bool {
    skipSpace()
    guard position < bytes.count else { throw failure("the document ends too early") }
    let byte = bytes[position]
    guard byte == UInt8(ascii: ",") || byte == closing else { throw failure("expected a comma or the end") }
    position += 1
    return byte != closing
  }

  mutating func object() throws(JSONSyntaxError) -> JSON {
    try enter()
    defer { depth -= 1 }
    var members: [(name: String, value: JSON)] = []
    if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
      position += 1
      return .object(JSONObject())
    }
    repeat {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
        throw failure("expected a member name")
      }
      let name = try string()
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else { throw failure("expected a colon") }
      position += 1
      members.append((name, try value()))
    } while try another(closing: UInt8(ascii: "}"))
    return .object(JSONObject(members))
  }

  mutating func array() throws(JSONSyntaxError) -> JSON {
    try enter()
    defer { depth -= 1 }
    var elements: [JSON] = []
    if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
      position += 1
      return .array([])
    }
    repeat { elements.append(try value()) } while try another(closing: UInt8(ascii: "]"))
    return .array(elements)
  }

  mutating func string() throws(JSONSyntaxError) -> String {
    position += 1
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        let text = try utf8(start..<position)
        position += 1
        return text
      case UInt8(ascii: "\\"): return try escapedString(from: start)
      case 0..<0x20: throw failure("control character in a string")
      default: position += 1
      }
    }
    throw failure("a string without an end")
  }

  func utf8(_ range: Range<Int>) throws(JSONSyntaxError) -> String {
    let slice = UnsafeRawBufferPointer(rebasing: bytes[range]).assumingMemoryBound(to: UInt8.self)
    guard let text = String(validating: slice, as: UTF8.self) else { throw failure("invalid UTF-8 in a string") }
    return text
  }

  mutating func escapedString(from start: Int) throws(JSONSyntaxError) -> String {
    var text: [UInt8] = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let result = String(validating: text, as: UTF8.self) else {
          throw failure("invalid UTF-8 in a string")
        }
        return result
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw failure("control character in a string")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw failure("a string without an end")
  }

  mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
    guard position + 1 < bytes.count else { throw failure("a string without an end") }
    let kind = bytes[position + 1]
    position += 2
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "u"):
      let scalar = try unicodeEscape()
      text.append(contentsOf: String(Character(scalar)).utf8)
    default: throw failure("unknown escape")
    }
  }

  /// A \uXXXX escape, with its second half when it is a surrogate pair; a lone surrogate becomes U+FFFD as in Go.
  mutating func unicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
    let first = try hexQuad()
    if let scalar = Unicode.Scalar(first) { return scalar }
    if first < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    {
      let before = position
      position += 2
      let second = try hexQuad()
      if (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
      {
        return scalar
      }
      position = before
    }
    return "\u{FFFD}"
  }

  mutating func hexQuad() throws(JSONSyntaxError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw failure("a short \\u escape") }
    var result: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = hexDigitValue(bytes[position]) else { throw failure("a bad \\u escape") }
      result = result << 4 | UInt32(digit)
      position += 1
    }
    return result
  }

  mutating func number() throws(JSONSyntaxError) -> JSON {
    let start = position
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    let firstDigit = position
    let digits = skipDigits()
    guard digits > 0 else { throw failure("a number without digits") }
    guard digits == 1 || bytes[firstDigit] != UInt8(ascii: "0") else { throw failure("a number with a leading zero") }
    var isInteger = true
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      isInteger = false
      guard skipDigits() > 0 else { throw failure("a fraction without digits") }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      isInteger = false
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
        position += 1
      }
      guard skipDigits() > 0 else { throw failure("an exponent without digits") }
    }
    guard position - start <= 400 else { throw failure("a number of more than 400 characters") }
    let text = try utf8(start..<position)
    if isInteger, let integer = Int64(text) { return .integer(integer) }
    guard let double = Double(text), double.isFinite else { throw failure("a number out of range") }
    return .double(double)
  }

  mutating func skipDigits() -> Int {
    let start = position
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) { position += 1 }
    return position - start
  }
}
