import Basics
import Testing

@testable import Commands

/// Man pages and completions are written by `make docs`; these tests fail when they were not written again.
@Suite struct DocumentsTests {
  @Test func `the manual pages are in step with the flag table`() throws {
    for page in try Documents.manPages(prose: Golden.read) {
      #expect(try Golden.read(page.path) == page.text, "\(page.path) is out of step: run `make docs`")
    }
  }

  @Test func `the completions are in step with the flag table`() throws {
    for script in Documents.completions {
      #expect(try Golden.read(script.path) == script.text, "\(script.path) is out of step: run `make docs`")
    }
  }

  @Test func `every command has a description and an example`() throws {
    for entry in CommandTree.documented {
      let prose = try Golden.read(Documents.prosePath(entry.path))
      #expect(prose.contains("# EXAMPLES"), "\(entry.path)")
      #expect(!prose.hasPrefix("#"), "\(entry.path)")
    }
  }

  @Test func `every flag shown says what it does, and no two have one name`() {
    for entry in CommandTree.documented {
      let flags = entry.command.allFlagTexts
      for flag in flags where flag.isShown { #expect(!flag.help.isEmpty, "\(entry.path) --\(flag.name)") }
      let names = flags.flatMap { [$0.name] + $0.aliases }
      #expect(Set(names).count == names.count, "\(entry.path)")
      let shorts = flags.compactMap(\.short)
      #expect(Set(shorts).count == shorts.count, "\(entry.path)")
      for flag in flags { #expect(flag.takesValue == !flag.placeholder.isEmpty, "\(entry.path) --\(flag.name)") }
    }
  }

  @Test func `every word of the tree is there once`() {
    func check(_ entries: [CommandEntry], _ place: String) {
      let words = entries.flatMap { [$0.name] + $0.aliases }
      for word in words { #expect(words.count { $0 == word } == 1, "\(place) \(word)") }
    }
    check(CommandTree.entries, "dhow")
    for noun in CommandTree.nouns {
      guard case .noun(_, let verbs) = noun.meaning else { continue }
      check(verbs(), noun.name)
    }
  }

  /// docker 28's top-level commands and those of podman: each works, is refused with a sentence, or is unknown to both.
  @Test(arguments: [
    "attach", "build", "builder", "checkpoint", "commit", "compose", "config", "container", "context", "cp", "create",
    "diff", "events", "exec", "export", "healthcheck", "history", "image", "images", "import", "info", "inspect",
    "kill",
    "kube", "load", "login", "logout", "logs", "machine", "manifest", "network", "node", "pause", "plugin", "pod",
    "port",
    "ps", "pull", "push", "rename", "restart", "rm", "rmi", "run", "save", "search", "secret", "service", "stack",
    "start",
    "stats", "stop", "swarm", "system", "tag", "top", "trust", "unpause", "unshare", "untag", "update", "version",
    "volume", "wait",
  ])
  func `docker's and podman's words are known`(_ word: String) { #expect(CommandTree.entry(word) != nil) }
}
