import TestSupport
import Testing

/// `cp`, in both directions.
@Suite(.serialized, .runsContainers)
struct CopyTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  /// Runs a script on the host as the identity of the store.
  @discardableResult
  private func host(_ store: Store, _ script: String) throws -> Outcome {
    let child = try ChildProcess(
      ["sh", "-c", script], as: store.identity, directory: store.directory, input: .null)
    let outcome = child.wait(timeout: 60)
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
    return outcome
  }

  /// A running container and one that does not run, so that both ways in are tried.
  private func both(_ store: Store, _ flags: [String] = [], _ body: (String) throws -> Void) throws {
    try store.dhow(["run", "-d", "--name", "up"] + flags + ["busybox", "sleep", "1000"])
    try body("up")
    try store.must("rm", "-f", "up")
    try store.dhow(["create", "--name", "down"] + flags + ["busybox", "sleep", "1000"])
    try body("down")
    try store.must("start", "down")
    try store.must("rm", "-f", "down")
  }

  @Test func `the place of a copy follows docker's table`() throws {
    try withBusybox { store in
      try host(store, "mkdir -p tree/sub; echo f > file; echo s > tree/sub/s; ln -s file link")
      try both(store) { name in
        try store.must("cp", "file", "\(name):/tmp")
        try store.must("cp", "file", "\(name):/new")
        try store.must("cp", "file", "\(name):new2")
        try store.must("cp", "tree", "\(name):/made")
        try store.must("cp", "tree", "\(name):/tmp/")
        try store.must("cp", "tree/.", "\(name):/tmp")
        try store.must("cp", "link", "\(name):/link")
        try store.must("cp", "-L", "link", "\(name):/followed")
        try store.must("cp", "file", "\(name):/tmp/sub/s")
        for (words, reason) in [
          (["file", "\(name):/none/"], "no such directory"), (["file", "\(name):/none/x"], "no such directory"),
          (["tree", "\(name):/new"], "cannot copy directory"), (["file", "\(name):/new/"], "not a directory"),
          (["nosuch", "\(name):/"], "no such file"), (["\(name):/nosuch", "."], "no such file"),
          (["file/", "\(name):/"], "not a directory"), (["\(name):/new", "none/"], "no such directory"),
          (["\(name):/a", "\(name):/b"], "not supported"),
          (["a", "b"], "must specify"), (["file", "nobody:/x"], "No such container"),
        ] {
          let outcome = try store.dhow(["cp"] + words)
          #expect(outcome.status != 0 && outcome.err.contains(reason), "\(words): \(outcome)")
        }
        try host(store, "rm -rf out; mkdir out")
        try store.must("cp", "\(name):/tmp", "out/tmp")
        try store.must("cp", "\(name):/tmp", "out")
        try store.must("cp", "\(name):/tmp/sub/.", "out")
        try store.must("cp", "\(name):/new", "out/tmp/sub/")
        try store.must("cp", "\(name):new2", "out/n")
        try store.must("cp", "\(name):/link", "out/l")
        try store.must("cp", "\(name):/made/sub/s", "out/n")
        let names = """
          . ./l ./n ./s ./tmp ./tmp/file ./tmp/sub ./tmp/sub/new ./tmp/sub/s ./tmp/tree ./tmp/tree/sub ./tmp/tree/sub/s
          """
        #expect(try host(store, "cd out && find . | LC_ALL=C sort").lines.joined(separator: " ") == names)
        #expect(try host(store, "cat out/n out/s out/tmp/sub/s; readlink out/l").lines == ["s", "f", "f", "file"])
      }
    }
  }

  @Test func `owners, modes, links, times and holes arrive`() throws {
    try withBusybox { store in
      try host(
        store,
        "mkdir -p t/d; echo x > t/d/f; ln t/d/f t/g; ln -s /nowhere t/l; mkfifo t/p; chmod 4751 t/g; touch -d @1000 t/d"
      )
      try both(store) { name in
        try store.must("cp", "t", "\(name):/t")
        try host(store, "rm -rf back; rm -rf kept")
        try store.must("cp", "\(name):/t", "back")
        let look = "stat -c '%a %u:%g %h' g d/f; readlink l; stat -c %F p; stat -c %Y d"
        let me = try host(store, "echo $(id -u):$(id -g)").out
        #expect(
          try host(store, "cd back && \(look)").lines == [
            "751 \(me) 2", "751 \(me) 2", "/nowhere", "fifo", "1000",
          ], "\(name)")
        let archive = try store.dhow("cp", "\(name):/t", "-")
        try write(archive.stdout, to: store.directory + "/a.tar")
        let listing = try mustRun(["tar", "--numeric-owner", "-tvf", store.directory + "/a.tar"]).lines
        #expect(listing.count == 6 && listing.allSatisfy { $0.contains(" 0/0 ") }, "\(listing)")
        #expect(listing.contains { $0.contains("-rwsr-x--x") }, "\(listing)")
        try store.must("cp", "-a", "\(name):/t", "kept")
        #expect(try mustRun(["stat", "-c", "%u %a", store.directory + "/kept/g"]).out.hasSuffix(" 4751"))
        try store.must("cp", "-a", "kept/g", "\(name):/again")
        #expect(try ownerIn(store, name, "/again") == "0/0")
      }
    }
  }

  private func ownerIn(_ store: Store, _ name: String, _ path: String) throws -> String {
    let archive = try store.dhow("cp", "\(name):\(path)", "-")
    try write(archive.stdout, to: store.directory + "/owner.tar")
    let line = try mustRun(["tar", "--numeric-owner", "-tvf", store.directory + "/owner.tar"]).lines.first ?? ""
    return line.split(separator: " ").dropFirst().first.map(String.init) ?? line
  }

  @Test func `an archive goes in with its owners, through links of the container's, and out again`() throws {
    try withBusybox { store in
      try host(store, "mkdir -p a/lib; echo x > a/lib/x; tar -c --owner=33 --group=8 -C a . | gzip > a.tgz")
      try both(store) { name in
        try store.must("cp", "a/lib/.", "\(name):/real")
        let bytes = try readBytes(store.directory + "/a.tgz")
        #expect(try store.dhow("cp", "-", "\(name):/tmp", input: bytes).succeeded)
        #expect(try ownerIn(store, name, "/tmp/lib/x") == "33/8")
        #expect(try ownerIn(store, name, "/tmp") == "0/0")
        let bad = try store.dhow("cp", "-", "\(name):/tmp", input: Array("no archive".utf8))
        #expect(bad.status != 0, "\(bad)")
        #expect(try store.dhow("cp", "-", "\(name):/none", input: bytes).err.contains("no such file"))
      }
    }
  }

  @Test func `links of a container lead nowhere else`() throws {
    try withBusybox { store in
      try host(store, "mkdir outside in; echo secret > outside/s; echo new > file; chmod 711 .; chmod 755 outside")
      let outside = store.directory + "/outside"
      let script = """
        ln -s \(outside) /dirlink; ln -s \(outside)/s /filelink; ln -s ../../../../../../..\(outside) /up; \
        mkdir -p /t; ln -s \(outside) /t/sub; ln -s /proc/self/root\(outside) /magic; touch /ready
        """
      try store.must("run", "--name", "down", "busybox", "sh", "-c", script)
      try store.must("run", "-d", "--name", "up", "busybox", "sh", "-c", script + "; sleep 1000")
      #expect(eventually { (try? store.dhow("exec", "up", "ls", "/ready").succeeded) == true })
      for name in ["down", "up"] {
        for path in ["dirlink/s", "up/s", "magic/s", "dirlink/.", "t/sub/s"] {
          let outcome = try store.dhow("cp", "\(name):/\(path)", "in")
          #expect(outcome.status != 0, "\(path): \(outcome)")
        }
        #expect(try store.dhow("cp", "-L", "\(name):/filelink", "in").status != 0)
        for path in ["dirlink/x", "up/x", "magic/x", "t/sub/x"] {
          #expect(try store.dhow("cp", "file", "\(name):/\(path)").status != 0, "\(path)")
        }
        // A link at the end is followed inside.
        _ = try store.dhow("cp", "file", "\(name):/filelink")
      }
      #expect(try host(store, "ls in outside; cat outside/s").lines == ["in:", "", "outside:", "s", "secret"])
    }
  }

  @Test func `mounts are seen, also of a container that does not run`() throws {
    try withBusybox { store in
      try host(store, "mkdir data ro; echo d > data/d; echo f > file")
      let flags = ["-v", "\(store.directory)/data:/tmp", "-v", "\(store.directory)/ro:/mnt:ro", "--tmpfs", "/run"]
      try store.must("run", "--rm", "busybox", "mkdir", "-p", "/mnt")
      try both(store, flags) { name in
        try store.must("cp", "\(name):/tmp/d", "got-\(name)")
        try store.must("cp", "file", "\(name):/tmp/from-\(name)")
        #expect(try readText(store.directory + "/data/from-\(name)") == "f\n")
      }
      #expect(try store.dhow(["run", "-d", "--name", "up"] + flags + ["busybox", "sleep", "1000"]).succeeded)
      try store.must("cp", "file", "up:/run/")
      #expect(try store.must("exec", "up", "cat", "/run/file").out == "f")
      #expect(try store.dhow("cp", "file", "up:/mnt/").err.lowercased().contains("read-only"))
      #expect(try host(store, "ls ro").out == "")
    }
  }

  @Test func `nothing of a container is replaced by another kind, and a full copy leaves devices out`() throws {
    try withBusybox { store in
      try host(store, "mkdir -p a/x b; echo f > b/x")
      try both(store) { name in
        try store.must("cp", "a/.", "\(name):/tmp")
        let over = try store.dhow("cp", "b/.", "\(name):/tmp")
        #expect(over.status != 0 && over.err.contains("cannot overwrite directory"), "\(over)")
        try store.must("cp", "b/x", "\(name):/y")
        try host(store, "mkdir -p c/y")
        if name == "up" {
          for path in ["/proc/x", "/proc/sys/kernel/x", "/dev/null"] {
            #expect(try store.dhow("cp", "b/x", "up:\(path)").status != 0, "\(path)")
          }
          #expect(try store.dhow("cp", "up:/proc/version", ".").err.contains("part of the kernel"))
        }
        let under = try store.dhow("cp", "c/.", "\(name):/")
        #expect(under.status != 0 && under.err.contains("cannot overwrite non-directory"), "\(under)")
      }
    }
  }
}

/// `cp` with a container whose ids are not the user's.
@Suite(.serialized, .runsContainers, .requires(.runsRootless))
struct CopyKeepIDTests {
  @Test func `files belong to the container's root, and owners survive both ways`() throws {
    try withStore { store in
      try store.loadBusybox()
      try write("x", to: store.directory + "/file", mode: 0o644)
      try store.must("create", "--userns", "keep-id", "-u", "0", "--name", "cc", "busybox", "sleep", "1000")
      for _ in 0..<2 {
        try store.must("cp", "file", "cc:/f")
        let archive = try store.dhow("cp", "cc:/f", "-")
        try write(archive.stdout, to: store.directory + "/f.tar")
        let line = try mustRun(["tar", "--numeric-owner", "-tvf", store.directory + "/f.tar"]).out
        #expect(line.contains(" 0/0 "), "\(line)")
        try store.must("start", "cc")
        #expect(try store.must("exec", "cc", "stat", "-c", "%u:%g", "/f").out == "0:0")
      }
      try store.must("rm", "-f", "cc")
    }
  }
}
