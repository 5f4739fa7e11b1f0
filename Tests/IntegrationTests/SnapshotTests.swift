import TestSupport
import Testing

/// Time travel: snapshots of a container, the way back, and branches.
@Suite(.serialized, .runsContainers)
struct SnapshotTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  /// Everything a container's files are: kinds, owners, modes, times, targets, contents.
  private func fingerprint(_ store: Store, _ container: String) throws -> String {
    try store.must("export", "-o", store.directory + "/tree.tar", container)
    let sum = try mustRun(["sha256sum", store.directory + "/tree.tar"])
    return String(sum.out.prefix(64))
  }

  @Test func `rolling back gives the identical tree`() throws {
    try withBusybox { store in
      let script = """
        mkdir -p /d/e; echo x > /d/e/f; ln /d/e/f /d/g; ln -s f /d/e/l; chmod 2750 /d; chown 3:4 /d/e/f; rm /bin/cut
        """
      try store.must("run", "--name", "cc", "busybox", "sh", "-c", script)
      let before = try fingerprint(store, "cc")
      #expect(try store.must("snapshot", "create", "-m", "good", "cc").out == "cc@1")
      #expect(try fingerprint(store, "cc") == before)
      try store.must("run", "--name", "tool", "busybox", "true")
      try breakFiles(of: "cc", store)
      #expect(try fingerprint(store, "cc") != before)
      #expect(try store.must("rollback", "cc@1").out == "cc@1")
      #expect(try fingerprint(store, "cc") == before)
      #expect(try store.must("diff", "cc@1").out == "")
      try store.must("system", "check")
    }
  }

  /// The container's own command again, with other effects: it finds what it made.
  private func breakFiles(of container: String, _ store: Store) throws {
    let outcome = try store.dhow("start", "-a", container)
    #expect(outcome.status != nil)
  }

  @Test func `changes between snapshots, and since one`() throws {
    try withBusybox { store in
      let script = """
        n=$(cat /n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /n
        case $n in
        1) mkdir -p /a/b; echo 1 > /a/b/c; echo 1 > /gone;;
        2) echo 2 > /a/b/d; rm /gone; rm /bin/cut;;
        3) rm -r /a; mkdir /a; echo 3 > /a/new; chmod 700 /home;;
        esac
        """
      try store.must("run", "--name", "cc", "busybox", "sh", "-c", script)
      for _ in 0..<2 {
        try store.must("snapshot", "create", "cc")
        try store.must("start", "-a", "cc")
      }
      #expect(
        try store.must("diff", "cc@0..@1").lines == ["A /a", "A /a/b", "A /a/b/c", "A /gone", "A /n"])
      #expect(
        try store.must("diff", "cc@1..@2").lines == [
          "C /a", "C /a/b", "A /a/b/d", "C /bin", "D /bin/cut", "D /gone", "C /n",
        ])
      #expect(
        try store.must("diff", "cc@2").lines == ["C /a", "D /a/b", "A /a/new", "C /home", "C /n"])
      // As docker has it: against the image.
      #expect(
        try store.must("diff", "cc").lines == ["A /a", "A /a/new", "C /bin", "D /bin/cut", "C /home", "A /n"])
      #expect(try store.must("diff", "cc@2..@1").lines.contains("A /gone"))
      #expect(try store.dhow("diff", "cc@7").err.contains("has no snapshot 7"))
      #expect(try store.dhow("diff", "cc@x").err.contains("names no snapshot") == false)
      #expect(try store.dhow("diff", "cc@x").status == 1)
    }
  }

  @Test func `a branch goes its own way and outlives what it came from`() throws {
    try withBusybox { store in
      try store.must("run", "--name", "cc", "-w", "/tmp", "busybox", "sh", "-c", "echo one >> /log; cat /log; pwd")
      try store.must("snapshot", "create", "cc")
      try store.must("branch", "cc@1", "other")
      #expect(try store.must("start", "-a", "other").lines == ["one", "one", "/tmp"])
      #expect(try store.must("start", "-a", "cc").lines == ["one", "one", "/tmp"])
      #expect(try store.dhow("branch", "cc@1", "other").err.contains("already in use"))
      try store.must("rm", "cc")
      #expect(try store.must("start", "-a", "other").lines == ["one", "one", "one", "/tmp"])
      #expect(try store.must("snapshot", "ls", "-q", "other").out == "1")
      try store.must("rm", "other")
      #expect(try store.paths(below: "/snapshots") == [])
      try store.must("system", "check")
    }
  }

  @Test func `a commit makes a layer of each snapshot`() throws {
    try withBusybox { store in
      try store.must("run", "--name", "cc", "busybox", "sh", "-c", "echo x >> /log")
      try store.must("snapshot", "create", "-m", "the first", "cc")
      try store.must("start", "-a", "cc")
      try store.must("commit", "cc", "whole")
      try store.must("commit", "cc@1", "part")
      #expect(try store.must("run", "--rm", "whole", "cat", "/log").lines == ["x", "x"])
      #expect(try store.must("run", "--rm", "part", "cat", "/log").lines == ["x"])
      #expect(
        try store.must("history", "--format", "{{.CreatedBy}}|{{.Comment}}", "part").lines[0] == "snapshot 1|the first")
      #expect(try store.must("history", "-q", "whole").lines.count == 3)
      try store.must("system", "check")
    }
  }

  @Test func `what something stands on is not removed`() throws {
    try withBusybox { store in
      try store.must("run", "--name", "cc", "busybox", "sh", "-c", "echo x >> /log")
      for _ in 0..<3 { try store.must("snapshot", "create", "cc") }
      #expect(try store.dhow("snapshot", "rm", "cc@3").err.contains("the container stands on it"))
      #expect(try store.dhow("snapshot", "rm", "cc@1").err.contains("snapshot 2 stands on it"))
      try store.must("rollback", "cc@2")
      try store.must("snapshot", "rm", "cc@3")
      #expect(try store.must("snapshot", "ls", "-q", "cc").lines == ["1", "2"])
      // A number is never given again.
      #expect(try store.must("snapshot", "create", "cc").out == "cc@4")
      for bad in ["cc", "cc@", "cc@0", "cc@-1", "cc@1@2", "@1"] {
        #expect(try store.dhow("snapshot", "rm", bad).status == 1, "\(bad)")
      }
    }
  }

  @Test func `a running container stands still for its snapshot, and is not rolled back`() throws {
    try withBusybox { store in
      let script = "i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.01; done"
      try store.must("run", "-d", "--name", "cc", "busybox", "sh", "-c", script)
      #expect(eventually { (try? store.must("exec", "cc", "cat", "/count").out) != "" })
      try store.must("snapshot", "create", "cc")
      #expect(try store.must("inspect", "-f", "{{.State.Status}}", "cc").out == "running")
      #expect(try store.dhow("rollback", "cc@1").err.contains("is running"))
      try store.must("kill", "cc")
      try store.must("rollback", "cc@1")
      #expect(try store.must("diff", "cc").lines == ["A /count"])
    }
  }

  @Test(arguments: [
    "store.snapshot.prepared", "store.snapshot.exchanged", "store.rollback.prepared", "store.rollback.exchanged",
  ])
  func `killed anywhere, the container has its files and goes on`(_ point: String) throws {
    try withBusybox { store in
      try store.must("run", "--name", "cc", "busybox", "sh", "-c", "echo x >> /log; cat /log")
      try store.must("snapshot", "create", "cc")
      try store.must("start", "-a", "cc")
      let command = point.contains("rollback") ? ["rollback", "cc@1"] : ["snapshot", "create", "cc"]
      #expect(try store.dhow(command, faults: [.kill(point)]).status == 137)
      let isUndone = point == "store.rollback.exchanged"
      #expect(try store.must("start", "-a", "cc").lines.count == (isUndone ? 2 : 3))
      try store.must("snapshot", "create", "cc")
      try store.must("rollback", "cc@1")
      #expect(try store.must("start", "-a", "cc").lines.count == 2)
      try store.must("system", "check")
      try store.must("rm", "cc")
      #expect(try store.paths(below: "/snapshots") == [])
    }
  }
}
