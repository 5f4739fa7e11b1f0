/// Values of a TOML document: strings in four spellings, numbers, dates, arrays, inline tables.
extension TOMLReader {
  mutating func value() throws(TOMLSyntaxError) -> JSON {
    guard let byte = peek() else { throw failure("a value is missing") }
    switch byte {
    case UInt8(ascii: "\""):
      return .string(take("\"\"\"") ? try multilineBasicString() : try basicString())
    case UInt8(ascii: "'"):
      return .string(take("'''") ? try multilineLiteralString() : try literalString())
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      position += 1
      depth += 1
      defer { depth -= 1 }
      guard depth <= depthLimit else { throw failure("more than \(depthLimit) levels of values") }
      return byte == UInt8(ascii: "[") ? try array() : try inlineTable()
    default:
      return try word()
    }
  }

  private mutating func array() throws(TOMLSyntaxError) -> JSON {
    var elements: [JSON] = []
    while true {
      try skipBlankLines()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      elements.append(try value())
      try skipBlankLines()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      guard take(UInt8(ascii: ",")) else { throw failure("an array is not closed") }
    }
  }

  /// `"…"` with escapes, on one line.
  mutating func basicString() throws(TOMLSyntaxError) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = peek() {
      guard Self.isTextByte(byte) else { throw failure("a control character in a string") }
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): try escape(into: &text)
      default: text.append(byte)
      }
    }
    throw failure("a string is not closed")
  }

  /// `'…'`: every byte stands for itself.
  mutating func literalString() throws(TOMLSyntaxError) -> String {
    position += 1
    let start = position
    while let byte = peek() {
      guard Self.isTextByte(byte) else { throw failure("a control character in a string") }
      position += 1
      if byte == UInt8(ascii: "'") { return String(decoding: bytes[start..<(position - 1)], as: UTF8.self) }
    }
    throw failure("a string is not closed")
  }

  private mutating func multilineBasicString() throws(TOMLSyntaxError) -> String {
    var text: [UInt8] = []
    _ = takeNewline()
    while let byte = peek() {
      if takeEnd(UInt8(ascii: "\""), into: &text) { return String(decoding: text, as: UTF8.self) }
      if takeNewline() {
        text.append(0x0A)
        continue
      }
      position += 1
      if byte == UInt8(ascii: "\\") {
        if try !skipLineContinuation() { try escape(into: &text) }
      } else {
        guard Self.isTextByte(byte) else { throw failure("a control character in a string") }
        text.append(byte)
      }
    }
    throw failure("a string is not closed")
  }

  private mutating func multilineLiteralString() throws(TOMLSyntaxError) -> String {
    var text: [UInt8] = []
    _ = takeNewline()
    while let byte = peek() {
      if takeEnd(UInt8(ascii: "'"), into: &text) { return String(decoding: text, as: UTF8.self) }
      if takeNewline() {
        text.append(0x0A)
        continue
      }
      position += 1
      guard Self.isTextByte(byte) else { throw failure("a control character in a string") }
      text.append(byte)
    }
    throw failure("a string is not closed")
  }

  /// Three quotes close; up to two more right before them belong to the text.
  private mutating func takeEnd(_ quote: UInt8, into text: inout [UInt8]) -> Bool {
    var count = 0
    while count < 5, peek(count) == quote { count += 1 }
    guard count >= 3 else { return false }
    text.append(contentsOf: repeatElement(quote, count: count - 3))
    position += count
    return true
  }

  /// A backslash at the end of a line swallows all white space up to the next text.
  private mutating func skipLineContinuation() throws(TOMLSyntaxError) -> Bool {
    let start = position
    skipSpace()
    guard takeNewline() else {
      position = start
      return false
    }
    repeat { skipSpace() } while takeNewline()
    return true
  }

  /// What follows a backslash.
  private mutating func escape(into text: inout [UInt8]) throws(TOMLSyntaxError) {
    guard let byte = peek() else { throw failure("a string is not closed") }
    position += 1
    switch byte {
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): text.append(byte)
    case UInt8(ascii: "u"): try unicode(4, into: &text)
    case UInt8(ascii: "U"): try unicode(8, into: &text)
    default: throw failure("an unknown escape in a string")
    }
  }

  private mutating func unicode(_ digits: Int, into text: inout [UInt8]) throws(TOMLSyntaxError) {
    var code: UInt32 = 0
    for _ in 0..<digits {
      guard let byte = peek(), let digit = hexDigitValue(byte) else { throw failure("an unknown escape in a string") }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    guard let scalar = Unicode.Scalar(code) else { throw failure("an escape that is no Unicode character") }
    text.append(contentsOf: String(Character(scalar)).utf8)
  }

  /// A value without quotes or brackets: true, false, a number, or a date.
  private mutating func word() throws(TOMLSyntaxError) -> JSON {
    let start = position
    while let byte = peek(), Self.isWordByte(byte) { position += 1 }
    var word = String(decoding: bytes[start..<position], as: UTF8.self)
    // The one space within a value: between a date and its time.
    if Self.isDate(word), peek() == 0x20, let digit = peek(1), (0x30...0x39).contains(digit) {
      position += 1
      while let byte = peek(), Self.isWordByte(byte) { position += 1 }
      word = String(decoding: bytes[start..<position], as: UTF8.self)
    }
    switch word {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "inf", "+inf": return .double(.infinity)
    case "-inf": return .double(-.infinity)
    case "nan", "+nan", "-nan": return .double(.nan)
    default: break
    }
    if let integer = Self.integer(word) { return .integer(integer) }
    if let float = Self.float(word) { return .double(float) }
    if Self.isDateTime(word) { return .string(word) }
    throw failure(word.isEmpty ? "a value is missing" : "\"\(safeText(String(word.prefix(40))))\" is no value")
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"),
      UInt8(ascii: "."), UInt8(ascii: ":"):
      true
    default: false
    }
  }

  /// Digits with single underscores between them, nil for anything else; `allowed` says what a digit is.
  private static func digits(_ text: Substring, _ allowed: (UInt8) -> Bool) -> String? {
    let parts = text.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(allowed) }) else { return nil }
    return parts.joined()
  }

  private static func isDecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func integer(_ word: String) -> Int64? {
    let radixes: [(String, Int)] = [("0x", 16), ("0o", 8), ("0b", 2)]
    for (prefix, radix) in radixes where word.hasPrefix(prefix) {
      return digits(word.dropFirst(2)) { hexDigitValue($0).map { $0 < radix } ?? false }
        .flatMap { Int64($0, radix: radix) }
    }
    guard let text = decimal(word) else { return nil }
    return Int64(text)
  }

  /// A sign and digits without a leading zero, underscores removed.
  private static func decimal(_ word: String) -> String? {
    let sign = word.hasPrefix("-") ? "-" : ""
    let rest = word.hasPrefix("-") || word.hasPrefix("+") ? word.dropFirst() : word[...]
    guard let plain = digits(rest, isDecimal), plain == "0" || !plain.hasPrefix("0") else { return nil }
    return sign + plain
  }

  private static func float(_ word: String) -> Double? {
    var mantissa = word[...]
    var text = ""
    if let e = word.firstIndex(where: { $0 == "e" || $0 == "E" }) {
      let exponent = word[word.index(after: e)...]
      let unsigned = exponent.hasPrefix("-") || exponent.hasPrefix("+") ? exponent.dropFirst() : exponent
      guard let plain = digits(unsigned, isDecimal) else { return nil }
      text = "e" + (exponent.hasPrefix("-") ? "-" : "") + plain
      mantissa = word[..<e]
    } else if !word.contains(".") {
      return nil
    }
    if let dot = mantissa.firstIndex(of: ".") {
      guard let fraction = digits(mantissa[mantissa.index(after: dot)...], isDecimal) else { return nil }
      text = "." + fraction + text
      mantissa = mantissa[..<dot]
    }
    return decimal(String(mantissa)).flatMap { Double($0 + text) }
  }

  private static func isDate(_ text: some StringProtocol) -> Bool {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let month = number(parts[1], 2), let day = number(parts[2], 2),
      let year = number(parts[0], 4), (1...12).contains(month)
    else { return false }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return (1...days[month - 1]).contains(day)
  }

  private static func isTime(_ text: some StringProtocol) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, let hour = number(parts[0], 2), let minute = number(parts[1], 2) else { return false }
    let seconds = parts[2].split(separator: ".", omittingEmptySubsequences: false)
    guard seconds.count <= 2, let second = number(seconds[0], 2) else { return false }
    if seconds.count == 2, seconds[1].isEmpty || !seconds[1].utf8.allSatisfy(isDecimal) { return false }
    return hour < 24 && minute < 60 && second <= 60
  }

  /// A date, a time, or both with or without an offset (RFC 3339).
  private static func isDateTime(_ word: String) -> Bool {
    if isDate(word) || isTime(word) { return true }
    guard let split = word.firstIndex(where: { $0 == "T" || $0 == "t" || $0 == " " }), isDate(word[..<split]) else {
      return false
    }
    let rest = word[word.index(after: split)...]
    if rest.hasSuffix("Z") || rest.hasSuffix("z") { return isTime(rest.dropLast()) }
    guard let sign = rest.firstIndex(where: { $0 == "+" || $0 == "-" }) else { return isTime(rest) }
    let offset = rest[rest.index(after: sign)...]
    return isTime(rest[..<sign]) && offset.utf8.count == 5 && isTime(offset + ":00")
  }

  /// Exactly `count` decimal digits.
  private static func number(_ text: some StringProtocol, _ count: Int) -> Int? {
    guard text.utf8.count == count, text.utf8.allSatisfy(isDecimal) else { return nil }
    return Int(text)
  }
}
