import Glibc
import LinuxKernel
import Runtime
import TestSupport
import Testing

@Suite struct MonitorTests {
  @Test func `output, error output and exit code pass through`() throws {
    let fixture = try MonitorFixture()
    let outcome = try fixture.run("run", [], ["sh", "-c", "echo out; echo err >&2; exit 7"])
    #expect(outcome.status == 7)
    #expect(outcome.text == "out\n")
    #expect(outcome.errorText == "err\n")
    #expect(try readText(fixture.directory + "/exit.json") == "{\"code\":7}\n")
  }

  @Test func `a program killed by a signal exits with 128 and its number`() throws {
    #expect(try MonitorFixture().run("run", [], ["sh", "-c", "kill -9 $$"]).status == 137)
  }

  @Test func `without -i stdin is empty`() throws {
    let outcome = try MonitorFixture().run("run", [], ["cat"], input: Array("ignored".utf8))
    #expect(outcome.status == 0)
    #expect(outcome.text == "")
  }

  @Test func `with -i stdin arrives whole and its end too`() throws {
    let text = (0..<100_000).map { "line \($0)\n" }.joined()
    let outcome = try MonitorFixture().run("run", ["stdin"], ["cat"], input: Array(text.utf8))
    #expect(outcome.text == text)
  }

  @Test func `20 MB of any bytes come through and back from the log unchanged`() throws {
    let fixture = try MonitorFixture()
    let source = fixture.directory + "/source"
    try mustRun(["sh", "-c", "head -c 20000000 /dev/urandom > \(source); printf 'a\\0b\\377\\n\\0' >> \(source)"])
    let wanted = try readBytes(source)
    let outcome = try fixture.run("run", ["max-size=-1"], ["cat", source])
    #expect(outcome.stdout == wanted)
    #expect(try fixture.run("logs").stdout == wanted)
  }

  @Test func `a grandchild that holds the output does not keep the monitor`() throws {
    let outcome = try MonitorFixture().run("run", [], ["sh", "-c", "sleep 30 & echo done"])
    #expect(outcome.text == "done\n")
    #expect(!outcome.timedOut)
  }

  @Test(arguments: [("TERM", SIGTERM), ("INT", SIGINT), ("USR1", SIGUSR1), ("HUP", SIGHUP), ("WINCH", SIGWINCH)])
  func `signals are passed on`(name: String, number: Int32) throws {
    let script = "trap 'echo got \(name); exit 3' \(name); echo ready; while :; do sleep 0.05; done"
    let fixture = try MonitorFixture()
    let child = try fixture.start("run", [], ["sh", "-c", script])
    #expect(child.waitForOutput("ready"))
    child.signal(number)
    let outcome = child.wait()
    #expect(outcome.text == "ready\ngot \(name)\n")
    #expect(outcome.status == 3)
  }

  @Test func `when the reader goes the pipeline ends and the container runs on`() throws {
    let fixture = try MonitorFixture()
    let pipeline = fixture.words("run", [], ["sh", "-c", "echo first; sleep 0.5; echo second; sleep 60"])
      .map { "'\($0)'" }.joined(separator: " ")
    let outcome = try fixture.run(["bash", "-c", "\(pipeline) | head -n 1; echo ${PIPESTATUS[0]}"])
    #expect(outcome.text == "first\n141\n")
    #expect(try eventually { try fixture.log.contains("second") })
    let process = try fixture.processes()
    #expect(kill(process.program, 0) == 0)
    kill(process.program, SIGKILL)
    #expect(try fixture.hasExited())
  }

  @Test func `closed stdio is no obstacle`() throws {
    let fixture = try MonitorFixture()
    let command = fixture.words("run", ["stdin"], ["sh", "-c", "cat; echo out; exit 4"])
      .map { "'\($0)'" }.joined(separator: " ")
    #expect(try fixture.run(["sh", "-c", "\(command) <&- 2>&-"]).status == 4)
    #expect(try fixture.log.contains("out"))
  }

  @Test func `a second monitor of one container is refused`() throws {
    let fixture = try MonitorFixture()
    #expect(try fixture.run("start", [], ["sleep", "60"]).status == 0)
    let outcome = try fixture.run("run", [], ["true"])
    #expect(outcome.status == 125)
    #expect(outcome.errorText.contains("has a monitor already"))
    kill(try fixture.processes().program, SIGKILL)
    #expect(try fixture.hasExited())
  }

