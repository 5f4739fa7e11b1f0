internal import Glibc

/// The text of `--help`, in docker's layout.
package struct HelpText {
  private let program: ProgramName
  private let width: Int

  /// `width` is that of the terminal unless given; 80 without one.
  package init(program: ProgramName, width: Int? = nil) {
    self.program = program
    self.width = width ?? terminalWidth() ?? 80
  }

  /// `dhow --help`.
  package func root() -> String {
    var text = "\nUsage:  \(program.rawValue) [OPTIONS] COMMAND\n\nRuns containers, without a daemon and without root\n"
    let common = ["run", "exec", "ps", "images", "load", "save", "version", "info"]
    let verbs = CommandTree.verbs.filter(\.isShown)
    text += section("Common Commands", verbs.filter { common.contains($0.name) }.inOrder(of: common))
    text += section("Management Commands", CommandTree.nouns)
    text += section("Commands", verbs.filter { !common.contains($0.name) })
    text += options("Global Options", GlobalOptions.flags.map(FlagText.init))
    return text + "\nRun '\(program.rawValue) COMMAND --help' for more information on a command.\n"
  }

  /// `dhow container --help`.
  package func noun(_ path: [String], summary: String, verbs: [CommandEntry]) -> String {
    let line = ([program.rawValue] + path).joined(separator: " ")
    return "\nUsage:  \(line) COMMAND\n\n\(summary)\n" + section("Commands", verbs.filter(\.isShown))
      + "\nRun '\(line) COMMAND --help' for more information on a command.\n"
  }

  /// `dhow run --help`.
  package func command(_ path: [String], _ words: CommandWords, _ flags: [FlagText]) -> String {
    let line = ([program.rawValue] + path).joined(separator: " ")
    var text = "\nUsage:  \(line)\(words.usage.isEmpty ? "" : " ")\(words.usage)\n\n\(words.summary)\n"
    let aliases = CommandTree.aliases(of: path)
    if aliases.count > 1 {
      text +=
        "\nAliases:\n  "
        + aliases.map { ([program.rawValue] + $0).joined(separator: " ") }.joined(separator: ", ") + "\n"
    }
    return text + options("Options", flags)
  }

  /// The end of a usage error: how the command is called and where more is said.
  package func pointer(_ path: [String], usage: String) -> String {
    let line = ([program.rawValue] + path).joined(separator: " ")
    return "\nUsage:  \(line)\(usage.isEmpty ? "" : " ")\(usage)\n\nRun '\(line) --help' for more information\n"
  }

  private func section(_ title: String, _ entries: [CommandEntry]) -> String {
    guard !entries.isEmpty else { return "" }
    let longest = entries.map(\.name.count).max() ?? 0
    return "\n\(title):\n"
      + entries.map { "  \(padded($0.name, to: longest + 2))\($0.summary)\n" }.joined()
  }

  private func options(_ title: String, _ flags: [FlagText]) -> String {
    let shown = shownFlags(flags)
    guard !shown.isEmpty else { return "" }
    let column = (shown.map(\.synopsis.count).max() ?? 0) + 3
    return "\n\(title):\n"
      + shown.map { flag in
        let lines = wrapped(flag.describedHelp, to: max(24, width - 1 - column))
        return padded(flag.synopsis, to: column)
          + lines.joined(separator: "\n" + String(repeating: " ", count: column)) + "\n"
      }.joined()
  }
}

extension [CommandEntry] {
  fileprivate func inOrder(of names: [String]) -> [CommandEntry] {
    names.compactMap { name in first { $0.name == name } }
  }
}

/// `text` followed by spaces up to a column.
func padded(_ text: String, to column: Int) -> String {
  text + String(repeating: " ", count: max(0, column - text.count))
}

/// Breaks at spaces so that no line is longer than `width`, and where the text itself has a newline.
func wrapped(_ text: String, to width: Int) -> [String] {
  var lines: [String] = []
  for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
    var line = ""
    for word in paragraph.split(separator: " ") {
      if line.isEmpty {
        line = String(word)
      } else if line.count + 1 + word.count <= width {
        line += " " + word
      } else {
        lines.append(line)
        line = String(word)
      }
    }
    lines.append(line)
  }
  return lines
}

/// Columns of the terminal on stdout, nil when there is none.
private func terminalWidth() -> Int? {
  var size = winsize()
  guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 else {
    return nil
  }
  return Int(size.ws_col)
}
