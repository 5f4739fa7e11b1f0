import TestSupport
import Testing

/// What containers and images have to do with each other: replaced, required, cloned, compared.
@Suite(.serialized, .runsContainers)
struct RelationTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  @Test func `a container takes the place of one of the same name`() throws {
    try withBusybox { store in
      let first = try store.must("run", "-d", "--replace", "--name", "cc", "busybox", "sleep", "100").out
      #expect(try store.dhow("create", "--name", "cc", "busybox", "true").status == 125)
      let second = try store.must("run", "-d", "--replace", "--name", "cc", "busybox", "sleep", "100").out
      #expect(first != second)
      #expect(try store.must("ps", "-aq", "--no-trunc").lines == [second])
      try store.must("create", "--replace", "--name", "cc", "busybox", "true")
      #expect(try store.must("ps", "-a", "--format", "{{.Names}} {{.Status}}").out == "cc Created")
      // The beginning of an id is no name.
      try store.must("create", "--replace", "--name", String(second.prefix(12)), "busybox", "true")
      #expect(try store.must("ps", "-aq").lines.count == 2)
      #expect(try store.dhow("run", "--replace", "busybox", "true").err.contains("without --name"))
    }
  }

  @Test func `what a container requires is started before it`() throws {
    try withBusybox { store in
      #expect(try store.dhow("create", "--requires", "db", "busybox", "true").err.contains("No such container: db"))
      try store.must("create", "--name", "db", "busybox", "sleep", "100")
      try store.must("create", "--name", "cache", "--requires", "db", "busybox", "sleep", "100")
      try store.must("run", "-d", "--name", "web", "--requires", "cache", "busybox", "sleep", "100")
      #expect(try store.must("ps", "--format", "{{.Names}}").lines.sorted() == ["cache", "db", "web"])
      try store.must("rename", "cache", "redis")
      try store.must("kill", "web", "redis", "db")
      try store.must("start", "web")
      #expect(try store.must("ps", "--format", "{{.Names}}").lines.sorted() == ["db", "redis", "web"])
      try store.must("rm", "-f", "web", "redis")
      #expect(try store.must("run", "--rm", "--requires", "db", "busybox", "echo", "ran").out == "ran")
    }
  }

  @Test func `a clone has the settings and none of the files`() throws {
    try withBusybox { store in
      let first = try store.must(
        "run", "-d", "--name", "cc", "-e", "A=1", "-l", "k=v", "busybox", "sh", "-c", "echo $A > /f; sleep 100"
      ).out
      let clone = try store.must("container", "clone", "cc").out
      #expect(clone.count == 64 && clone != first)
      let format = "{{.Name}} {{.Config.Image}} {{.Config.Cmd}} {{.Config.Labels.k}} {{.State.Status}}"
      #expect(
        try store.must("inspect", "-f", format, clone).out
          == "/cc-clone busybox [sh -c echo $A > /f; sleep 100] v created")
      #expect(try store.must("diff", clone).out == "")
      #expect(try store.dhow("container", "clone", "--destroy", "cc", "other").err.contains("--force"))
      try store.must("container", "clone", "--destroy", "--force", "--run", "cc", "other")
      #expect(try store.must("ps", "-a", "--format", "{{.Names}}").lines.sorted() == ["cc-clone", "other"])
      #expect(try store.must("ps", "--format", "{{.Names}}").out == "other")
      #expect(try store.must("container", "clone", "cc-clone").out.count == 64)
      #expect(try store.must("ps", "-a", "--format", "{{.Names}}").lines.contains("cc-clone-clone"))
    }
  }

  @Test func `images are compared by the layers they do not share`() throws {
    try withBusybox { store in
      try store.must("run", "--name", "aa", "busybox", "sh", "-c", "echo 1 > /one; mkdir /d; echo > /d/f; rm /bin/cut")
      try store.must("commit", "aa", "one")
      try store.must("run", "--name", "bb", "one", "sh", "-c", "rm -r /d; mkdir /d; echo > /d/g; chmod 700 /one")
      try store.must("commit", "bb", "two")
      #expect(try store.must("image", "diff", "one").lines == ["C /bin", "D /bin/cut", "A /d", "A /d/f", "A /one"])
      #expect(try store.must("image", "diff", "two").lines == ["C /d", "D /d/f", "A /d/g", "C /one"])
      #expect(
        try store.must("image", "diff", "two", "busybox").lines == ["C /bin", "D /bin/cut", "A /d", "A /d/g", "A /one"])
      #expect(
        try store.must("image", "diff", "busybox", "two").lines == ["C /bin", "A /bin/cut", "D /d", "D /one"])
      #expect(try store.must("image", "diff", "two", "two").out == "")
      #expect(
        try store.must("image", "diff", "--format", "json", "one").out
          == #"{"added":["/d","/d/f","/one"],"changed":["/bin"],"deleted":["/bin/cut"]}"#)
    }
  }

  @Test func `cleaning up is for what does not run`() throws {
    try withBusybox { store in
      let id = try store.must("run", "-d", "--name", "cc", "busybox", "sleep", "100").out
      #expect(try store.dhow("container", "cleanup", "cc").err.contains("is running or paused, refusing to clean up"))
      try store.must("kill", "cc")
      #expect(try store.must("container", "cleanup", "cc").out == id)
      #expect(try store.must("container", "cleanup", "--rm", "--all").out == id)
      #expect(try store.must("ps", "-aq").out == "")
    }
  }
}
