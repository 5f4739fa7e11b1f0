import TestSupport
import Testing

/// `events`: kept without anybody running, and followed.
@Suite(.serialized, .runsContainers)
struct EventsTests {
  private func actions(_ store: Store, _ words: String...) throws -> [String] {
    let outcome = try store.dhow(["events", "--stream=false", "--format", "{{.Type}} {{.Action}}"] + words)
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
    return outcome.lines
  }

  @Test func `what happened is readable afterwards, with docker's filters and formats`() throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must("run", "--rm", "--name", "one", "-l", "k=v", "busybox", "true")
      try store.must("run", "-d", "--name", "two", "busybox", "sleep", "1000")
      try store.must("rename", "two", "three")
      try store.must("kill", "three")
      try store.must("rm", "three")
      try store.must("tag", "busybox", "other")
      try store.must("rmi", "other")
      #expect(try actions(store, "--filter", "type=image").prefix(2) == ["image load", "image tag"])
      let one = ["container create", "container start", "container die", "container destroy"]
      #expect(try actions(store, "--filter", "container=one") == one)
      #expect(try actions(store, "--filter", "label=k=v") == one)
      let three = try actions(store, "--filter", "type=container").dropFirst(4)
      #expect(three.contains("container rename") && three.last == "container destroy", "\(three)")
      #expect(try actions(store, "--filter", "event=die").count == 2)
      let code = try store.must(
        "events", "--stream=false", "--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}}")
      #expect(code.lines == ["0", "137"], "\(code)")
      let json = try store.must("events", "--stream=false", "--filter", "event=load", "--format", "json").out
      #expect(json.hasPrefix("{\"status\":\"load\",\"id\":\"sha256:") && json.contains("\"timeNano\":"), "\(json)")
      let text = try store.must("events", "--stream=false", "--filter", "event=tag").out
      #expect(text.contains("Z image tag sha256:") && text.hasSuffix("(name=other:latest)"), "\(text)")
      #expect(try store.must("events", "--since", "0s", "--until", "0s").out == "")
      #expect(try store.dhow("events", "--filter", "nosuch=1").err.contains("invalid filter"))
    }
  }

  @Test func `every step of a container's life is told in docker's words`() throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must("run", "-d", "--name", "cc", "busybox", "sleep", "1000")
      try store.must("exec", "cc", "sh", "-c", "echo x")
      #expect(try store.dhow("exec", "cc", "sh", "-c", "exit 9").status == 9)
      try store.must("cp", "cc:/etc/passwd", store.directory + "/passwd")
      try store.must("snapshot", "create", "cc")
      try store.must("restart", "-t", "0", "cc")
      try store.must("stop", "-t", "0", "cc")
      try store.must("rollback", "cc@1")
      try store.must("branch", "cc@1", "dd")
      try store.must("rm", "dd")
      try store.must("snapshot", "create", "cc")
      try store.must("rollback", "cc@1")
      try store.must("snapshot", "rm", "cc@2")
      try store.must("start", "cc")
      try store.must("rm", "-f", "cc")
      let format = "{{.Action}}{{with index .Actor.Attributes \"exitCode\"}} {{.}}{{end}}"
      let lines = try store.must(
        "events", "--stream=false", "--filter", "container=cc", "--filter", "type=container", "--format", format
      ).lines
      #expect(
        lines == [
          "create", "start", "exec_create: sh -c echo x", "exec_start: sh -c echo x", "exec_die 0",
          "exec_create: sh -c exit 9", "exec_start: sh -c exit 9", "exec_die 9", "copy", "snapshot",
          "kill", "kill", "die 137", "stop", "start", "restart", "kill", "kill", "die 137", "stop", "rollback",
          "branch",
          "snapshot", "rollback", "snapshot_rm", "start", "kill", "die 137", "destroy",
        ], "\(lines)")
      #expect(try actions(store, "--filter", "event=exec_start").count == 2)
    }
  }

  @Test func `those that come are followed, also into the next file, and the files stay small`() throws {
    try withStore { store in
      try store.loadBusybox()
      let follower = try store.start(["events", "--filter", "event=create", "--format", "{{.Actor.Attributes.name}}"])
      #expect(eventually { (try? store.dhow("ps").succeeded) == true })
      // The follower counts from its own start on.
      #expect(
        eventually {
          (try? store.dhow("create", "--rm", "busybox", "true").succeeded) == true
            && store.processes().contains(follower.pid)
        })
      try store.must("create", "--name", "first", "busybox", "true")
      // As if two megabytes of events had come.
      let filler = "head -c 2200000 /dev/zero | tr '\\0' '\\n' >> \(store.root)/events.log"
      try mustRun(["sh", "-c", filler])
      try store.must("create", "--name", "second", "busybox", "true")
      try store.must("create", "--name", "third", "busybox", "true")
      #expect(eventually { store.exists("events.log.1") })
      try mustRun(["sleep", "1"])
      follower.signal(15)
      let lines = follower.wait(timeout: 60).lines
      #expect(Array(lines.suffix(3)) == ["first", "second", "third"], "\(lines)")
      let kept = try actions(store, "--filter", "event=create")
      #expect(kept.count >= 3)
      #expect(try store.must("system", "check").succeeded)
    }
  }
}

extension Store {
  fileprivate func exists(_ path: String) -> Bool {
    (try? mustRun(["test", "-e", root + "/" + path])) != nil
  }
}
