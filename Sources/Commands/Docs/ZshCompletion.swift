internal import Basics

/// The completion script of zsh: one `_arguments` call per verb.
enum ZshCompletion {
  static var script: String {
    """
    #compdef dhow
    # zsh completion of dhow, written by `make docs` from the flag table; do not edit.

    __dhow_names() {
      local -a names
      names=(${(f)"$($words[1] __complete $1 2>/dev/null)"})
      compadd -a names
    }

    __dhow_verb() {
      case $1 in
    \(CompletionModel.verbs.filter { !$0.path.isEmpty }.map(verb).joined(separator: "\n"))
      esac
    }

    __dhow_below() {
      local noun=$1 state line
      local -a verbs
      case $noun in
    \(CommandTree.nouns.compactMap(noun).joined(separator: "\n"))
      esac
      _arguments -C '1:command:->verb' '*::argument:->rest'
      case $state in
        verb) _describe command verbs ;;
        rest) __dhow_verb "$noun $words[1]" ;;
      esac
    }

    _dhow() {
      local state line
      local -a commands
      commands=(
    \(CommandTree.entries.filter(\.isShown).map { "    " + described($0.name, $0.summary) }.joined(separator: "\n"))
      )
      _arguments -C -S \(arguments(CompletionModel.verbs.first?.flags ?? [])) \\
        '1:command:->command' '*::argument:->rest'
      case $state in
        command) _describe command commands ;;
        rest)
          case $words[1] in
            \(CommandTree.nouns.map(\.name).joined(separator: " | "))) __dhow_below $words[1] ;;
            *) __dhow_verb $words[1] ;;
          esac
          ;;
      esac
    }

    _dhow "$@"

    """
  }

  private static func noun(_ entry: CommandEntry) -> String? {
    guard case .noun(_, let verbs) = entry.meaning else { return nil }
    let list = verbs().filter(\.isShown).map { described($0.name, $0.summary) }.joined(separator: " ")
    return "    \(entry.name)) verbs=(\(list)) ;;"
  }

  private static func verb(_ verb: CompletionModel.Verb) -> String {
    let operands =
      verb.firstOnly
      ? "'1:\(label(verb.operands)):\(action(verb.operands))' '*::argument:_normal'"
      : "'*:\(label(verb.operands)):\(action(verb.operands))'"
    return
      "    '\(verb.path)')\n      _arguments \(verb.firstOnly ? "-A '-*' " : "")-s \(arguments(verb.flags)) \\\n        \(operands)\n      ;;"
  }

  private static func arguments(_ flags: [FlagText]) -> String {
    (flags.map(argument) + ["'--help[Print usage]'"]).map { "\\\n        " + $0 }.joined(separator: " ")
  }

  private static func argument(_ flag: FlagText) -> String {
    let help = "[" + escaped(flag.help.split(separator: "\n").first.map(String.init) ?? "") + "]"
    let value = flag.takesValue ? ":\(flag.placeholder):\(action(flag.completion))" : ""
    let star = flag.repeatable ? "*" : ""
    let long = "--\(flag.name)\(flag.takesValue ? "=" : "")"
    guard let short = flag.short else { return "'\(star)\(long)\(help)\(value)'" }
    let group = flag.repeatable ? "'*'" : "'(-\(short) --\(flag.name))'"
    return "\(group){-\(short)\(flag.takesValue ? "+" : ""),\(long)}'\(help)\(value)'"
  }

  private static func label(_ completion: Completion) -> String {
    switch completion {
    case .containers, .runningContainers: "container"
    case .images: "image"
    case .networks: "network"
    case .volumes: "volume"
    case .files: "file"
    case .directories: "directory"
    case .none, .words, .capabilities: "argument"
    }
  }

  private static func action(_ completion: Completion) -> String {
    switch completion {
    case .none: " "
    case .files: "_files"
    case .directories: "_files -/"
    case .words(let words): "(" + words.joined(separator: " ") + ")"
    case .capabilities: action(.words(["ALL"] + CapabilityName.short))
    case .containers: "__dhow_names containers"
    case .runningContainers: "__dhow_names running"
    case .images: "__dhow_names images"
    case .networks: "__dhow_names networks"
    case .volumes: "__dhow_names volumes"
    }
  }

  private static func described(_ name: String, _ summary: String) -> String {
    "'\(name):\(summary.replacing("'", with: "'\\''"))'"
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("[", with: "\\[").replacing("]", with: "\\]")
      .replacing(":", with: "\\:").replacing("'", with: "'\\''")
  }
}
