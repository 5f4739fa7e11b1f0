internal import Basics

/// Why a function refused its arguments, in Go's words.
struct TemplateFunctionError: Error {
  var reason: String
}

/// The functions of Go's text/template and docker's additions.
enum TemplateFunctions {
  static let names: Set<String> = [
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "eq", "ne", "lt", "le", "gt", "ge",
    "html", "js", "urlquery", "json", "split", "join", "title", "lower", "upper", "pad", "truncate",
  ]

  static func call(_ name: String, _ arguments: [TemplateValue]) throws(TemplateFunctionError) -> TemplateValue {
    let values = arguments.map(\.json)
    switch name {
    case "and", "or": return arguments.last ?? TemplateValue(.null)
    case "not": return TemplateValue(.bool(!(try only(arguments)).isTrue))
    case "len": return TemplateValue(.integer(try length(of: try only(arguments).json)))
    case "index": return try index(arguments)
    case "slice": return TemplateValue(try slice(values))
    case "print": return text(goPrint(arguments))
    case "println": return text(arguments.map(goText).joined(separator: " ") + "\n")
    case "printf": return text(goFormat(try string(values.first), arguments.dropFirst().map(\.self)))
    case "eq": return TemplateValue(.bool(try isEqual(values)))
    case "ne": return TemplateValue(.bool(try !equal(try pair(values))))
    case "lt": return TemplateValue(.bool(try isLess(try pair(values))))
    case "le":
      let (a, b) = try pair(values)
      return TemplateValue(.bool(try !isLess((b, a))))
    case "gt":
      let (a, b) = try pair(values)
      return TemplateValue(.bool(try isLess((b, a))))
    case "ge": return TemplateValue(.bool(try !isLess(try pair(values))))
    case "html": return text(escapedHTML(goPrint(arguments)))
    case "js": return text(escapedScript(goPrint(arguments)))
    case "urlquery": return text(escapedQuery(goPrint(arguments)))
    case "json":
      let value = try only(arguments)
      return text((value.isMap ? value.json.sortedByName : value.json).text())
    case "split":
      let (whole, separator) = try pair(values)
      return TemplateValue(JSON(split(try string(whole), try string(separator))))
    case "join":
      let (list, separator) = try pair(values)
      guard case .array(let elements) = list else { throw TemplateFunctionError(reason: "expected a list of strings") }
      return text(elements.map { goText(TemplateValue($0)) }.joined(separator: try string(separator)))
    case "title": return text(titled(try string(values.first)))
    case "lower": return text(try string(values.first).lowercased())
    case "upper": return text(try string(values.first).uppercased())
    case "pad": return text(try pad(values))
    case "truncate":
      let (whole, count) = try pair(values)
      return text(String(try string(whole).unicodeScalars.prefix(Int(max(0, try integer(count))))))
    default: throw TemplateFunctionError(reason: "there is no such function")
    }
  }

  private static func text(_ value: String) -> TemplateValue { TemplateValue(.string(value)) }

  private static func only(_ arguments: [TemplateValue]) throws(TemplateFunctionError) -> TemplateValue {
    guard arguments.count == 1, let value = arguments.first else {
      throw TemplateFunctionError(reason: "wrong number of args: want 1 got \(arguments.count)")
    }
    return value
  }

  private static func pair(_ values: [JSON]) throws(TemplateFunctionError) -> (JSON, JSON) {
    guard values.count == 2 else {
      throw TemplateFunctionError(reason: "wrong number of args: want 2 got \(values.count)")
    }
    return (values[0], values[1])
  }

  private static func string(_ value: JSON?) throws(TemplateFunctionError) -> String {
    guard case .string(let text)? = value else {
      throw TemplateFunctionError(
        reason: "wrong type for value; expected string; got \(value.map(goType) ?? "nothing")")
    }
    return text
  }

  private static func integer(_ value: JSON) throws(TemplateFunctionError) -> Int64 {
    guard case .integer(let number) = value else {
      throw TemplateFunctionError(reason: "wrong type for value; expected int; got \(goType(value))")
    }
    return number
  }

  private static func length(of value: JSON) throws(TemplateFunctionError) -> Int64 {
    switch value {
    case .string(let text): Int64(text.utf8.count)
    case .array(let elements): Int64(elements.count)
    case .object(let object): Int64(object.members.count)
    case .null: 0
    default: throw TemplateFunctionError(reason: "len of type \(goType(value))")
    }
  }

