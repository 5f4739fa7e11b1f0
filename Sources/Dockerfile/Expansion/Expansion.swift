/// The expansion of one instruction: every word sees the same variables (`ENV a=b c=$a` uses the `a` from before).
struct Expansion {
  private let variables: Variables
  private let escape: Unicode.Scalar
  private var budget = ExpansionBudget()
  /// Names found and names not found, each once, in order.
  private(set) var used: [String] = []
  private(set) var undefined: [String] = []

  init(_ variables: Variables, escape: Unicode.Scalar) {
    self.variables = variables
    self.escape = escape
  }

  /// A word with its variables in and its quotes off.
  mutating func word(_ text: String) throws(BuildDiagnostic) -> String {
    try lex(text, LexerOptions(escape: escape)).result
  }

  mutating func word(_ text: String?) throws(BuildDiagnostic) -> String? {
    guard let text else { return nil }
    let value: String = try word(text)
    return value
  }

  mutating func list(_ texts: [String]) throws(BuildDiagnostic) -> [String] {
    var result: [String] = []
    for text in texts { result.append(try word(text)) }
    return result
  }

  /// As above, split at blanks afterwards.
  mutating func words(_ text: String) throws(BuildDiagnostic) -> [String] {
    try lex(text, LexerOptions(escape: escape)).words
  }

  /// The body of a heredoc: quotes stay, a backslash escapes.
  mutating func body(_ text: String) throws(BuildDiagnostic) -> String {
    try lex(text, LexerOptions(ignoresQuotes: true)).result
  }

  private mutating func lex(_ text: String, _ options: LexerOptions) throws(BuildDiagnostic) -> WordLexer {
    let lexer = try WordLexer(text, variables: variables, options: options, budget: &budget)
    for name in lexer.used where !used.contains(name) { used.append(name) }
    for name in lexer.undefined where !undefined.contains(name) { undefined.append(name) }
    return lexer
  }
}
