internal import Basics

/// The completion script of fish: one `complete` line per flag.
enum FishCompletion {
  static var script: String {
    """
    # fish completion of dhow, written by `make docs` from the flag table; do not edit.

    # The words typed that are no flags, without the program's name.
    function __dhow_words
        set -l words (commandline -opc)
        for word in $words[2..]
            string match -q -- '-*' $word; or echo $word
        end
    end

    function __dhow_at
        set -l typed (__dhow_words)
        test (count $typed) -ge (count $argv); or return 1
        for index in (seq (count $argv))
            test "$typed[$index]" = "$argv[$index]"; or return 1
        end
    end

    # True when just these words have been typed.
    function __dhow_just
        test (count (__dhow_words)) -eq (count $argv); and __dhow_at $argv
    end

    complete -c dhow -f
    \(lines.joined(separator: "\n"))

    """
  }

  private static var lines: [String] {
    var lines: [String] = []
    for entry in CommandTree.entries where entry.isShown {
      lines.append("complete -c dhow -n __dhow_just -a \(quoted(entry.name)) -d \(quoted(entry.summary))")
    }
    for noun in CommandTree.nouns {
      guard case .noun(_, let verbs) = noun.meaning else { continue }
      for verb in verbs() where verb.isShown {
        lines.append(
          "complete -c dhow -n '__dhow_just \(noun.name)' -a \(quoted(verb.name)) -d \(quoted(verb.summary))")
      }
    }
    for verb in CompletionModel.verbs {
      let condition = verb.path.isEmpty ? "-n __dhow_just" : "-n '__dhow_at \(verb.path)'"
      if let operands = action(verb.operands) { lines.append("complete -c dhow \(condition) \(operands)") }
      for flag in verb.flags { lines.append("complete -c dhow \(condition) \(option(flag))") }
    }
    return lines
  }

  private static func option(_ flag: FlagText) -> String {
    var text = "-l \(flag.name)"
    if let short = flag.short { text += " -s \(short)" }
    // -x: files are offered only where they are meant.
    if flag.takesValue { text += flag.completion.isOfFiles ? " -r" : " -x" }
    if let action = action(flag.completion) { text += " " + action }
    return text + " -d \(quoted(flag.help.split(separator: "\n").first.map(String.init) ?? ""))"
  }

  private static func action(_ completion: Completion) -> String? {
    switch completion {
    case .none: nil
    case .files, .directories: "-F"
    case .words(let words): "-a '\(words.joined(separator: " "))'"
    case .capabilities: action(.words(["ALL"] + CapabilityName.short))
    case .containers: "-a '(dhow __complete containers 2>/dev/null)'"
    case .runningContainers: "-a '(dhow __complete running 2>/dev/null)'"
    case .images: "-a '(dhow __complete images 2>/dev/null)'"
    case .networks: "-a '(dhow __complete networks 2>/dev/null)'"
    case .volumes: "-a '(dhow __complete volumes 2>/dev/null)'"
    }
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
  }
}
