import TestSupport
import Testing

/// `--runtime`: other OCI runtimes make the container, ours is still the monitor.
@Suite(.serialized, .runsContainers)
struct ExternalRuntimeTests {
  @Test(.requires(.program("runc")))
  func `runc runs a container from start to end`() throws {
    try withStore { store in
      try store.loadBusybox()
      let run = ["run", "--rm", "-i", "--network", "none", "--runtime", "runc", "busybox"]
      let script = "id -u; grep Seccomp: /proc/self/status; cat; echo oops >&2; exit 7"
      var outcome = try store.dhow(run + ["sh", "-c", script], input: Array("in\n".utf8), timeout: 60)
      if outcome.status == 137 {
        // Seen once in thousands of starts on a loaded machine: runc does not come back from making a container.
        try store.must("rm", "-f", store.must("ps", "-aq").out)
        outcome = try store.dhow(run + ["sh", "-c", script], input: Array("in\n".utf8), timeout: 60)
      }
      #expect(outcome.status == 7)
      #expect(outcome.out == "0\nSeccomp:\t2\nin")
      #expect(outcome.err == "oops")
      #expect(try store.dhow(run + ["nosuchprogram"]).status == 127)
      #expect(try store.dhow(run + ["/etc/passwd"]).status == 126)
      #expect(names(in: store.runroot + "/containers").isEmpty)
    }
  }

  @Test(.requires(.program("runc")))
  func `a detached one is seen, entered, stopped and removed`() throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must("run", "-d", "--name", "web", "--network", "none", "--runtime", "runc", "busybox", "sleep", "600")
      #expect(try store.must("ps", "--format", "{{.Names}}").out == "web")
      #expect(try store.must("exec", "web", "cat", "/proc/1/comm").out == "sleep")
      #expect(try store.must("inspect", "-f", "{{.HostConfig.Runtime}}", "web").out == "runc")
      try store.must("stop", "-t", "0", "web")
      #expect(try store.must("inspect", "-f", "{{.State.ExitCode}}", "web").out == "137")
      try store.must("start", "web")
      try store.must("rm", "-f", "web")
      #expect(store.processes().isEmpty)
    }
  }

  @Test func `a runtime that is not there, or fails, is quoted`() throws {
    try withStore { store in
      try store.loadBusybox()
      let missing = try store.dhow("run", "--rm", "--runtime", "nosuch", "busybox", "true")
      #expect(missing.status == 125)
      #expect(missing.err.contains("runtime nosuch is not installed\nhint: apt-get install"))
      #expect(try store.dhow("run", "--rm", "--runtime", "/etc/passwd", "busybox", "true").status == 125)
      let script = """
        #!/bin/sh
        while [ $# -gt 0 ]; do
          [ "$1" = --log ] && printf '{"level":"error","msg":"first"}\\n{"level":"error","msg":"no \\\\u001b[1m luck"}\\n' >"$2"
          shift
        done
        exit 1
        """
      let fake = try store.file("fake", script, mode: 0o755)
      let failing = try store.dhow("run", "--rm", "--runtime", fake, "busybox", "true")
      #expect(failing.status == 125)
      #expect(failing.err.contains("fake create: no "))
      #expect(failing.err.contains("luck"))
      #expect(!failing.stderr.contains(0x1B))
      #expect(try store.must("ps", "-aq").out == "")
    }
  }
}
