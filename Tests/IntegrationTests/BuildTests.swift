import TestSupport
import Testing

/// Images from Dockerfiles.
@Suite(.serialized, .runsContainers)
struct BuildTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  /// A context with a Dockerfile and files, as a path.
  private func context(_ store: Store, _ dockerfile: String, _ files: [String: String] = [:]) throws -> String {
    let place = try store.folder("context")
    for name in files.keys.sorted() { _ = try store.file("context/\(name)", files[name] ?? "") }
    _ = try store.file("context/Dockerfile", dockerfile)
    return place
  }

  @Test func `a Dockerfile becomes an image whose second build does nothing`() throws {
    try withBusybox { store in
      let place = try context(
        store,
        """
        FROM busybox
        ENV GREETING=hello
        WORKDIR /app/sub
        COPY a.txt b.txt /app/
        RUN echo "$GREETING" > out; rm /bin/cut; mkdir -m 1777 /own
        LABEL k=v
        EXPOSE 80/tcp
        CMD ["cat", "/app/a.txt"]
        """, ["a.txt": "one\n", "b.txt": "two\n"])
      let first = try store.must("build", "-t", "made:1", place)
      #expect(first.err.contains("[4/4] RUN echo"), "\(first.err)")
      #expect(try store.must("run", "--rm", "made:1").out == "one")
      let look = "cat out /app/b.txt; pwd; stat -c %a /own; ls /bin/cut 2>&1; ls -A /etc | grep -c resolv || true"
      #expect(
        try store.must("run", "--rm", "made:1", "sh", "-c", look).lines.prefix(5) == [
          "hello", "two", "/app/sub", "1777", "ls: /bin/cut: No such file or directory",
        ])
      let id = try store.must("build", "-q", "-t", "made:1", place).out
      let second = try store.must("build", "-t", "made:1", place)
      #expect(second.err.components("CACHED") == 3, "\(second.err)")
      #expect(second.err.contains(id))
      #expect(try store.must("image", "inspect", "-f", "{{json .Config.Labels}}", "made:1").out == #"{"k":"v"}"#)
    }
  }

  @Test func `content decides what is cached and times do not`() throws {
    try withBusybox { store in
      let place = try context(store, "FROM busybox\nCOPY a /a\nRUN cat /a", ["a": "1"])
      let first = try store.must("build", "-q", place).out
      _ = try store.file("context/a", "1")
      #expect(try store.must("build", "-q", place).out == first)
      _ = try store.file("context/a", "2")
      let changed = try store.must("build", place)
      #expect(changed.err.components("CACHED") == 0, "\(changed.err)")
      let without = try store.must("build", "--no-cache", "-q", place).out
      #expect(try store.must("build", "-q", place).out == without)
    }
  }

  @Test func `a failing program is shown with its place, output and exit code`() throws {
    try withBusybox { store in
      let place = try context(store, "FROM busybox\nRUN echo before; exit 7\nRUN true")
      let outcome = try store.dhow("build", "-t", "made", place)
      #expect(outcome.status == 1)
      #expect(outcome.err.contains("exit code: 7") && outcome.err.contains("before"), "\(outcome.err)")
      #expect(outcome.err.contains("Dockerfile:2"))
      #expect(try store.dhow("image", "exists", "made").status == 1)
    }
  }

  @Test func `only the stages that are needed are built`() throws {
    try withBusybox { store in
      let place = try context(
        store,
        """
        FROM busybox AS make
        RUN echo made > /made
        FROM busybox AS unused
        RUN exit 1
        FROM scratch AS last
        COPY --from=make /made /bin/cat /d/
        FROM make AS test
        RUN grep made /made
        """)
      let built = try store.must("build", "--target", "last", "-t", "last", place)
      #expect(!built.err.contains("unused") && !built.err.contains("grep"))
      try store.must("build", "-t", "tested", place)
      #expect(try store.must("run", "--rm", "tested", "cat", "/made").out == "made")
    }
  }

  @Test func `mounts of RUN leave nothing behind and secrets are nowhere`() throws {
    try withBusybox { store in
      let place = try context(
        store,
        """
        FROM busybox AS other
        RUN mkdir /src && echo other > /src/f
        FROM busybox
        RUN --mount=type=bind,target=/ctx cat /ctx/a > /got; touch /ctx/no 2>/dev/null; test ! -e /ctx/hidden
        RUN --mount=type=bind,from=other,source=/src,target=/o,rw cat /o/f >> /got; echo changed > /o/f
        RUN --mount=type=cache,target=/cache,id=../../x echo kept >> /cache/f; wc -l < /cache/f >> /got
        RUN --mount=type=tmpfs,target=/t touch /t/x
        RUN --mount=type=secret,id=s wc -c < /run/secrets/s >> /got; stat -c %a /run/secrets/s >> /got
        RUN --mount=type=secret,id=s,env=TOKEN test ${#TOKEN} = 13
        """, ["a": "context\n", "hidden": "x", ".dockerignore": "hidden\n"])
      let secret = try store.file("secret", "canary-secret")
      try store.must("build", "--secret", "id=s,src=\(secret)", "-t", "made", place)
      let look = "cat /got; ls -d /ctx /o /cache /t /run/secrets 2>/dev/null || true"
      #expect(
        try store.must("run", "--rm", "made", "sh", "-c", look).lines == ["context", "other", "1", "13", "400"])
      #expect(try run(["grep", "-rlF", "canary-secret", store.directory + "/s"]).out == "")
      try store.must("build", "--no-cache", "--secret", "id=s,src=\(secret)", "-t", "made", place)
      #expect(try store.must("run", "--rm", "made", "sed", "-n", "3p", "/got").out == "2")
    }
  }

  @Test func `a Dockerfile or a tar archive comes from standard input`() throws {
    try withBusybox { store in
      let id = try store.dhow(
        ["build", "-q", "-"], input: Array("FROM busybox\nRUN echo in > /in\n".utf8))
      #expect(id.status == 0 && id.out.hasPrefix("sha256:"), "\(id.err)")
      let refused = try store.dhow(["build", "-"], input: Array("FROM busybox\nCOPY a /a\n".utf8))
      #expect(refused.status == 1 && refused.err.contains("standard input without a context"), "\(refused.err)")
      var tar = TarBuilder()
      tar.file("Dockerfile", "FROM busybox\nCOPY sub/f /f\n")
      tar.file("sub/f", "of the archive\n")
      try #require(try store.dhow(["build", "-t", "made", "-"], input: tar.bytes).status == 0)
      #expect(try store.must("run", "--rm", "made", "cat", "/f").out == "of the archive")
    }
  }

  @Test func `two builds without a cache make the same image`() throws {
    try withBusybox { store in
      let place = try context(
        store, "FROM busybox\nCOPY . /src\nRUN mkdir -p /x/y && cp -r /src /x/y && date -r /src > /dev/null",
        ["a": "1", "b": "2"])
      let first = try store.must("build", "-q", "--no-cache", place).out
      _ = try store.file("context/a", "1")
      #expect(try store.must("build", "-q", "--no-cache", place).out == first)
    }
  }

  @Test func `the build cache keeps layers until it is pruned`() throws {
    try withBusybox { store in
      let place = try context(store, "FROM busybox\nRUN echo x > /x")
      try store.must("build", "-t", "made", place)
      try store.must("rmi", "made")
      #expect(try store.must("build", "-t", "made", place).err.contains("CACHED"))
      try store.must("rmi", "made")
      try store.must("builder", "prune", "-f")
      #expect(try !store.must("build", "-t", "made", place).err.contains("CACHED"))
    }
  }
}

extension String {
  /// How often `text` is in here.
  fileprivate func components(_ text: String) -> Int {
    split(separator: text, omittingEmptySubsequences: false).count - 1
  }
}
