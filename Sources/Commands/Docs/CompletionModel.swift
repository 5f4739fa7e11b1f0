/// The command tree as completion scripts need it: every way to say a verb, with its flags.
enum CompletionModel {
  struct Verb {
    /// The words that lead to it, such as `container ls`; empty for the program itself.
    let path: String
    let summary: String
    let flags: [FlagText]
    let operands: Completion
    /// Only the first operand is ours; what follows belongs to the container.
    let firstOnly: Bool

    /// All flags as typed.
    var words: [String] { flags.flatMap { CompletionModel.names($0) } }
    /// Those that take the following word.
    var valued: [String] { flags.filter(\.takesValue).flatMap { CompletionModel.names($0) } }
  }

  /// Words that have verbs below them; the empty path is the program.
  static var nouns: [(path: String, verbs: [String])] {
    [("", CommandTree.entries.filter(\.isShown).map(\.name))]
      + CommandTree.nouns.compactMap { noun in
        guard case .noun(_, let verbs) = noun.meaning else { return nil }
        return (noun.name, verbs().filter(\.isShown).map(\.name))
      }
  }

  static var verbs: [Verb] {
    var result = [
      Verb(
        path: "", summary: "", flags: shownFlags(GlobalOptions.flags.map(FlagText.init)), operands: .none,
        firstOnly: false)
    ]
    func add(_ prefix: String, _ entry: CommandEntry) {
      guard entry.isShown, case .verb(let command) = entry.meaning else { return }
      for name in [entry.name] + entry.aliases {
        result.append(
          Verb(
            path: prefix + name, summary: command.words.summary, flags: shownFlags(command.flagTexts),
            operands: command.words.completion, firstOnly: !command.words.interspersed))
      }
    }
    for entry in CommandTree.verbs { add("", entry) }
    for noun in CommandTree.nouns {
      guard case .noun(_, let verbs) = noun.meaning else { continue }
      for entry in verbs() { add(noun.name + " ", entry) }
    }
    return result
  }

  static var firstOnly: [String] { verbs.filter(\.firstOnly).map(\.path) }

  static func names(_ flag: FlagText) -> [String] { (flag.short.map { ["-\($0)"] } ?? []) + ["--" + flag.name] }
}
