import TestSupport
import Testing

/// A person at a terminal, played by tmux.
@Suite(.serialized, .runsContainers, .requires(.terminal))
struct TerminalTests {
  private func withTerminal(_ body: (Store, TerminalSession, String) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      let terminal = try TerminalSession(store)
      try body(store, terminal, store.command([]).joined(separator: " "))
    }
  }

  @Test func `a shell has a terminal with job control and the window's size`() throws {
    try withTerminal { _, terminal, dhow in
      try terminal.line("\(dhow) run -it --rm --network none -e PS1='inner# ' busybox sh")
      try terminal.expectPrompt("inner#")
      try terminal.line("tty; stty size")
      try terminal.expect("/dev/pts/0")
      try terminal.expect("30 100")
      try terminal.resize(columns: 90, rows: 25)
      try terminal.line("sleep 0.3; stty size")
      try terminal.expect("25 90")
      // Job control: a stopped job comes back to the foreground and dies of ctrl-c, the shell lives.
      try terminal.line("sleep 500")
      try terminal.press("C-z")
      try terminal.expect("Stopped")
      try terminal.line("fg")
      try terminal.press("C-c")
      try terminal.line("echo still $((40 + 2))")
      try terminal.expect("still 42")
      try terminal.line("exit 5")
      try terminal.expectPrompt("outer$")
      try terminal.line("echo left with $?")
      try terminal.expect("left with 5")
    }
  }

  @Test func `the detach keys leave it running, attach comes back, exec joins`() throws {
    try withTerminal { store, terminal, dhow in
      try terminal.line("\(dhow) run -it --name cc --network none -e PS1='inner# ' busybox sh")
      try terminal.expectPrompt("inner#")
      try terminal.line("secret=kept")
      try terminal.expectPrompt("inner#")
      try terminal.press("C-p", "C-q")
      // Leaving begins a new line: the shell inside had its prompt on this one.
      try terminal.expectPrompt("outer$")
      try terminal.line("echo outside $((1 + 1))")
      try terminal.expect("outside 2")
      #expect(try store.must("inspect", "--format", "{{.State.Running}}", "cc").out == "true")
      try terminal.line("\(dhow) exec -it -e PS1='joined# ' cc sh")
      try terminal.expectPrompt("joined#")
      try terminal.line("tty; ps | grep -c '[s]h$'; exit 3")
      try terminal.expectPrompt("outer$")
      try terminal.line("echo exec gave $?")
      try terminal.expect("exec gave 3")
      try terminal.line("\(dhow) attach cc")
      try terminal.expect("attach cc")
      try terminal.line("echo it is $secret")
      try terminal.expect("it is kept")
      try terminal.line("exit")
      try terminal.expectPrompt("outer$")
      try terminal.line("echo outer $((2 + 3))")
      try terminal.expect("outer 5")
      #expect(try store.must("inspect", "--format", "{{.State.Status}}", "cc").out == "exited")
    }
  }

  @Test func `the terminal is sane after a container that set it raw`() throws {
    try withTerminal { _, terminal, dhow in
      try terminal.line("\(dhow) run -it --rm --network none busybox sh -c 'stty raw -echo; true'")
      try terminal.expect("true'")
      try terminal.expectPrompt("outer$")
      try terminal.line("stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*echo' -e '-*icanon' | tr '\\n' ' '")
      try terminal.expect("icanon echo")
    }
  }
}
