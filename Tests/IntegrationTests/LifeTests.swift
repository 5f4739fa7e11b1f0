import TestSupport
import Testing

/// The ends that programs and monitors come to, and what may never happen with them.
@Suite(.serialized, .runsContainers)
struct LifeTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  @Test(arguments: [true, false])
  func `a pid that belongs to somebody else now is never signalled`(sameBoot: Bool) throws {
    try withBusybox { store in
      let bystander = try ChildProcess(["sleep", "1000"], as: store.identity)
      try store.must("run", "-d", "--restart", "always", "--name", "cc", "busybox", "sleep", "1000")
      for pid in store.processes() where linkTarget("/proc/\(pid)/exe")?.hasSuffix("/dhow") == true {
        try mustRun(["kill", "-KILL", "\(pid)"])
      }
      #expect(eventually { store.processes() == [] })
      let id = try store.must("inspect", "-f", "{{.Id}}", "cc").out
      var change = #"s/"(pid|monitorPid)":[0-9]+/"\1":\#(bystander.pid)/g"#
      if !sameBoot { change += #"; s/"bootID":"[^"]*"/"bootID":"00000000-0000-0000-0000-000000000000"/"# }
      try mustRun(
        [
          "sed", "-E", "-i", change, "\(store.root)/containers/\(id)/start.json",
          "\(store.runroot)/containers/\(id)/state.json",
        ]
      )
      #expect(try store.must("ps", "-a", "--format", "{{.Status}}").out == "Exited (unknown)")
      try store.must("stop", "cc")
      #expect(try store.dhow("kill", "cc").err.contains("is not running"))
      #expect(try store.dhow("exec", "cc", "true").err.contains("is not running"))
      try store.must("start", "cc")
      try store.must("rm", "-f", "cc")
      #expect(try mustRun(["ps", "-o", "stat=", "-p", "\(bystander.pid)"]).out.hasPrefix("S"))
    }
  }

  @Test func `everything of a container is dead when it is said to be stopped`() throws {
    try withBusybox { store in
      let script =
        "(setsid sh -c 'trap : TERM INT HUP; exec <&- >&- 2>&-; while :; do sleep 1; done' &) ; exec sleep 1000"
      for ending in [["stop", "-t", "0"], ["kill"], ["rm", "-f"]] {
        try store.must("run", "-d", "--name", "cc", "busybox", "sh", "-c", script)
        #expect(eventually { (try? store.dhow("top", "cc", "-o", "pid").lines.count) ?? 0 >= 3 })
        // A first process that stands still cannot end by itself.
        try store.must("kill", "-s", "STOP", "cc")
        let outcome = try store.dhow(ending + ["cc"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(eventually { store.processes() == [] }, "\(ending)")
        _ = try store.dhow("rm", "-f", "cc")
      }
      // A program that ends takes what it has left behind along.
      try store.must("run", "--name", "cc", "busybox", "sh", "-c", "(setsid sleep 1000 &); exec true")
      #expect(store.processes() == [])
    }
  }

  @Test func `the live table of stats and a copy behave on a terminal`() throws {
    try withBusybox { store in
      try store.must("run", "-d", "--name", "table", "busybox", "sleep", "1000")
      let terminal = try TerminalSession(store, columns: 140)
      let dhow = store.command([]).joined(separator: " ")
      try terminal.expectPrompt("outer$")
      try terminal.line(dhow + " stats")
      try terminal.expect("CONTAINER ID")
      try terminal.expect("table")
      try terminal.press("C-c")
      try terminal.expectPrompt("outer$")
      try terminal.line("\(dhow) cp table:/etc/passwd \(store.directory)/passwd")
      try terminal.expect("Successfully copied")
      try terminal.expectPrompt("outer$")
    }
  }
}
