import TestSupport
import Testing

/// Health checks by the monitor.
@Suite(.serialized, .runsContainers)
struct HealthTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  private func state(_ store: Store, _ format: String) -> String {
    // A container that is not there yet has no state.
    (try? store.dhow("inspect", "-f", format, "cc").out) ?? ""
  }

  @Test func `a container becomes healthy and unhealthy, and all who ask are told`() throws {
    try withBusybox { store in
      try store.must(
        "run", "-d", "--name", "cc", "--health-cmd", "echo looked; test -e /well", "--health-interval", "100ms",
        "--health-retries", "2", "busybox", "sleep", "1000")
      #expect(try store.must("ps", "--format", "{{.Status}}").out.contains(" (health: starting)"))
      let waiting = try store.start(["wait", "--condition", "healthy", "--interval", "20ms", "cc"])
      try store.must("exec", "cc", "touch", "/well")
      #expect(waiting.wait(timeout: 30).out == "-1")
      #expect(state(store, "{{.State.Health.Status}} {{.State.Health.FailingStreak}}") == "healthy 0")
      #expect(try store.must("ps", "-q", "--filter", "health=healthy").lines.count == 1)
      #expect(try store.must("ps", "-q", "--filter", "health=unhealthy").out == "")
      #expect(try store.dhow("healthcheck", "run", "cc").status == 0)
      #expect(eventually { state(store, "{{len .State.Health.Log}}") == "5" })
      try store.must("exec", "cc", "rm", "/well")
      #expect(eventually { state(store, "{{.State.Health.Status}}") == "unhealthy" })
      let checked = try store.dhow("healthcheck", "run", "cc")
      #expect(checked.status == 1 && checked.out == "unhealthy", "\(checked)")
      let last = "{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}|{{end}}"
      #expect(eventually { state(store, last).hasSuffix("1 looked\n|") })
      #expect(try store.must("ps", "--format", "{{.Status}}").out.hasSuffix(" (unhealthy)"))
      let told = try store.must(
        "events", "--stream=false", "--filter", "event=health_status", "--format", "{{.Action}}")
      #expect(told.lines.suffix(2) == ["health_status: healthy", "health_status: unhealthy"])
      try store.must("stop", "-t", "0", "cc")
      #expect(try store.dhow("healthcheck", "run", "cc").status == 125)
      #expect(try store.dhow("wait", "--condition", "exited", "cc").out == "137")
    }
  }

  @Test func `a check that takes too long is killed, and one that floods is cut`() throws {
    try withBusybox { store in
      try store.must(
        "run", "-d", "--name", "cc", "--health-cmd", "echo part; sleep 500", "--health-interval", "50ms",
        "--health-timeout", "300ms", "busybox", "sleep", "1000")
      #expect(eventually { state(store, "{{len .State.Health.Log}}") != "0" })
      let entry = "{{with index .State.Health.Log 0}}{{.ExitCode}} {{.Output}}{{end}}"
      #expect(state(store, entry).hasPrefix("-1 Health check exceeded timeout (300ms): part"))
      try store.must("rm", "-f", "cc")
      try store.must(
        "run", "-d", "--name", "cc", "--health-cmd", "yes | head -c 100000", "--health-interval", "50ms", "busybox",
        "sleep", "1000")
      #expect(eventually { state(store, "{{.State.Health.Status}}") == "healthy" })
      let output = state(store, "{{with index .State.Health.Log 0}}{{.Output}}{{end}}")
      #expect(output.utf8.count == 4096 + 3 && output.hasSuffix("..."))
      try store.must("rm", "-f", "cc")
      #expect(store.processes() == [])
    }
  }

  @Test(arguments: ["kill", "stop", "restart"])
  func `an unhealthy container is dealt with as asked`(action: String) throws {
    try withBusybox { store in
      try store.must(
        "run", "-d", "--name", "cc", "--health-cmd", "false", "--health-interval", "50ms", "--health-retries", "1",
        "--health-on-failure", action, "--stop-timeout", "0", "busybox", "sleep", "1000")
      if action == "restart" {
        #expect(eventually { Int(state(store, "{{.RestartCount}}")) ?? 0 >= 2 })
        try store.must("stop", "cc")
      }
      #expect(eventually { state(store, "{{.State.Status}} {{.State.ExitCode}}") == "exited 137" })
      #expect(eventually { store.processes() == [] })
    }
  }

  @Test func `the image's check is used, changed and left out`() throws {
    try withBusybox { store in
      try store.must("create", "--name", "base", "busybox", "true")
      let change = #"HEALTHCHECK --interval=100ms --retries=7 CMD ["test", "-e", "/etc"]"#
      try store.must("commit", "-c", change, "base", "checked")
      try store.must("run", "-d", "--name", "cc", "checked", "sleep", "1000")
      #expect(eventually { state(store, "{{.State.Health.Status}}") == "healthy" })
      try store.must("rm", "-f", "cc")
      try store.must("run", "-d", "--name", "cc", "--health-retries", "2", "checked", "sleep", "1000")
      let format = "{{json .Config.Healthcheck}}"
      #expect(
        state(store, format) == #"{"Test":["CMD","test","-e","/etc"],"Interval":100000000,"Retries":2}"#)
      try store.must("rm", "-f", "cc")
      try store.must("run", "-d", "--name", "cc", "--no-healthcheck", "checked", "sleep", "1000")
      #expect(state(store, format) == #"{"Test":["NONE"]}"#)
      #expect(try !store.must("ps", "--format", "{{.Status}}").out.contains("("))
      #expect(try store.dhow("healthcheck", "run", "cc").err.contains("no defined healthcheck"))
    }
  }

  @Test func `a container is killed when its time is over, and stop says who ignores its signal`() throws {
    try withBusybox { store in
      #expect(try store.dhow("run", "--rm", "--timeout", "1", "busybox", "sleep", "1000").status == 137)
      try store.must("run", "-d", "--name", "cc", "busybox", "sleep", "1000")
      let stopped = try store.must("stop", "-t", "3", "cc")
      #expect(stopped.err.contains("cc ignores SIGTERM") && stopped.err.contains("--init"), "\(stopped)")
      try store.must("run", "-d", "--init", "--name", "dd", "busybox", "sleep", "1000")
      #expect(try store.must("stop", "dd").err == "")
    }
  }
}
