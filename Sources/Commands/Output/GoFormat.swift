internal import Basics
internal import Glibc

/// A value as Go's `%v` prints it.
func goText(_ value: TemplateValue) -> String {
  if value.isAbsent { return "<no value>" }
  switch value.json {
  case .null: return value.isMap ? "map[]" : value.isPointer ? "<nil>" : value.member == nil ? "<no value>" : "[]"
  case .bool(let flag): return flag ? "true" : "false"
  case .integer(let number): return String(number)
  case .double(let number): return goText(number)
  case .string(let text): return text
  case .array(let elements): return "[" + elements.map { goText(TemplateValue($0)) }.joined(separator: " ") + "]"
  case .object(let object):
    guard value.isMap || object.members.isEmpty else {
      return "{" + object.members.map { goText(TemplateValue($0.value, member: $0.name)) }.joined(separator: " ") + "}"
    }
    return "map["
      + object.members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
      .map { "\($0.name):" + goText(TemplateValue($0.value, member: $0.name)) }.joined(separator: " ") + "]"
  }
}

/// A number as Go prints it: whole ones below 1e21 without a fraction, the shortest digits else.
private func goText(_ number: Double) -> String {
  if number == number.rounded(), abs(number) < 1e21, let whole = Int64(exactly: number) { return String(whole) }
  return "\(number)"
}

/// Operands as Go's Sprint joins them: a space between two neither of which is text.
func goPrint(_ values: [TemplateValue]) -> String {
  var result = ""
  for (index, value) in values.enumerated() {
    if index > 0, value.json.stringValue == nil, values[index - 1].json.stringValue == nil { result += " " }
    result += goText(value)
  }
  return result
}

/// A value's type as Go names it in messages.
func goType(_ value: JSON) -> String {
  switch value {
  case .null: "<nil>"
  case .bool: "bool"
  case .integer: "int"
  case .double: "float64"
  case .string: "string"
  case .array: "[]interface {}"
  case .object: "map[string]interface {}"
  }
}

/// Go's Sprintf.
func goFormat(_ format: String, _ arguments: [TemplateValue]) -> String {
  var result = ""
  var rest = format.unicodeScalars[...]
  var next = arguments.startIndex
  while let scalar = rest.popFirst() {
    guard scalar == "%" else {
      result.unicodeScalars.append(scalar)
      continue
    }
    let directive = FormatDirective(&rest)
    guard let verb = directive.verb else { return result + "%!(NOVERB)" }
    if verb == "%" {
      result += "%"
    } else if next < arguments.endIndex {
      result += directive.text(of: arguments[next], verb)
      next += 1
    } else {
      result += "%!\(verb)(MISSING)"
    }
  }
  guard next < arguments.endIndex else { return result }
  return result + "%!(EXTRA "
    + arguments[next...].map { "\(goType($0.json))=\(goText($0))" }.joined(separator: ", ") + ")"
}

/// One `%` directive: flags, width, precision, verb.
private struct FormatDirective {
  /// Wider fields than this are cut: a template may not ask for gigabytes of spaces.
  private static let widthLimit = 1024
  var plus = false, minus = false, zero = false, space = false, sharp = false
  var width = 0
  var precision: Int?
  var verb: Unicode.Scalar?

  init(_ rest: inout Substring.UnicodeScalarView) {
    flags: while let flag = rest.first {
      switch flag {
      case "+": plus = true
      case "-": minus = true
      case "0": zero = true
      case " ": space = true
      case "#": sharp = true
      default: break flags
      }
      rest.removeFirst()
    }
    width = Self.number(&rest) ?? 0
    if rest.first == "." {
      rest.removeFirst()
      precision = Self.number(&rest) ?? 0
    }
    verb = rest.popFirst()
  }

  private static func number(_ rest: inout Substring.UnicodeScalarView) -> Int? {
    var value: Int?
    while let digit = rest.first, ("0"..."9").contains(digit) {
      value = min(widthLimit, (value ?? 0) * 10 + Int(digit.value - 0x30))
      rest.removeFirst()
    }
    return value
  }

  func text(of value: TemplateValue, _ verb: Unicode.Scalar) -> String {
    switch (verb, value.json) {
    case ("v", .string(let text)), ("s", .string(let text)): return fill(cut(text))
    case ("v", .integer), ("v", .double): return number(value.json, verb)
    case ("v", _): return fill(goText(value))
    case ("T", _): return fill(goType(value.json))
    case ("q", .string(let text)): return fill(goQuoted(cut(text)))
    case ("t", .bool): return fill(goText(value))
    case ("x", .string(let text)): return fill(hexText(Array(text.utf8)))
    case ("X", .string(let text)): return fill(hexText(Array(text.utf8)).uppercased())
    case ("d", .integer), ("b", .integer), ("o", .integer), ("x", .integer), ("X", .integer),
      ("e", .double), ("f", .double), ("g", .double), ("E", .double), ("F", .double), ("G", .double):
      return number(value.json, verb)
    case ("c", .integer(let code)):
      return fill(UInt32(exactly: code).flatMap(Unicode.Scalar.init).map { String(Character($0)) } ?? "\u{FFFD}")
    case ("U", .integer(let code)):
      let digits = String(max(0, code), radix: 16, uppercase: true)
      return fill("U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
    case ("s", .array(let elements)), ("d", .array(let elements)), ("q", .array(let elements)):
      var plain = self
      plain.width = 0
      return fill("[" + elements.map { plain.text(of: TemplateValue($0), verb) }.joined(separator: " ") + "]")
    default: return "%!\(verb)(\(goType(value.json))=\(goText(value)))"
    }
  }

  private func number(_ value: JSON, _ verb: Unicode.Scalar) -> String {
    var digits: String
    switch (value, verb) {
    case (.integer(let number), _):
      let radix = verb == "x" || verb == "X" ? 16 : verb == "o" ? 8 : verb == "b" ? 2 : 10
      digits = String(number, radix: radix, uppercase: verb == "X")
    case (.double(let number), "v"): digits = goText(number)
    case (.double(let number), _): digits = float(number, verb)
    default: return ""
    }
    let negative = digits.hasPrefix("-")
    let sign = negative ? "-" : plus ? "+" : space ? " " : ""
    if negative { digits.removeFirst() }
    if zero, !minus { digits = String(repeating: "0", count: max(0, width - sign.count - digits.count)) + digits }
    return fill(sign + digits)
  }

  private func float(_ value: Double, _ verb: Unicode.Scalar) -> String {
    if verb == "g" || verb == "G", precision == nil { return "\(value)".replacing(".0", with: "") }
    var buffer = [CChar](repeating: 0, count: Self.widthLimit + 400)
    let count = withVaList([value]) { vsnprintf(&buffer, buffer.count, "%.\(precision ?? 6)\(verb)", $0) }
    return String(decoding: buffer.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func cut(_ text: String) -> String {
    guard let precision else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.prefix(precision)))
  }

  private func fill(_ text: String) -> String {
    let missing = width - text.unicodeScalars.count
    guard missing > 0 else { return text }
    let spaces = String(repeating: " ", count: missing)
    return minus ? text + spaces : spaces + text
  }
}
