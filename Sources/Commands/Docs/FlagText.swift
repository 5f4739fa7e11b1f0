/// A flag as documents need it, without the type of options it acts on.
package struct FlagText {
  package let name: String
  package let short: Character?
  package let placeholder: String
  package let help: String
  package let defaultText: String?
  package let isShown: Bool
  package let takesValue: Bool
  package let repeatable: Bool
  package let aliases: [String]
  package let completion: Completion

  package init<Options>(_ flag: Flag<Options>) {
    name = flag.name
    short = flag.short
    placeholder = flag.placeholder
    help = flag.help
    defaultText = flag.defaultText
    isShown = flag.visibility == .shown
    takesValue = flag.takesValue
    repeatable = flag.repeatable
    aliases = flag.aliases
    completion = flag.completion
  }

  /// `-m, --memory bytes`, aligned as docker's help does.
  var synopsis: String {
    (short.map { "  -\($0), " } ?? "      ") + "--\(name)" + (placeholder.isEmpty ? "" : " \(placeholder)")
  }

  var describedHelp: String { help + (defaultText.map { " (default \($0))" } ?? "") }
}

extension Command {
  /// The flags of a command as documents need them, in docker's order.
  package static var flagTexts: [FlagText] { flags.map(FlagText.init) }

  /// The same with those that are refused, for tests of the table.
  package static var allFlagTexts: [FlagText] { (flags + refusedFlags).map(FlagText.init) }
}

/// Flags shown to people, sorted by name as docker lists them.
func shownFlags(_ flags: [FlagText]) -> [FlagText] {
  flags.filter(\.isShown).sorted { $0.name < $1.name }
}
