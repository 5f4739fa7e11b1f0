import TestSupport
import Testing

/// Restart policies: the monitor starts the program again.
@Suite(.serialized, .runsContainers)
struct RestartTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  private func state(_ store: Store, _ name: String, _ format: String) -> String {
    // A container that is not there yet, or not any more, has no state.
    (try? store.dhow("inspect", "-f", format, name).out) ?? ""
  }

  @Test func `a program that ends is started again by the same monitor, and its log goes on`() throws {
    try withBusybox { store in
      try store.must(
        "run", "-d", "--restart", "always", "--name", "cc", "busybox", "sh", "-c",
        "echo run >> /runs; echo run $(wc -l < /runs); [ $(wc -l < /runs) -ge 4 ] && exec sleep 1000; exit 3")
      #expect(eventually { state(store, "cc", "{{.RestartCount}} {{.State.Status}}") == "3 running" })
      #expect(try store.must("logs", "cc").lines == ["run 1", "run 2", "run 3", "run 4"])
      let actions = try store.must(
        "events", "--stream=false", "--filter", "container=cc", "--format",
        "{{.Action}} {{.Actor.Attributes.exitCode}}"
      ).lines.map { $0.split(separator: " ").prefix($0.hasPrefix("die") ? 2 : 1).joined(separator: " ") }
      #expect(actions == ["create"] + ["start", "die 3"] * 3 + ["start"])
      try store.must("stop", "-t", "0", "cc")
      #expect(state(store, "cc", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137")
      #expect(store.processes() == [])
      // A start by a person counts from the beginning.
      try store.must("start", "cc")
      #expect(state(store, "cc", "{{.RestartCount}} {{.State.Status}}") == "0 running")
      try store.must("rm", "-f", "cc")
      try store.must("system", "check")
    }
  }

  @Test func `on-failure ends with a success or when its tries are used up, each later than the one before`() throws {
    try withBusybox { store in
      try store.must("run", "-d", "--restart", "on-failure:2", "--name", "bad", "busybox", "sh", "-c", "echo x; exit 4")
      try store.must("run", "-d", "--restart", "on-failure", "--name", "good", "busybox", "true")
      let format = "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}"
      #expect(eventually { state(store, "bad", format) == "2 exited 4" })
      #expect(eventually { state(store, "good", format) == "0 exited 0" })
      #expect(try store.must("logs", "bad").lines.count == 3)
      let times = try store.must(
        "events", "--stream=false", "--filter", "container=bad", "--filter", "event=start", "--filter", "event=die",
        "--format", "{{.TimeNano}}"
      ).lines.compactMap { Int64($0) }
      try #require(times.count == 6)
      #expect(times[2] - times[1] >= 100_000_000 && times[4] - times[3] >= 200_000_000, "\(times)")
    }
  }

  @Test(arguments: [["stop"], ["kill"], ["kill", "-s", "TERM"], ["rm", "-f"], ["restart"]])
  func `whoever ends a container that waits for its next start ends the waiting`(command: [String]) throws {
    try withBusybox { store in
      try store.must("run", "-d", "--restart", "unless-stopped", "--name", "cc", "busybox", "false")
      #expect(eventually { Int(state(store, "cc", "{{.RestartCount}}")) ?? 0 >= 4 })
      #expect(eventually { state(store, "cc", "{{.State.Status}}") == "restarting" })
      let row = try store.must("ps", "--format", "{{.Status}} {{.State}}").out
      #expect(row.hasPrefix("Restarting (1) ") && row.hasSuffix(" restarting"), "\(row)")
      for verb in [["pause", "cc"], ["exec", "cc", "true"], ["top", "cc"]] {
        let refused = try store.dhow(verb)
        #expect(refused.status != 0 && refused.err.contains("is restarting"), "\(refused)")
      }
      #expect(try store.dhow("attach", "cc").err.contains("restarting container"))
      let ended = try store.dhow(command + ["cc"])
      #expect(ended.succeeded, "\(ended)")
      switch command[0] {
      case "rm": #expect(try store.must("ps", "-aq").out == "")
      case "restart": #expect(Int(state(store, "cc", "{{.RestartCount}}")) ?? 9 <= 3)
      default:
        #expect(eventually { state(store, "cc", "{{.State.Status}}") == "exited" })
        #expect(eventually { store.processes() == [] })
      }
    }
  }

  @Test func `the log is followed from run to run, attachments and waits end with theirs`() throws {
    try withBusybox { store in
      try store.must("create", "--restart", "on-failure:3", "--name", "cc", "busybox", "sh", "-c", "echo x; exit 5")
      let attached = try store.dhow("start", "-a", "cc")
      #expect(attached.status == 5 && attached.lines == ["x"], "\(attached)")
      let follower = try store.start(["logs", "-f", "cc"])
      #expect(follower.wait(timeout: 30).lines == ["x", "x", "x", "x"])
      #expect(try store.must("wait", "cc").out == "5")
      // In the foreground too the caller is told of the first end.
      let run = try store.dhow("run", "--restart", "on-failure:1", "--name", "dd", "busybox", "sh", "-c", "exit 6")
      #expect(run.status == 6)
      #expect(eventually { state(store, "dd", "{{.RestartCount}} {{.State.Status}}") == "1 exited" })
      #expect(try store.dhow("run", "--rm", "--restart", "on-failure", "busybox").err.contains("conflicting options"))
    }
  }

  @Test func `a policy given to a running container counts, one taken away does not`() throws {
    try withBusybox { store in
      try store.must("run", "-d", "--name", "cc", "busybox", "sleep", "1000")
      try store.must("update", "--restart", "always", "cc")
      try store.must("kill", "-s", "USR1", "cc")
      // Not a kill by ours: the policy is carried out.
      try mustRun(["kill", "-KILL", state(store, "cc", "{{.State.Pid}}")])
      #expect(eventually { state(store, "cc", "{{.RestartCount}} {{.State.Status}}") == "1 running" })
      try store.must("update", "--restart", "no", "cc")
      try mustRun(["kill", "-KILL", state(store, "cc", "{{.State.Pid}}")])
      #expect(eventually { state(store, "cc", "{{.State.Status}}") == "exited" })
      try store.must("run", "-d", "--rm", "--name", "dd", "busybox", "sleep", "1000")
      #expect(try store.dhow("update", "--restart", "always", "dd").err.contains("AutoRemove"))
    }
  }

  @Test func `a restart that cannot be is tried again, and what is wrong is told`() throws {
    try withBusybox { store in
      let script = "printf '#!/bin/sh\nrm /program\n' > /program; chmod 755 /program"
      try store.must("run", "--name", "made", "busybox", "sh", "-c", script)
      try store.must("commit", "made", "once")
      try store.must("run", "-d", "--restart", "on-failure:3", "--name", "zero", "once", "/program")
      #expect(eventually { state(store, "zero", "{{.State.Status}} {{.State.ExitCode}}") == "exited 0" })
      try store.must("run", "-d", "--restart", "always", "--name", "cc", "once", "/program")
      #expect(eventually { Int(state(store, "cc", "{{.RestartCount}}")) ?? 0 >= 3 })
      #expect(eventually { state(store, "cc", "{{.State.Status}} {{.State.ExitCode}}") == "restarting 127" })
      #expect(state(store, "cc", "{{.State.Error}}").contains("/program"))
      try store.must("stop", "cc")
      #expect(state(store, "cc", "{{.State.Status}} {{.State.ExitCode}}") == "exited 127")
      #expect(store.processes() == [])
    }
  }

  @Test(arguments: ["monitor.ended", "restart.decided", "restart.recorded", "start.launched#2", "start.recorded#2"])
  func `a monitor killed while it restarts is told as such, and the container can be started`(point: String) throws {
    try withBusybox { store in
      try store.must(
        "run", "-d", "--restart", "always", "--name", "cc", "busybox", "sh", "-c", "echo x; sleep 0.2; exit 3",
        environment: ["DHOW_FAULT": "\(point):kill"])
      #expect(eventually { state(store, "cc", "{{.State.Status}} {{.State.ExitCode}}") == "exited 0" })
      #expect(state(store, "cc", "{{.State.Error}}").contains("monitor lost"))
      #expect(try store.must("ps", "-a", "--format", "{{.Status}}").out == "Exited (unknown)")
      #expect(eventually { store.processes() == [] })
      try store.expectWorking("a restart killed at \(point)")
      try store.must("start", "cc")
      #expect(eventually { Int(state(store, "cc", "{{.RestartCount}}")) ?? 0 >= 2 })
      try store.must("rm", "-f", "cc")
    }
  }
}

private func * (words: [String], count: Int) -> [String] { Array(repeating: words, count: count).flatMap { $0 } }
