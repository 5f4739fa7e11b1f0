import TestSupport
import Testing

/// The kit itself: a fixture that lies makes every test above it worthless.
@Suite(.serialized)
struct TestKitTests {
  @Test func `a program's status, output and errors come back apart`() throws {
    let outcome = try run(["sh", "-c", "echo out; echo err >&2; exit 7"])
    #expect(outcome.status == 7)
    #expect(outcome.out == "out")
    #expect(outcome.err == "err")
    #expect(!outcome.outputHeldOpen)
  }

  @Test func `a signal shows as a shell shows it`() throws {
    let outcome = try run(["sh", "-c", "kill -TERM $$"])
    #expect(outcome.status == 143)
    #expect(outcome.signal == 15)
  }

  @Test func `a program over its time is killed with its session`() throws {
    let outcome = try run(["sh", "-c", "sleep 321 & sleep 322"], timeout: 0.3)
    #expect(outcome.timedOut)
    #expect(try run(["pgrep", "-f", "sleep 32[12]"]).out == "")
  }

  @Test func `output held open by a detached child is told`() throws {
    let outcome = try run(["sh", "-c", "setsid sleep 2 & echo gone"])
    #expect(outcome.out == "gone")
    #expect(outcome.outputHeldOpen)
  }

  @Test func `input arrives whole`() throws {
    let text = [UInt8](repeating: 0x61, count: 300_000)
    #expect(try run(["cat"], input: text).stdout == text)
  }

  @Test func `a program that does not read its input harms nobody`() throws {
    #expect(try run(["true"], input: [UInt8](repeating: 0, count: 1 << 20)).status == 0)
  }

  @Test(.requires(.root, .unprivilegedUser))
  func `the unprivileged identity has its user's ids and nothing of root's environment`() throws {
    let account = try #require(Identity.unprivilegedAccount)
    let outcome = try run(["sh", "-c", "id -u; id -g; echo $HOME; env | wc -l"], as: .unprivileged)
    #expect(outcome.lines.prefix(3) == ["\(account.uid)", "\(account.gid)", account.home])
    #expect(try #require(outcome.lines.last.flatMap { Int($0) }) < 10)
  }

  @Test(.requires(.unprivilegedUser))
  func `the program runs from its copy as the unprivileged user`() throws {
    try withStore(as: .unprivileged) { store in
      let outcome = try store.dhow("version")
      #expect(outcome.status == 0, "\(outcome)")
    }
  }

  @Test(.requires(.unprivilegedUser))
  func `a store is removed with its processes, also when the test fails`() throws {
    var directory = ""
    #expect(throws: FixtureError.self) {
      try withStore { store in
        directory = store.directory
        _ = try store.file("left", "behind")
        try mustRun(
          ["sh", "-c", "setsid sleep 300 >/dev/null 2>&1 &"], as: store.identity, environment: store.environment)
        // Between fork and the end of exec a process has no environment to be known by.
        #expect(eventually(within: 30) { store.processes().count == 1 })
        throw FixtureError("on purpose")
      }
    }
    #expect(!exists(directory))
  }

  @Test(.requires(.busybox))
  func `the busybox fixture is a docker-archive of one layer`() throws {
    let listing = try mustRun(["tar", "--list", "--file", ImageFixture.busybox()]).lines
    #expect(listing.contains("manifest.json"))
    #expect(listing.count { $0.hasSuffix("/layer.tar") } == 1)
  }

  @Test(.requires(.terminal, .unprivilegedUser))
  func `a terminal shows what was typed into it`() throws {
    try withStore { store in
      let terminal = try TerminalSession(store)
      try terminal.line("echo $((20 + 22))")
      try terminal.expect("42")
    }
  }

  @Test(.requires(.debian))
  func `the Debian fixture is a docker-archive of one layer`() throws {
    let listing = try mustRun(["tar", "--list", "--file", ImageFixture.debian()]).lines
    #expect(listing.contains("manifest.json"))
    #expect(listing.count { $0.hasSuffix("/layer.tar") } == 1)
  }
}
