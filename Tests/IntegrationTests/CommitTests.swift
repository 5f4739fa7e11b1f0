import TestSupport
import Testing

/// Images made from containers, and containers that stand still.
@Suite(.serialized, .runsContainers)
struct CommitTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  @Test func `a commit holds what the container changed and nothing of ours`() throws {
    try withBusybox { store in
      let script = """
        mkdir -p /d/e; echo x > /d/e/f; ln /d/e/f /d/g; ln -s /nowhere /d/l; chown 7:8 /d/g; chmod 4711 /d/g
        mkfifo /d/p; rm /bin/cut; mkdir /own; chmod 1777 /own
        """
      try store.must("run", "--name", "cc", "--tmpfs", "/scratch", "busybox", "sh", "-c", script)
      let id = try store.must("commit", "-a", "me", "-m", "why", "cc", "made:1").out
      #expect(id.hasPrefix("sha256:") && id.count == 71)
      let look = """
        cat /d/g; stat -c '%a %u:%g %h' /d/e/f; readlink /d/l; stat -c %F /d/p; stat -c %a /own
        ls /bin/cut /scratch 2>&1 || true
        """
      #expect(
        try store.must("run", "--rm", "made:1", "sh", "-c", look).lines == [
          "x", "4711 7:8 2", "/nowhere", "fifo", "1777", "ls: /bin/cut: No such file or directory",
          "ls: /scratch: No such file or directory",
        ])
    }
  }

  @Test func `its configuration is the container's with the changes asked for`() throws {
    try withBusybox { store in
      try store.must(
        "run", "--name", "cc", "-e", "A=1", "-w", "/tmp", "-u", "5", "-l", "k=v", "--stop-signal", "USR1", "busybox",
        "true")
      try store.must(
        "commit", "-m", "why", "-a", "me", "-c", "ENV B=2", "-c", "EXPOSE 80", "-c", "LABEL k=w", "cc", "made")
      let format =
        "{{.Config.User}} {{.Config.WorkingDir}} {{.Config.Cmd}} {{.Config.StopSignal}} {{.Author}} {{.Comment}}"
      #expect(try store.must("image", "inspect", "-f", format, "made").out == "5 /tmp [true] USR1 me why")
      let lists = try store.must(
        "image", "inspect", "-f", "{{json .Config.Env}}{{json .Config.ExposedPorts}}{{json .Config.Labels}}", "made"
      ).out
      #expect(lists.hasSuffix(#""A=1","B=2"]{"80/tcp":{}}{"k":"w"}"#), "\(lists)")
    }
  }

  @Test func `an instruction that changes no configuration is refused and nothing is made`() throws {
    try withBusybox { store in
      try store.must("create", "--name", "cc", "busybox", "true")
      let before = try store.must("images", "-q").out
      let outcome = try store.dhow("commit", "-c", "RUN true", "cc", "made")
      #expect(outcome.status == 1 || outcome.status == 125)
      #expect(outcome.err.contains("RUN is no instruction"))
      #expect(try store.dhow("commit", "cc", "UPPER").status != 0)
      #expect(try store.dhow("commit", "nobody", "made").err.contains("No such container"))
      #expect(try store.must("images", "-q").out == before)
      try store.must("system", "check")
    }
  }

  @Test func `roll back: the committed content comes back and the spoilt is gone`() throws {
    try withBusybox { store in
      try store.must("run", "--name", "good", "busybox", "sh", "-c", "echo fine > /state")
      try store.must("commit", "good", "kept")
      try store.must("run", "--name", "bad", "kept", "sh", "-c", "rm -r /etc; echo spoilt > /state")
      try store.must("rm", "-f", "bad")
      #expect(try store.must("run", "--rm", "kept", "cat", "/state").out == "fine")
    }
  }

  @Test func `a container can still be committed when its image has been removed`() throws {
    try withBusybox { store in
      try store.must("run", "--name", "cc", "busybox", "sh", "-c", "echo x > /x")
      try store.must("rmi", "-f", "busybox")
      try store.must("image", "prune", "-a", "-f")
      try store.must("commit", "cc", "made")
      #expect(try store.must("run", "--rm", "made", "cat", "/x").out == "x")
      try store.must("system", "check")
    }
  }

  @Test func `a counter stands still while paused, and others are told`() throws {
    try withBusybox { store in
      let script = "i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.01; done"
      try store.must("run", "-d", "--name", "cc", "busybox", "sh", "-c", script)
      try store.must("pause", "cc")
      #expect(try store.must("inspect", "-f", "{{.State.Status}} {{.State.Paused}}", "cc").out == "paused true")
      #expect(try store.must("ps", "--format", "{{.Status}}").out.hasSuffix("(Paused)"))
      let first = try store.must("export", "cc").stdout.count
      #expect(first > 0)
      #expect(try store.dhow("exec", "cc", "true").err.contains("is paused"))
      #expect(try store.dhow("pause", "cc").err.contains("already paused"))
      try store.must("unpause", "cc")
      let one = try store.must("exec", "cc", "cat", "/count").out
      #expect(eventually { (try? store.must("exec", "cc", "cat", "/count").out) != one })
      #expect(try store.dhow("unpause", "cc").err.contains("not paused"))
      try store.must("pause", "cc")
      try store.must("stop", "-t", "5", "cc")
      #expect(try store.must("inspect", "-f", "{{.State.Status}}", "cc").out == "exited")
    }
  }

  @Test func `a commit pauses a running container and lets it go on, also when it is killed`() throws {
    try withBusybox { store in
      let script = "i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.01; done"
      try store.must("run", "-d", "--name", "cc", "busybox", "sh", "-c", script)
      try store.must("commit", "cc", "made")
      #expect(try store.must("inspect", "-f", "{{.State.Status}}", "cc").out == "running")
      let killed = try store.dhow("commit", "cc", "other", faults: [.kill("commit.written")])
      #expect(killed.status == 137, "\(killed)")
      #expect(eventually { (try? store.must("inspect", "-f", "{{.State.Status}}", "cc").out) == "running" })
      let one = try store.must("exec", "cc", "cat", "/count").out
      #expect(eventually { (try? store.must("exec", "cc", "cat", "/count").out) != one })
      try store.must("rm", "-f", "cc")
      try store.must("system", "check")
    }
  }
}
