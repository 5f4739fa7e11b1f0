import Glibc
import TestSupport
import Testing

/// Streams, signals and ends of containers through the command line, without a terminal.
@Suite(.serialized, .runsContainers)
struct StreamTests {
  private func withImage(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  private func isRunning(_ store: Store, _ name: String) throws -> Bool {
    try store.dhow("inspect", "--format", "{{.State.Running}}", name).out == "true"
  }

  /// The monitor and the program as the runtime directory names them.
  private func processes(_ store: Store) throws -> (monitor: Int32, program: Int32) {
    let id = try #require(names(in: store.runroot + "/containers").first)
    let text = try readText("\(store.runroot)/containers/\(id)/state.json")
    func number(_ member: String) -> Int32? {
      guard let at = text.firstRange(of: "\"\(member)\"") else { return nil }
      let rest = text[at.upperBound...].drop { !$0.isNumber }
      return Int32(rest.prefix { $0.isNumber })
    }
    return (try #require(number("monitorPid")), try #require(number("pid")))
  }

  @Test func `a pipeline ends with its reader, the container runs on and keeps its log`() throws {
    try withImage { store in
      let words = store.command(["run", "--name", "talker", "--network", "none", "busybox", "sh", "-c"])
      let script = "'echo one; sleep 1; echo two; sleep 100'"
      let line = "\(words.joined(separator: " ")) \(script) | head -n 1; echo ${PIPESTATUS[0]}"
      let outcome = try run(["bash", "-c", line], as: store.identity, environment: store.environment)
      #expect(outcome.lines == ["one", "141"])
      #expect(try isRunning(store, "talker"))
      #expect(try eventually { try store.must("logs", "talker").lines == ["one", "two"] })
      try store.must("rm", "-f", "talker")
    }
  }

  @Test func `the container ends with the command in front of it, however that ends`() throws {
    try withImage { store in
      let child = try store.start([
        "run", "--name", "bound", "--network", "none", "busybox", "sh", "-c", "echo up; sleep 100",
      ])
      #expect(child.waitForOutput("up"))
      let program = try processes(store).program
      child.signal(SIGKILL)
      _ = child.wait()
      #expect(eventually { kill(program, 0) != 0 })
      #expect(try !isRunning(store, "bound"))
    }
  }

  @Test func `a killed monitor takes its container along and no exit code is made up`() throws {
    try withImage { store in
      try store.must("run", "-d", "--name", "lost", "--network", "none", "busybox", "sleep", "100")
      let (monitor, program) = try processes(store)
      kill(monitor, SIGKILL)
      #expect(eventually { kill(program, 0) != 0 })
      #expect(try !isRunning(store, "lost"))
      #expect(try !store.dhow("wait", "lost").lines.contains("0"))
      try store.must("start", "lost")
      #expect(try isRunning(store, "lost"))
    }
  }

  @Test func `without signal proxying the container survives what ends the command`() throws {
    try withImage { store in
      let child = try store.start([
        "run", "--sig-proxy=false", "--name", "deaf", "--network", "none", "busybox", "sh", "-c", "echo up; sleep 100",
      ])
      #expect(child.waitForOutput("up"))
      child.signal(SIGTERM)
      #expect(child.wait().signal == SIGTERM)
      #expect(try isRunning(store, "deaf"))
      try store.must("rm", "-f", "deaf")
    }
  }

  @Test func `stdin of a detached container stays open for those who come`() throws {
    try withImage { store in
      try store.must(
        "run", "-d", "-i", "--name", "reader", "--network", "none", "busybox", "sh", "-c",
        "read a; read b; echo $a$b; exit 4")
      try store.must("attach", "--help")
      let watcher = try store.start(["attach", "--no-stdin", "reader"])
      _ = try store.start(["attach", "reader"], input: .bytes(Array("1\n".utf8))).waitForOutput("never", timeout: 1)
      let second = try store.dhow("attach", "reader", input: Array("2\n".utf8))
      #expect(second.status == 4)
      #expect(second.out == "12")
      #expect(watcher.wait().out == "12")
    }
  }

  @Test func `following the log ends with the container, over rotated files`() throws {
    try withImage { store in
      try store.must(
        "run", "-d", "--name", "counter", "--network", "none", "--log-opt", "max-size=2k", "--log-opt", "max-file=50",
        "busybox",
        "sh", "-c", "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; usleep 3000; done")
      let outcome = try store.dhow("logs", "-f", "counter")
      #expect(!outcome.timedOut)
      #expect(outcome.lines == (1...300).map(String.init))
      #expect(try store.must("logs", "-n", "2", "counter").lines == ["299", "300"])
    }
  }

  @Test func `a deleted runtime directory comes back and nothing is lost`() throws {
    try withImage { store in
      try store.must("run", "-d", "--name", "survivor", "--network", "none", "busybox", "sleep", "100")
      try mustRun(["rm", "-rf", store.runroot])
      #expect(try eventually { try isRunning(store, "survivor") })
      // A list of what runs looks into that directory alone, so it waits for the monitor to have made it again.
      #expect(try eventually { try store.must("ps", "--format", "{{.Names}}").lines == ["survivor"] })
      #expect(try store.must("exec", "survivor", "echo", "inside").out == "inside")
      try store.must("stop", "-t", "0", "survivor")
      #expect(try !isRunning(store, "survivor"))
    }
  }

  @Test func `removal, stop, logs and wait at once all get an answer`() throws {
    try withImage { store in
      for round in 1...3 {
        let name = "busy\(round)"
        try store.must("run", "-d", "--rm", "--name", name, "--network", "none", "busybox", "sleep", "100")
        let commands = [
          ["wait", name], ["logs", "-f", name], ["stop", "-t", "0", name], ["rm", "-f", name], ["wait", name],
        ]
        for child in try commands.map({ try store.start($0) }) { #expect(!child.wait(timeout: 30).timedOut) }
        #expect(try store.must("ps", "-aq").out == "")
      }
    }
  }

  @Test func `a program in the background of exec does not keep exec`() throws {
    try withImage { store in
      try store.must("run", "-d", "--name", "host", "--network", "none", "busybox", "sleep", "100")
      let outcome = try store.dhow("exec", "host", "sh", "-c", "sleep 50 & echo started; exit 3")
      #expect(outcome.out == "started")
      #expect(outcome.status == 3)
      let echoed = try store.dhow("exec", "-i", "host", "cat", input: Array("through\n".utf8))
      #expect(echoed.out == "through")
    }
  }

  @Test func `closed descriptors of the caller are no obstacle`() throws {
    try withImage { store in
      let words = store.command([
        "run", "--rm", "-i", "--network", "none", "busybox", "sh", "-c", "'cat; echo out; exit 4'",
      ])
      let outcome = try run(
        ["sh", "-c", words.joined(separator: " ") + " <&- 2>&-"], as: store.identity, environment: store.environment)
      #expect(outcome.status == 4)
      #expect(outcome.out == "out")
    }
  }
}