  private static func index(_ arguments: [TemplateValue]) throws(TemplateFunctionError) -> TemplateValue {
    guard var value = arguments.first else { throw TemplateFunctionError(reason: "index of untyped nil") }
    for key in arguments.dropFirst() {
      switch (value.json, key.json) {
      case (.array(let elements), .integer(let place)):
        guard place >= 0, place < elements.count else {
          throw TemplateFunctionError(reason: "index out of range: \(place)")
        }
        value = TemplateValue(elements[Int(place)])
      case (.string(let text), .integer(let place)):
        let bytes = Array(text.utf8)
        guard place >= 0, place < bytes.count else {
          throw TemplateFunctionError(reason: "index out of range: \(place)")
        }
        value = TemplateValue(.integer(Int64(bytes[Int(place)])))
      case (.object(let object), .string(let name)):
        // Go's zero value of an absent key: empty text.
        value = object[name].map { TemplateValue($0, member: name) } ?? TemplateValue(.string(""))
      case (.null, _): value = TemplateValue(.string(""))
      default:
        throw TemplateFunctionError(reason: "cannot index slice/array with type \(goType(key.json))")
      }
    }
    return value
  }

  private static func slice(_ values: [JSON]) throws(TemplateFunctionError) -> JSON {
    guard let whole = values.first else { throw TemplateFunctionError(reason: "slice of untyped nil") }
    let count = try length(of: whole)
    var bounds: [Int64] = [0, count]
    for (place, value) in values.dropFirst().prefix(2).enumerated() {
      let bound = try integer(value)
      guard bound >= 0, bound <= count else { throw TemplateFunctionError(reason: "index out of range: \(bound)") }
      bounds[place] = bound
    }
    guard bounds[0] <= bounds[1] else {
      throw TemplateFunctionError(reason: "invalid slice index: \(bounds[0]) > \(bounds[1])")
    }
    let range = Int(bounds[0])..<Int(bounds[1])
    switch whole {
    case .string(let text): return .string(String(decoding: Array(text.utf8)[range], as: UTF8.self))
    case .array(let elements): return .array(Array(elements[range]))
    default: throw TemplateFunctionError(reason: "can't slice item of type \(goType(whole))")
    }
  }

  private static func isEqual(_ values: [JSON]) throws(TemplateFunctionError) -> Bool {
    guard let first = values.first, values.count > 1 else {
      throw TemplateFunctionError(reason: "missing argument for comparison")
    }
    for value in values.dropFirst() where try equal((first, value)) { return true }
    return false
  }

  private static func equal(_ values: (JSON, JSON)) throws(TemplateFunctionError) -> Bool {
    switch values {
    case (.null, .null): return true
    case (.null, _), (_, .null): return false
    case (.array, _), (_, .array), (.object, _), (_, .object):
      throw TemplateFunctionError(reason: "non-comparable type")
    default: break
    }
    guard goType(values.0) == goType(values.1) else {
      throw TemplateFunctionError(reason: "incompatible types for comparison")
    }
    return values.0 == values.1
  }

  private static func isLess(_ values: (JSON, JSON)) throws(TemplateFunctionError) -> Bool {
    switch values {
    case (.integer(let a), .integer(let b)): a < b
    case (.double(let a), .double(let b)): a < b
    case (.string(let a), .string(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
    default: throw TemplateFunctionError(reason: "incompatible types for comparison")
    }
  }

  private static func split(_ whole: String, _ separator: String) -> [String] {
    guard !separator.isEmpty else { return whole.map(String.init) }
    var parts: [String] = []
    var part: [UInt8] = []
    var rest = Array(whole.utf8)[...]
    while !rest.isEmpty {
      if rest.starts(with: separator.utf8) {
        parts.append(String(decoding: part, as: UTF8.self))
        part = []
        rest = rest.dropFirst(separator.utf8.count)
      } else {
        part.append(rest.removeFirst())
      }
    }
    return parts + [String(decoding: part, as: UTF8.self)]
  }

  private static func titled(_ text: String) -> String {
    var result = ""
    var startsWord = true
    for character in text {
      result += startsWord ? character.uppercased() : String(character)
      startsWord = character.isWhitespace
    }
    return result
  }

  private static func pad(_ values: [JSON]) throws(TemplateFunctionError) -> String {
    guard values.count == 3 else {
      throw TemplateFunctionError(reason: "wrong number of args: want 3 got \(values.count)")
    }
    let text = try string(values[0])
    guard !text.isEmpty else { return "" }
    let before = min(1024, max(0, try integer(values[1])))
    let after = min(1024, max(0, try integer(values[2])))
    return String(repeating: " ", count: Int(before)) + text + String(repeating: " ", count: Int(after))
  }

  private static func escapedHTML(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&#34;").replacing("'", with: "&#39;")
  }

  private static func escapedScript(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("'", with: "\\'").replacing("\"", with: "\\\"")
      .replacing("<", with: "\\u003C").replacing(">", with: "\\u003E").replacing("&", with: "\\u0026")
      .replacing("=", with: "\\u003D")
  }

  private static func escapedQuery(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      case 0x20: result += "+"
      default: result += "%" + hexText([byte]).uppercased()
      }
    }
    return result
  }
}
