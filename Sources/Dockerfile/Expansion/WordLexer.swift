internal import Basics

/// How a text is taken apart: BuildKit's lexer has these switches, and its uses of them make the language.
struct LexerOptions {
  /// Backslash, or what `# escape=` said.
  var escape: Unicode.Scalar = "\\"
  /// Quotes are copied into the result.
  var keepsQuotes = false
  /// Escape characters are copied into the result.
  var keepsEscapes = false
  /// Quotes mean nothing (bodies of heredocs).
  var ignoresQuotes = false
  /// `$name` stays when the variable is not set.
  var keepsUnset = false
}

/// Puts variables into a text and takes its quotes off, as a POSIX shell does for one word: `$v`, `${v}`, `:-` `-`
/// `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//`. Errors have no place.
struct WordLexer {
  /// The text in one piece.
  private(set) var result = ""
  /// The text split at the blanks that are neither quoted nor escaped; blanks from variables split too.
  private(set) var words: [String] = []
  /// Names that were looked up, found or not, in the order of their first appearance.
  private(set) var used: [String] = []
  private(set) var undefined: [String] = []

  private let text: [Unicode.Scalar]
  private let variables: Variables
  private var options: LexerOptions
  private var position = 0
  private var depth = 0
  private var budget: ExpansionBudget

  /// Takes `text` apart; `budget` is what is left of the instruction's limits, and afterwards less.
  init(
    _ text: String, variables: Variables, options: LexerOptions, budget: inout ExpansionBudget
  ) throws(BuildDiagnostic) {
    self.text = Array(text.unicodeScalars)
    self.variables = variables
    self.options = options
    self.budget = budget
    (result, words) = try pieces(until: nil, keepsEscapes: options.keepsEscapes)
    budget = self.budget
  }

  private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

  private mutating func take() -> Unicode.Scalar? {
    guard position < text.count else { return nil }
    defer { position += 1 }
    return text[position]
  }

