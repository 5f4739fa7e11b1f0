import Glibc
import Runtime
import TestSupport
import Testing

@Suite struct StreamsAttachTests {
  @Test func `a terminal shell works, is left by keys and come back to`() throws {
    let fixture = try MonitorFixture()
    let first = try TestTerminal(fixture.words("start-attached", ["terminal", "stdin"], ["sh"]), rows: 24, columns: 80)
    #expect(first.expect("$ "))
    first.type("stty size; tty\n")
    #expect(first.expect("24 80\r\n/dev/pts/"))
    #expect(!first.isCooked)
    first.resize(rows: 40, columns: 100)
    // The new size arrives with a signal to the client, some time after it was set here.
    #expect(
      eventually(within: 30) {
        first.type("stty size\n")
        usleep(100_000)
        return first.text.contains("40 100")
      })
    first.type("sleep 100\n")
    usleep(300_000)
    first.type("\u{3}")
    first.type("echo $((6*7))\n")
    #expect(first.expect("42"))
    first.type("\u{10}\u{11}")
    #expect(first.wait() == 0)
    #expect(first.text.contains("detached"))
    #expect(first.isCooked)

    let second = try TestTerminal(fixture.words("attach", ["stdin"]))
    second.type("echo $((7*7)); exit 9\n")
    #expect(second.expect("49"))
    #expect(second.wait() == 9)
    #expect(second.isCooked)
  }

  @Test func `keys that only begin the sequence are typed`() throws {
    let fixture = try MonitorFixture()
    let terminal = try TestTerminal(
      fixture.words(
        "start-attached", ["terminal", "stdin"], ["sh", "-c", "stty raw -echo; echo ready; head -c 3 | od -c"]))
    #expect(terminal.expect("ready"))
    terminal.type("\u{10}a\u{10}")
    terminal.type("b")
    #expect(terminal.expect("020   a 020"))
    #expect(terminal.wait() == 0)
  }

  @Test func `own detach keys replace docker's`() throws {
    let fixture = try MonitorFixture()
    let terminal = try TestTerminal(
      fixture.words("start-attached", ["terminal", "stdin", "detach-keys=ctrl-x,y"], ["cat"]))
    terminal.type("\u{18}")
    usleep(100_000)
    terminal.type("y")
    #expect(terminal.wait() == 0)
    kill(try fixture.processes().program, SIGKILL)
    #expect(try fixture.hasExited())
  }

  @Test(arguments: [SIGTERM, SIGHUP, SIGINT])
  func `a signal that ends the client restores the terminal and leaves the container`(signal: Int32) throws {
    let fixture = try MonitorFixture()
    let terminal = try TestTerminal(
      fixture.words("start-attached", ["terminal", "stdin"], ["sh", "-c", "echo ready; exec cat"]))
    #expect(terminal.expect("ready"))
    #expect(eventually { !terminal.isCooked })
    terminal.signal(signal)
    #expect(terminal.wait() == 128 + signal)
    #expect(terminal.isCooked)
    let process = try fixture.processes()
    #expect(kill(process.program, 0) == 0)
    kill(process.program, SIGKILL)
    #expect(try fixture.hasExited())
  }

  @Test func `several clients see the same output`() throws {
    let fixture = try MonitorFixture()
    let go = fixture.directory + "/go"
    let script = "until [ -e \(go) ]; do echo tick; sleep 0.05; done; echo; seq 1 20000; exit 2"
    try #require(try fixture.run("start", [], ["sh", "-c", script]).succeeded)
    let clients = try (0..<4).map { _ in try fixture.start("attach") }
    for client in clients { #expect(client.waitForOutput("tick")) }
    try write("", to: go)
    let wanted = (1...20_000).map { "\($0)\n" }.joined()
    for client in clients {
      let outcome = client.wait()
      #expect(outcome.text.hasSuffix("\n\n" + wanted))
      #expect(outcome.status == 2)
    }
  }

  @Test func `a slow reader loses nothing`() throws {
    let fixture = try MonitorFixture()
    let wanted = (1...400_000).map { "\($0)\n" }.joined()
    let command = fixture.words("start-attached", [], ["seq", "1", "400000"]).joined(separator: " ")
    let outcome = try fixture.run(["sh", "-c", "\(command) | (sleep 1; cat)"])
    #expect(outcome.text == wanted)
    #expect(try fixture.hasExited())
  }

  @Test func `output before the first reader is not lost to an attached start`() throws {
    for _ in 0..<10 {
      #expect(try MonitorFixture().run("start-attached", [], ["echo", "first"]).text == "first\n")
    }
  }

  @Test func `stdin passes through the socket whole`() throws {
    let text = (0..<200_000).map { "line \($0)\n" }.joined()
    let outcome = try MonitorFixture().run("start-attached", ["stdin"], ["cat"], input: Array(text.utf8))
    #expect(outcome.text == text)
    #expect(outcome.status == 0)
  }

  @Test func `a container that does not read holds back its feeder, not its signals`() throws {
    let fixture = try MonitorFixture()
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    let child = try fixture.start(
      "start-attached", ["stdin"], ["sh", "-c", script], input: .bytes([UInt8](repeating: 0x78, count: 2_000_000)))
    #expect(child.waitForOutput("ready"))
    usleep(200_000)
    child.signal(SIGTERM)
    #expect(child.wait().status == 3)
  }

  @Test func `the end of the first attached stdin is the container's, and stays open with -d`() throws {
    let once = try MonitorFixture()
    #expect(try once.run("start-attached", ["stdin"], ["sh", "-c", "cat; exit 4"], input: Array("x".utf8)).status == 4)
    let open = try MonitorFixture()
    try #require(
      try open.run("start", ["stdin", "stdin-open"], ["sh", "-c", "read a; echo got; read b; echo $a$b; exit 4"])
        .succeeded)
    let first = try open.start("attach", ["stdin"], [], input: .bytes(Array("1\n".utf8)))
    // Its input is fed while its output is asked for.
    #expect(first.waitForOutput("got"))
    let second = try open.start("attach", ["stdin"], [], input: .bytes(Array("2\n".utf8)))
    #expect(second.wait().status == 4)
    #expect(first.wait().text == "got\n12\n")
  }

  @Test func `the launch's error reaches the caller`() throws {
    let fixture = try MonitorFixture()
    try mustRun(["rmdir", fixture.directory + "/run"])
    let outcome = try fixture.run("start", [], ["true"])
    #expect(outcome.status == 125)
    #expect(outcome.errorText.contains("runtime directory"))
  }

  @Test func `nobody to attach to is said`() throws {
    #expect(try MonitorFixture().run("attach").status == 122)
  }

  @Test func `exec passes streams, input and exit code on`() throws {
    let text = (0..<100_000).map { "line \($0)\n" }.joined()
    let outcome = try MonitorFixture().run(
      "exec", ["stdin"], ["sh", "-c", "cat; echo e >&2; exit 8"], input: Array(text.utf8))
    #expect(outcome.text == text)
    #expect(outcome.errorText == "e\n")
    #expect(outcome.status == 8)
  }

  @Test func `exec on a terminal has job control and can be left`() throws {
    let fixture = try MonitorFixture()
    let terminal = try TestTerminal(fixture.words("exec", ["terminal", "stdin"], ["bash", "--norc"]))
    terminal.type("echo $$ > \(fixture.directory)/pid; set -m; sleep 50 & jobs; stty size\n")
    #expect(terminal.expect("Running"))
    #expect(terminal.expect("24 80"))
    terminal.type("(sleep 1; echo alive > \(fixture.directory)/alive)\n")
    usleep(200_000)
    terminal.type("\u{10}\u{11}")
    #expect(terminal.wait() == 0)
    #expect(terminal.isCooked)
    // Its terminal is not hung up when we leave.
    #expect(eventually { exists(fixture.directory + "/alive") })
    kill(-(Int32(try readText(fixture.directory + "/pid").dropLast()) ?? 0), SIGHUP)
  }
}
