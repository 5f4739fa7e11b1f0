import TestSupport
import Testing

/// The life of a container as a user sees it: status, streams, signals, records.
@Suite(.serialized, .runsContainers)
struct ContainerTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  @Test func `a program's output, errors, input and exit code are ours`() throws {
    try withBusybox { store in
      let outcome = try store.dhow(
        "run", "--rm", "-i", "--network", "none", "busybox", "sh", "-c", "cat; echo err >&2; exit 7",
        input: Array("in\n".utf8))
      #expect(outcome.status == 7)
      #expect(outcome.out == "in")
      #expect(outcome.err == "err")
      #expect(!outcome.outputHeldOpen)
    }
  }

  @Test func `ten megabytes come through unchanged, and from the log, too`() throws {
    try withBusybox { store in
      let script = "yes 0123456789abcde | head -c 10000000"
      let outcome = try store.dhow("run", "--name", "cc", "--network", "none", "busybox", "sh", "-c", script)
      #expect(outcome.stdout.count == 10_000_000)
      let logged = try store.must("logs", "cc").stdout
      #expect(logged == outcome.stdout)
    }
  }

  @Test func `a signal to the command in front reaches the program`() throws {
    try withBusybox { store in
      let script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
      let child = try store.start(["run", "--rm", "--network", "none", "busybox", "sh", "-c", script])
      #expect(child.waitForOutput("ready"))
      child.signal(15)
      let outcome = child.wait(timeout: 60)
      #expect(outcome.status == 9, "\(outcome)")
      #expect(outcome.out == "ready\ncaught")
    }
  }

  @Test func `a program that dies by a signal gives 128 and its number`() throws {
    try withBusybox { store in
      let child = try store.start([
        "run", "--name", "cc", "--network", "none", "busybox", "sh", "-c", "echo ready; sleep 100",
      ])
      #expect(child.waitForOutput("ready"))
      try store.must("kill", "cc")
      #expect(child.wait(timeout: 60).status == 137)
      #expect(try store.must("inspect", "--format", "{{.State.ExitCode}}", "cc").out == "137")
    }
  }

  @Test func `detached, listed, joined, stopped and removed`() throws {
    try withBusybox { store in
      let started = try store.must("run", "-d", "--name", "web", "--network", "none", "busybox", "sleep", "100")
      #expect(started.out.utf8.count == 64)
      #expect(!started.outputHeldOpen)
      #expect(try store.must("ps", "--format", "{{.Names}} {{.Image}} {{.State}}").out == "web busybox running")
      #expect(try store.must("exec", "web", "sh", "-c", "exit 0; true").status == 0)
      #expect(try store.dhow("exec", "web", "sh", "-c", "exit 4").status == 4)
      #expect(try store.dhow("exec", "web", "nosuchprogram").status == 127)
      #expect(try store.must("stop", "-t", "1", "web").out == "web")
      #expect(try store.must("ps", "-a", "--format", "{{.Names}} {{.State}}").out == "web exited")
      #expect(try store.must("rm", "web").out == "web")
      #expect(store.processes() == [])
    }
  }

  @Test func `the changes of a file system are listed and come with a restart`() throws {
    try withBusybox { store in
      try store.must(
        "run", "--name", "cc", "--network", "none", "busybox", "sh", "-c", "echo x >/new; rm /bin/vi; touch /etc/passwd"
      )
      let changes = try store.must("diff", "cc").lines
      #expect(changes.contains("A /new"))
      #expect(changes.contains("D /bin/vi"))
      #expect(changes.contains("C /etc"))
      let again = try store.must("start", "-a", "cc")
      #expect(again.status == 0)
      #expect(try store.must("diff", "cc").lines == changes)
    }
  }

  @Test func `twenty at once`() throws {
    try withBusybox { store in
      let children = try (0..<20).map { index in
        try store.start(["run", "--rm", "--network", "none", "busybox", "echo", "\(index)"])
      }
      for (index, child) in children.enumerated() {
        let outcome = child.wait(timeout: 60)
        #expect(outcome.out == "\(index)", "\(outcome)")
      }
      #expect(try store.must("ps", "-aq").out == "")
      #expect(store.processes() == [])
    }
  }

  @Test func `one of two creates of a name wins, the other names the winner`() throws {
    try withBusybox { store in
      let children = try (0..<8).map { _ in try store.start(["create", "--name", "one", "busybox", "true"]) }
      let outcomes = children.map { $0.wait() }
      #expect(outcomes.count { $0.status == 0 } == 1)
      for outcome in outcomes where outcome.status != 0 {
        #expect(outcome.status == 125, "\(outcome)")
        #expect(outcome.err.contains("one"), "\(outcome)")
      }
      #expect(try store.must("ps", "-aq").lines.count == 1)
    }
  }

  @Test func `a container has only standard descriptors, and its own user, host name and processes`() throws {
    try withBusybox { store in
      let script = "ls /proc/self/fd | wc -l; id -u; hostname; ps | wc -l; grep -c . /etc/hosts; pwd"
      let outcome = try store.must(
        "run", "--rm", "--network", "none", "--hostname", "box", "busybox", "sh", "-c", script)
      // Four: ls itself has the directory open.
      #expect(outcome.lines.prefix(3) == ["4", "0", "box"])
      #expect(outcome.lines.last == "/")
    }
  }

  @Test func `several are stopped side by side`() throws {
    try withBusybox { store in
      let names = ["one", "two", "three"]
      for name in names {
        let script = "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done"
        try store.must("run", "-d", "--name", name, "--network", "none", "busybox", "sh", "-c", script)
        let logs = try store.start(["logs", "-f", name])
        #expect(logs.waitForOutput("ready"))
        logs.signal(9)
        _ = logs.wait()
      }
      let outcome = try store.dhow(["stop", "-t", "3", "one", "nosuch", "two", "three"])
      #expect(outcome.lines == names)
      #expect(outcome.status == 1)
      #expect(outcome.err.contains("nosuch"))
      var ends: [Int] = []
      for name in names {
        #expect(try store.must("logs", name).lines == ["ready", "asked"])
        #expect(try store.must("inspect", "--format", "{{.State.ExitCode}}", name).out == "137")
        let end = try store.must("inspect", "--format", "{{.State.FinishedAt}}", name).out
        let time = end.split(separator: "T")[1].split(separator: ".")[0].split(separator: ":").compactMap { Int($0) }
        ends.append(time[0] * 3600 + time[1] * 60 + time[2])
      }
      // One after the other they would end three seconds apart.
      let spread = (ends[2] - ends[0] + 86400) % 86400
      #expect(spread < 3, "\(ends)")
    }
  }

  @Test func `several are removed by force, whatever state they are in`() throws {
    try withBusybox { store in
      for name in ["one", "two"] {
        try store.must("run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "100")
      }
      try store.must("create", "--name", "three", "--network", "none", "busybox", "true")
      let outcome = try store.dhow("rm", "-f", "one", "nosuch", "two", "three")
      #expect(outcome.lines == ["one", "two", "three"])
      #expect(outcome.err.contains("nosuch"))
      #expect(outcome.status == 0)
      #expect(try store.must("ps", "-aq").out == "")
      #expect(try store.paths(below: "/trash") == [])
      #expect(store.processes() == [])
    }
  }

  @Test(.enabled(if: Identity.standard != .root))
  func `monitors share their user's namespace, containers do not`() throws {
    try withBusybox { store in
      var namespaces: [String: [String]] = ["monitor": [], "program": []]
      for name in ["one", "two"] {
        try store.must("run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "100")
        let program = try #require(Int32(try store.must("inspect", "--format", "{{.State.Pid}}", name).out))
        let monitor = try #require(store.processes().first { try parent(of: program) == $0 })
        for (role, pid) in [("monitor", monitor), ("program", program)] {
          let link = try mustRun(["readlink", "/proc/\(pid)/ns/user"]).out
          namespaces[role]?.append(link)
        }
      }
      let monitors = try #require(namespaces["monitor"])
      let programs = try #require(namespaces["program"])
      #expect(Set(monitors).count == 1)
      #expect(Set(programs).count == 2)
      #expect(Set(programs).isDisjoint(with: monitors))
      // The first one's end does not touch the second.
      try store.must("rm", "-f", "one")
      #expect(try store.must("exec", "two", "echo", "lives").out == "lives")
    }
  }

  private func parent(of pid: Int32) throws -> Int32? {
    Int32(try mustRun(["ps", "-o", "ppid=", "-p", "\(pid)"]).out.filter { $0 != " " })
  }

  @Test func `a store can be moved`() throws {
    try withBusybox { store in
      try store.must("create", "--name", "cc", "--network", "none", "busybox", "echo", "moved")
      let moved = store.directory + "/elsewhere"
      try mustRun(["mv", store.root, moved])
      let outcome = try run(
        [DhowBinary.path, "--root", moved, "--runroot", store.runroot, "start", "-a", "cc"], as: store.identity,
        environment: store.environment)
      #expect(outcome.out == "moved", "\(outcome)")
      try mustRun(["mv", moved, store.root])
    }
  }

  @Test func `prune, reset and check do as they say`() throws {
    try withBusybox { store in
      try store.must("run", "--name", "cc", "--network", "none", "busybox", "true")
      #expect(try store.must("system", "check").status == 0)
      try store.must("system", "reset", "--force")
      #expect(try store.must("images", "-q").out == "")
      #expect(try store.must("ps", "-aq").out == "")
    }
  }
}
