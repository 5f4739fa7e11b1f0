/// A terminal on which a test types and reads, held by a tmux server of its own.
package final class TerminalSession {
  private let socket: String
  private let identity: Identity

  /// Starts a shell in a new terminal of the store's identity.
  package init(_ store: Store, columns: Int = 100, rows: Int = 30) throws {
    socket = store.directory + "/tmux"
    identity = store.identity
    let shell = "env PS1='outer$ ' sh"
    try mustRun(
      tmux(["-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", "\(columns)", "-y", "\(rows)", shell]),
      as: identity,
      environment: store.environment.merging(["TERM": "xterm-256color"]) { $1 }, directory: store.directory)
    store.atEnd { [self] in _ = try run(tmux(["kill-server"]), as: identity) }
  }

  private func tmux(_ arguments: [String]) -> [String] { ["tmux", "-S", socket] + arguments }

  /// Types text, literally.
  package func type(_ text: String) throws {
    try mustRun(tmux(["send-keys", "-t", "t", "-l", text]), as: identity)
  }

  /// Presses keys by tmux's names: `Enter`, `C-c`, `C-p`, `C-q`.
  package func press(_ keys: String...) throws {
    try mustRun(tmux(["send-keys", "-t", "t"] + keys), as: identity)
  }

  package func line(_ text: String) throws {
    try type(text)
    try press("Enter")
  }

  package func resize(columns: Int, rows: Int) throws {
    try mustRun(tmux(["resize-window", "-t", "t", "-x", "\(columns)", "-y", "\(rows)"]), as: identity)
  }

  /// What is on the screen and was before, without trailing blanks.
  package func screen() throws -> String {
    try mustRun(tmux(["capture-pane", "-p", "-J", "-S", "-2000", "-t", "t"]), as: identity).out
  }

  /// Waits until the screen holds `text`; throws with the screen if it does not in time.
  package func expect(_ text: String, within seconds: Double = 20) throws {
    var last = ""
    let found = try eventually(within: seconds) {
      last = try screen()
      return last.contains(text)
    }
    guard found else { throw FixtureError("the screen never showed \"\(text)\":\n\(last)") }
  }

  /// Waits until the last line of the screen is a prompt and nothing else, so that what is typed next is read by who shows it.
  package func expectPrompt(_ prompt: String, within seconds: Double = 20) throws {
    var last = ""
    let found = try eventually(within: seconds) {
      last = try screen()
      let line = last.split(separator: "\n").last { $0.contains { $0 != " " } } ?? ""
      return line.split(separator: " ").joined(separator: " ") == prompt
    }
    guard found else { throw FixtureError("the prompt \"\(prompt)\" never stood alone:\n\(last)") }
  }
}