  /// Up to and without `stop`, or to the end.
  private mutating func pieces(
    until stop: Unicode.Scalar?, keepsEscapes: Bool
  ) throws(BuildDiagnostic) -> (String, [String]) {
    let before = options.keepsEscapes
    options.keepsEscapes = keepsEscapes
    defer { options.keepsEscapes = before }
    var whole = String.UnicodeScalarView()
    var words = WordSplitter()
    while let scalar = next {
      if scalar == stop {
        position += 1
        return (String(whole), words.finished())
      }
      switch scalar {
      case "$":
        let value = try variable()
        whole.append(contentsOf: value.unicodeScalars)
        for scalar in value.unicodeScalars { words.add(scalar) }
      case "<":
        let value = heredocMark()
        whole.append(contentsOf: value)
        words.addQuoted(value)
      case "'" where !options.ignoresQuotes, "\"" where !options.ignoresQuotes:
        let value = scalar == "'" ? try singleQuoted() : try doubleQuoted()
        whole.append(contentsOf: value)
        words.addQuoted(value)
      case options.escape:
        position += 1
        if options.keepsEscapes {
          whole.append(scalar)
          words.addQuoted([scalar])
        }
        guard let escaped = take() else { break }
        whole.append(escaped)
        words.addQuoted([escaped])
      default:
        position += 1
        whole.append(scalar)
        words.add(scalar)
      }
    }
    guard stop == nil else { throw BuildDiagnostic("syntax error: missing '\(stop == "/" ? "/" : "}")' in ${…}") }
    return (String(whole), words.finished())
  }

  private mutating func singleQuoted() throws(BuildDiagnostic) -> String.UnicodeScalarView {
    var value = String.UnicodeScalarView()
    position += 1
    if options.keepsQuotes { value.append("'") }
    while let scalar = take() {
      if scalar == "'" {
        if options.keepsQuotes { value.append("'") }
        return value
      }
      value.append(scalar)
    }
    throw BuildDiagnostic("unexpected end of statement while looking for matching single-quote", word: "'")
  }

  /// Within double quotes the escape character quotes only `"`, `$` and itself.
  private mutating func doubleQuoted() throws(BuildDiagnostic) -> String.UnicodeScalarView {
    var value = String.UnicodeScalarView()
    position += 1
    if options.keepsQuotes { value.append("\"") }
    while let scalar = next {
      switch scalar {
      case "\"":
        position += 1
        if options.keepsQuotes { value.append("\"") }
        return value
      case "$": value.append(contentsOf: try variable().unicodeScalars)
      case options.escape:
        position += 1
        if options.keepsEscapes { value.append(scalar) }
        guard let escaped = next else { break }
        if escaped == "\"" || escaped == "$" || escaped == options.escape {
          position += 1
          value.append(escaped)
        } else {
          value.append(scalar)
        }
      default:
        position += 1
        value.append(scalar)
      }
    }
    throw BuildDiagnostic("unexpected end of statement while looking for matching double-quote", word: "\"")
  }

  /// `<<` and the blanks after it belong to one word: `<< EOF`.
  private mutating func heredocMark() -> String.UnicodeScalarView {
    var value = String.UnicodeScalarView("<".unicodeScalars)
    position += 1
    guard next == "<" else { return value }
    position += 1
    value.append("<")
    while let blank = next, blank == " " || blank == "\t" || blank == "\r" {
      position += 1
      value.append(blank)
    }
    return value
  }

  private mutating func variable() throws(BuildDiagnostic) -> String {
    depth += 1
    defer { depth -= 1 }
    guard depth <= DockerfileLimits.expansionDepth else {
      throw BuildDiagnostic("more than \(DockerfileLimits.expansionDepth) substitutions are inside each other")
    }
    position += 1
    guard next == "{" else {
      let name = self.name()
      guard !name.isEmpty else { return "$" }
      guard let value = lookUp(name) else { return options.keepsUnset ? "$" + name : "" }
      return try spent(value)
    }
    position += 1
    switch next {
    case nil: throw BuildDiagnostic("syntax error: missing '}'", word: "${")
    case "{", "}", ":": throw BuildDiagnostic("syntax error: bad substitution", word: "${")
    default: break
    }
    let name = self.name()
    return try spent(try substitution(of: name))
  }

  private mutating func spent(_ value: String) throws(BuildDiagnostic) -> String {
    try budget.spend(bytes: value.utf8.count)
    return value
  }

  /// A name, a number, or one of the special parameters, none of which is ever set.
  private mutating func name() -> String {
    var value = String.UnicodeScalarView()
    guard let first = next else { return "" }
    if first.properties.numericType == .decimal {
      while let digit = next, digit.properties.numericType == .decimal {
        value.append(digit)
        position += 1
      }
      return String(value)
    }
    if "@*#?-$!0".unicodeScalars.contains(first) {
      position += 1
      return String(first)
    }
    while let scalar = next,
      scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal || scalar == "_"
    {
      value.append(scalar)
      position += 1
    }
    return String(value)
  }

  private mutating func lookUp(_ name: String) -> String? {
    let value = variables[name]
    if value != nil, !used.contains(name) { used.append(name) }
    if value == nil, !undefined.contains(name) { undefined.append(name) }
    return value
  }

  /// What follows the name within braces.
  private mutating func substitution(of name: String) throws(BuildDiagnostic) -> String {
    guard var mark = take() else { throw BuildDiagnostic("syntax error: missing '}'", word: "${" + name) }
    if mark == "}" {
      return lookUp(name) ?? (options.keepsUnset ? "${\(name)}" : "")
    }
    if mark == "/" { return try replacement(in: name) }
    let emptyIsUnset = mark == ":"
    if emptyIsUnset {
      guard let following = take() else { throw BuildDiagnostic("syntax error: missing '}'", word: "${" + name) }
      mark = following
    }
    let modifier = (emptyIsUnset ? ":" : "") + String(mark)
    let isPattern = mark == "#" || mark == "%"
    guard "+-?".unicodeScalars.contains(mark) || (isPattern && !emptyIsUnset) else {
      throw BuildDiagnostic(
        "unsupported modifier (\(safeText(modifier))) in substitution", word: "${" + name + modifier)
    }
    let (word, _) = try pieces(until: "}", keepsEscapes: isPattern)
    let value = lookUp(name)
    if options.keepsUnset, value == nil { return "${\(name)\(modifier)\(word)}" }
    let isSet = value != nil && !(emptyIsUnset && value == "")
    switch mark {
    case "-": return isSet ? value ?? "" : word
    case "+": return isSet ? word : ""
    case "?":
      if isSet { return value ?? "" }
      let reason = word.isEmpty ? "is not allowed to be \(value == nil ? "unset" : "empty")" : word
      throw BuildDiagnostic("\(safeText(name)): \(safeText(reason))", word: "${" + name)
    default:
      let longest = word.unicodeScalars.first == mark
      let pattern = try ShellPattern(longest ? String(word.unicodeScalars.dropFirst()) : word)
      return mark == "#"
        ? try pattern.removingPrefix(of: value ?? "", longest: longest, budget: &budget)
        : try pattern.removingSuffix(of: value ?? "", longest: longest, budget: &budget)
    }
  }

  /// `${name/pattern/replacement}` and `${name//pattern/replacement}`.
  private mutating func replacement(in name: String) throws(BuildDiagnostic) -> String {
    let all = next == "/"
    if all { position += 1 }
    let (pattern, _) = try pieces(until: "/", keepsEscapes: true)
    let (replacement, _) = try pieces(until: "}", keepsEscapes: true)
    guard let value = lookUp(name) else {
      return options.keepsUnset ? "${\(name)/\(pattern)/\(replacement)}" : ""
    }
    return try ShellPattern(pattern).replacing(in: value, with: replacement, all: all, budget: &budget)
  }
}

/// What one instruction's expansion may still cost.
struct ExpansionBudget {
  private var bytes = DockerfileLimits.expandedBytes
  private var steps = DockerfileLimits.patternSteps

  mutating func spend(bytes count: Int) throws(BuildDiagnostic) {
    bytes -= count
    guard bytes >= 0 else {
      throw BuildDiagnostic("the variables make it larger than \(DockerfileLimits.expandedBytes) bytes")
    }
  }

  mutating func spend(steps count: Int) throws(BuildDiagnostic) {
    steps -= count
    guard steps >= 0 else { throw BuildDiagnostic("its patterns take too many steps to match") }
  }
}

/// Splits at blanks.
private struct WordSplitter {
  private var words: [String] = []
  private var current = String.UnicodeScalarView()

  mutating func add(_ scalar: Unicode.Scalar) {
    if scalar.properties.isWhitespace { end() } else { current.append(scalar) }
  }

  mutating func addQuoted(_ scalars: some Sequence<Unicode.Scalar>) { current.append(contentsOf: scalars) }

  private mutating func end() {
    if !current.isEmpty { words.append(String(current)) }
    current = String.UnicodeScalarView()
  }

  mutating func finished() -> [String] {
    end()
    return words
  }
}
