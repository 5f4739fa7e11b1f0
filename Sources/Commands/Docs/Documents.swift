/// All files that are written from the command tree: manual pages and the completions of three shells.
package enum Documents {
  /// Where the prose of a page lies below the top of the project.
  package static func prosePath(_ path: [String]) -> String { "man/source/\(ManPage.name(of: path)).txt" }

  /// Every page with its name below the top of the project; `prose` gives the text of a path from `prosePath`.
  package static func manPages(prose: (String) throws -> String) rethrows -> [(path: String, text: String)] {
    var pages = [
      (
        "man/dhow.1",
        ManPage(
          path: [],
          words: CommandWords(
            "[OPTIONS] COMMAND [ARG...]", "Runs containers, without a daemon and without root", .atLeast(1)),
          flags: GlobalOptions.flags.map(FlagText.init), prose: try prose(prosePath([])) + commandList
        ).roff
      )
    ]
    for entry in CommandTree.documented {
      let page = ManPage(
        path: entry.path, words: entry.command.words, flags: entry.command.flagTexts,
        prose: try prose(prosePath(entry.path)))
      pages.append(("man/\(ManPage.name(of: entry.path)).1", page.roff))
    }
    return pages
  }

  /// The completion scripts with their names below the top of the project.
  package static var completions: [(path: String, text: String)] {
    [
      ("completions/dhow.bash", BashCompletion.script),
      ("completions/_dhow", ZshCompletion.script),
      ("completions/dhow.fish", FishCompletion.script),
    ]
  }

  /// The section of dhow(1) that lists all pages.
  private static var commandList: String {
    "\n# COMMANDS\n"
      + CommandTree.documented.map { "- `\(ManPage.name(of: $0.path))`(1): \($0.command.words.summary)\n" }.joined()
  }
}
