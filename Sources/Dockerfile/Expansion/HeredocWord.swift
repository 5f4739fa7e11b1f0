/// `<<EOF`, `<<-EOF`, `<<"EOF"`, `3<<EOF`: the word that announces a heredoc.
struct HeredocWord: Equatable {
  var name: String
  var expands: Bool
  var stripsTabs: Bool

  /// Nil for a word that announces none.
  init?(_ word: String) {
    var rest = word.unicodeScalars.drop { ("0"..."9").contains($0) }
    guard rest.starts(with: "<<".unicodeScalars) else { return nil }
    rest = rest.dropFirst(2)
    stripsTabs = rest.first == "-"
    if stripsTabs { rest = rest.dropFirst() }
    rest = rest.drop { $0.properties.isWhitespace }
    guard !rest.isEmpty, !rest.contains("<") else { return nil }
    // Whether anything was quoted shows in the difference between the word with its quotes and without.
    guard let plain = Self.words(String(rest), keepsQuotes: false), plain.count == 1, let name = plain.first,
      let quoted = Self.words(String(rest), keepsQuotes: true)?.first
    else { return nil }
    self.name = name
    expands = Self.quotes(name) == Self.quotes(quoted)
  }

  /// Those of one instruction in their order. The escape character of heredocs is always the backslash.
  static func all(in line: String) -> [HeredocWord] {
    var budget = ExpansionBudget()
    let options = LexerOptions(keepsQuotes: true, keepsEscapes: true, keepsUnset: true)
    // A line with an unbalanced quote is the shell's to complain about; it announces no heredoc.
    let lexer = try? WordLexer(line, variables: Variables(), options: options, budget: &budget)
    return lexer?.words.compactMap { HeredocWord($0) } ?? []
  }

  private static func words(_ text: String, keepsQuotes: Bool) -> [String]? {
    var budget = ExpansionBudget()
    let options = LexerOptions(keepsQuotes: keepsQuotes, keepsUnset: true)
    // As above.
    return (try? WordLexer(text, variables: Variables(), options: options, budget: &budget))?.words
  }

  private static func quotes(_ text: String) -> Int { text.unicodeScalars.count { $0 == "'" || $0 == "\"" } }
}