  @Test func `a detached monitor leads its own session and holds nothing of its caller`() throws {
    let fixture = try MonitorFixture()
    let held = fixture.directory + "/held"
    let command = fixture.words("start", [], ["sleep", "60"]).joined(separator: " ")
    try mustRun(["sh", "-c", "exec 7>\(held); \(command)"])
    let process = try fixture.processes()
    let descriptors = names(in: "/proc/\(process.monitor)/fd").compactMap {
      linkTarget("/proc/\(process.monitor)/fd/\($0)")
    }
    #expect(!descriptors.contains(held))
    #expect(getsid(process.monitor) == process.monitor)
    #expect(linkTarget("/proc/\(process.monitor)/cwd") == "/")
    kill(process.program, SIGKILL)
    #expect(try fixture.hasExited())
  }

  @Test func `SIGTERM to a detached monitor stops its program, other signals do nothing`() throws {
    let fixture = try MonitorFixture()
    try #require(
      try fixture.run("start", [], ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"])
        .succeeded)
    #expect(try eventually { try fixture.log.contains("ready") })
    let process = try fixture.processes()
    for signal in [SIGHUP, SIGINT, SIGPIPE, SIGUSR1] { kill(process.monitor, signal) }
    usleep(200_000)
    #expect(kill(process.program, 0) == 0)
    kill(process.monitor, SIGTERM)
    #expect(try fixture.hasExited())
    #expect(try readText(fixture.directory + "/exit.json") == "{\"code\":5}\n")
  }

  @Test func `everyone who waits is told`() throws {
    let fixture = try MonitorFixture()
    try #require(try fixture.run("start", ["stdin", "stdin-open"], ["sh", "-c", "read x; exit 6"]).succeeded)
    let waiters = try (0..<5).map { _ in try fixture.start("wait") }
    usleep(300_000)
    let client = try fixture.start("attach", ["stdin"], [], input: .bytes(Array("go\n".utf8)))
    #expect(client.wait().status == 6)
    for waiter in waiters { #expect(waiter.wait().status == 6) }
  }

  @Test func `a waiter learns that the monitor was killed`() throws {
    let fixture = try MonitorFixture()
    try #require(try fixture.run("start", [], ["sleep", "60"]).succeeded)
    let waiter = try fixture.start("wait")
    usleep(300_000)
    let process = try fixture.processes()
    kill(process.monitor, SIGKILL)
    #expect(waiter.wait().status == 124)
    #expect(!exists(fixture.directory + "/exit.json"))
    kill(process.program, SIGKILL)
  }

  @Test func `a deleted runtime directory is made again`() throws {
    let fixture = try MonitorFixture()
    try #require(try fixture.run("start", ["stdin", "stdin-open"], ["sh", "-c", "read x; exit 6"]).succeeded)
    let run = fixture.directory + "/run"
    let state = try readText(run + "/state.json")
    try mustRun(["rm", "-rf", run])
    #expect(try eventually { exists(run + "/attach") && exists(run + "/state.json") })
    #expect(try readText(run + "/state.json") == state)
    #expect(try FileLock.isHeld(run + "/lock"))
    // Files alone, and again.
    try mustRun(["sh", "-c", "rm \(run)/lock \(run)/state.json"])
    #expect(try eventually { try exists(run + "/state.json") && FileLock.isHeld(run + "/lock") })
    let client = try fixture.start("attach", ["stdin"], [], input: .bytes(Array("go\n".utf8)))
    #expect(client.wait().status == 6)
  }

  @Test func `an idle monitor uses no CPU`() throws {
    let fixture = try MonitorFixture()
    try #require(try fixture.run("start", [], ["sh", "-c", "echo hello; exec sleep 60"]).succeeded)
    let process = try fixture.processes()
    func switches() throws -> String {
      try readText("/proc/\(process.monitor)/status").split(separator: "\n").filter { $0.contains("ctxt_switches") }
        .joined()
    }
    // Once it has done what a start gives it to do.
    #expect(
      try eventually(within: 60) {
        let before = try switches()
        usleep(1_000_000)
        return try switches() == before
      })
    kill(process.program, SIGKILL)
    #expect(try fixture.hasExited())
  }
}
