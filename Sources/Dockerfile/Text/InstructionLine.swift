internal import Basics

/// An instruction's keyword, flags and the rest, which its payload takes apart.
struct InstructionLine {
  /// As written.
  var keyword: String
  /// `--name` and `--name=value`, quotes off.
  var flags: [String]
  /// Everything after the flags, without blanks at both ends.
  var rest: String
  var heredocs: [Heredoc]
  var escape: Unicode.Scalar

  /// Splits `text`; the keyword ends at the first blank.
  init(_ text: String, heredocs: [Heredoc] = [], escape: Unicode.Scalar) {
    let whole = trimmed(Substring(text).unicodeScalars)
    let word = whole.prefix { !isBlank($0) }
    keyword = String(word)
    (flags, rest) = Self.flags(of: whole.dropFirst(word.count), escape)
    self.heredocs = heredocs
    self.escape = escape
  }

  /// Only these may be followed by heredocs, also as a trigger, and not in JSON form.
  static func mayHaveHeredocs(_ text: String, _ escape: Unicode.Scalar) -> Bool {
    let line = InstructionLine(text, escape: escape)
    switch line.keyword.lowercased() {
    case "add", "copy", "run": return line.jsonWords == nil
    case "onbuild": return !line.rest.isEmpty && mayHaveHeredocsAsTrigger(line.rest, escape)
    default: return false
    }
  }

  private static func mayHaveHeredocsAsTrigger(_ text: String, _ escape: Unicode.Scalar) -> Bool {
    let line = InstructionLine(text, escape: escape)
    return ["add", "copy", "run"].contains(line.keyword.lowercased()) && line.jsonWords == nil
  }

  private static func flags(
    of text: Substring.UnicodeScalarView, _ escape: Unicode.Scalar
  ) -> ([String], String) {
    var flags: [String] = []
    var rest = trimmedLeft(text)
    while rest.starts(with: "--".unicodeScalars) {
      var word = String.UnicodeScalarView()
      var quote: Unicode.Scalar?
      while let scalar = rest.first {
        if quote == nil, scalar.properties.isWhitespace { break }
        rest.removeFirst()
        if let open = quote, scalar == open {
          quote = nil
        } else if quote == nil, scalar == "'" || scalar == "\"" {
          quote = scalar
        } else if scalar == escape {
          // An escape character at the very end is dropped.
          if let escaped = rest.popFirst() { word.append(escaped) }
        } else {
          word.append(scalar)
        }
      }
      rest = trimmedLeft(rest)
      // `--` ends the flags.
      if String(word) == "--" { break }
      flags.append(String(word))
    }
    return (flags, String(trimmed(rest)))
  }

  /// The words of the JSON form, nil for any other text: then it is the other form.
  var jsonWords: [String]? {
    guard rest.hasPrefix("["), let json = try? JSON(parsing: rest), case .array(let elements) = json else { return nil }
    var words: [String] = []
    for element in elements {
      guard case .string(let word) = element else { return nil }
      words.append(word)
    }
    return words
  }

  /// Refuses a JSON array of anything but strings, which is no shell command by intent.
  func checkJSON() throws(BuildDiagnostic) {
    // What is no JSON at all is the shell form.
    guard rest.hasPrefix("["), let json = try? JSON(parsing: rest), case .array(let elements) = json else { return }
    for element in elements {
      guard case .string = element else {
        throw BuildDiagnostic("when using JSON array syntax, arrays must be comprised of strings only", word: rest)
      }
    }
  }

  /// Shell form or exec form.
  func command() throws(BuildDiagnostic) -> CommandLine {
    try checkJSON()
    return jsonWords.map { .exec($0) } ?? .shell(rest)
  }

  /// JSON form, or words at blanks without regard to quotes.
  func list() throws(BuildDiagnostic) -> [String] {
    try checkJSON()
    return jsonWords ?? blankSeparated
  }

  var blankSeparated: [String] { rest.unicodeScalars.split(whereSeparator: isBlank).map { String($0) } }

  /// Words at blanks that are not quoted or escaped; quotes and escapes are still there.
  var quotedWords: [String] {
    var words: [String] = []
    var current = String.UnicodeScalarView()
    var quote: Unicode.Scalar?
    var scalars = rest.unicodeScalars[...]
    func end() {
      if !current.isEmpty { words.append(String(current)) }
      current = String.UnicodeScalarView()
    }
    while let scalar = scalars.popFirst() {
      if quote == nil, scalar.properties.isWhitespace {
        end()
        continue
      }
      if scalar == escape, quote != "'" {
        guard let escaped = scalars.popFirst() else { break }
        current.append(scalar)
        current.append(escaped)
        continue
      }
      if scalar == quote {
        quote = nil
      } else if quote == nil, scalar == "'" || scalar == "\"" {
        quote = scalar
      }
      current.append(scalar)
    }
    end()
    return words
  }

  /// The assignments of ENV and LABEL: `a=b c=d`, or the old `a b c d`, one assignment.
  func assignments() throws(BuildDiagnostic) -> [KeyValue] {
    let words = quotedWords
    guard let first = words.first else {
      throw BuildDiagnostic("\(keyword.uppercased()) requires at least one argument")
    }
    guard first.utf8.contains(UInt8(ascii: "=")) else {
      let name = rest.unicodeScalars.prefix { !isBlank($0) }
      let value = rest.unicodeScalars.dropFirst(name.count).drop { isBlank($0) }
      guard !value.isEmpty else { throw BuildDiagnostic("\(keyword.uppercased()) must have two arguments", word: rest) }
      return [KeyValue(key: String(name), value: String(value), usesSpace: true)]
    }
    var result: [KeyValue] = []
    for word in words {
      guard let equals = word.unicodeScalars.firstIndex(of: "=") else {
        throw BuildDiagnostic(
          "Syntax error - can't find = in \(goQuoted(word)). Must be of the form: name=value", word: word)
      }
      let name = String(word.unicodeScalars[..<equals])
      guard !name.isEmpty else {
        throw BuildDiagnostic("\(keyword.uppercased()) names can not be blank", word: word)
      }
      let value = word.unicodeScalars[word.unicodeScalars.index(after: equals)...]
      result.append(KeyValue(key: name, value: String(value)))
    }
    return result
  }

  /// The one argument of USER, WORKDIR and the like, which may have blanks in it.
  func single() throws(BuildDiagnostic) -> String {
    guard !rest.isEmpty else { throw BuildDiagnostic("\(keyword.uppercased()) requires exactly one argument") }
    return rest
  }
}

/// What separates the parts of an instruction.
func isBlank(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar {
  case "\t", "\u{B}", "\u{C}", "\r", " ": true
  default: false
  }
}
