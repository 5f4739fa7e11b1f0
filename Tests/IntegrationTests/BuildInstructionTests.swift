import Glibc
import TestSupport
import Testing

/// Instructions with their flags, and what a build says and leaves.
@Suite(.serialized, .runsContainers)
struct BuildInstructionTests {
  private func withContext(
    _ dockerfile: String, _ files: [String: String] = [:], _ body: (Store, String) throws -> Void
  ) throws {
    try withStore { store in
      try store.loadBusybox()
      let place = try store.folder("context")
      for name in ["d", "d/e"] { _ = try store.folder("context/\(name)") }
      for name in files.keys.sorted() { _ = try store.file("context/\(name)", files[name] ?? "") }
      _ = try store.file("context/Dockerfile", dockerfile)
      try body(store, place)
    }
  }

  @Test func `COPY keeps to its flags`() throws {
    let dockerfile = """
      FROM busybox
      RUN mkdir -p /real && ln -s /real /link
      COPY --chown=5:6 --chmod=u=rwX,go=rX d /own
      COPY --link --chown=7 d/one.txt /linked/one
      COPY --exclude=*.md d/* /ex/
      COPY --parents d/e/*.txt d/./e /par/
      COPY d/one.txt /link/
      COPY d/one.txt /link/as
      """
    let files = ["d/one.txt": "1", "d/two.md": "2", "d/e/three.txt": "3"]
    try withContext(dockerfile, files) { store, place in
      try store.must("build", "-t", "made", place)
      let look = """
        stat -c '%a %u:%g' /own/one.txt /own/e /linked/one; find /ex /par -type f | sort; ls /real
        """
      #expect(
        try store.must("run", "--rm", "made", "sh", "-c", look).lines == [
          "644 5:6", "755 5:6", "644 7:7", "/ex/one.txt", "/ex/three.txt", "/par/d/e/three.txt", "/par/e/three.txt",
          "as", "one.txt",
        ])
    }
  }

  @Test func `what is outside of the context is refused`() throws {
    for source in ["../secret", "/../../etc/passwd", "missing", "hidden"] {
      let files = ["a": "1", "hidden": "x", ".dockerignore": "hidden\n"]
      try withContext("FROM busybox\nCOPY \(source) /x", files) { store, place in
        let outcome = try store.dhow("build", place)
        #expect(outcome.status == 1 && outcome.err.contains("Dockerfile:2"), "\(source): \(outcome.err)")
      }
    }
  }

  @Test func `heredocs, archives and triggers do what they say`() throws {
    let dockerfile = """
      FROM busybox AS base
      ENV A=1
      ONBUILD RUN echo triggered > /trigger
      RUN <<EOF
      echo heredoc $A > /here
      EOF
      FROM base
      COPY <<EOF <<"RAW" /docs/
      expanded $A
      EOF
      raw $A
      RAW
      ADD archive.tar /unpacked/
      USER 1000
      WORKDIR /made/by
      RUN id -u > mine
      USER 0
      RUN test "$(stat -c %u mine)" = 1000
      """
    try withContext(dockerfile) { store, place in
      var tar = TarBuilder()
      tar.file("in/f", "of the archive\n")
      _ = try store.file("context/archive.tar", String(decoding: tar.bytes, as: UTF8.self))
      try store.must("build", "-t", "made", place)
      let look = "cat /here /trigger /docs/EOF /docs/RAW /unpacked/in/f /made/by/mine"
      #expect(
        try store.must("run", "--rm", "made", "sh", "-c", look).lines == [
          "heredoc 1", "triggered", "expanded 1", "raw $A", "of the archive", "1000",
        ])
      #expect(try store.must("image", "inspect", "-f", "{{json .Config.OnBuild}}", "made").out == "null")
    }
  }

  @Test func `independent stages run side by side`() throws {
    // Each waits for a file that only the other one makes: one after the other they would never end.
    let dockerfile = """
      FROM busybox AS a
      RUN --mount=type=cache,target=/c,id=meet touch /c/a; until test -e /c/b; do sleep 0.1; done; touch /a
      FROM busybox AS b
      RUN --mount=type=cache,target=/c,id=meet touch /c/b; until test -e /c/a; do sleep 0.1; done; touch /b
      FROM scratch
      COPY --from=a /a /a
      COPY --from=b /b /b
      """
    try withContext(dockerfile) { store, place in try store.must("build", "-q", place) }
  }

  @Test func `an explanation names the changed file and verify the file that differs`() throws {
    let dockerfile = """
      FROM busybox
      COPY d /d
      ARG V=1
      RUN echo $V > /v
      RUN cat /proc/sys/kernel/random/uuid > /impure
      """
    try withContext(dockerfile, ["d/one.txt": "1", "d/two.md": "2"]) { store, place in
      try store.must("build", "-q", place)
      _ = try store.file("context/d/one.txt", "changed")
      let file = try store.must("build", "-q", "--explain", place).err
      #expect(file.contains("file d/one.txt has changed") && !file.contains("two.md"), "\(file)")
      let variable = try store.must("build", "-q", "--explain", "--build-arg", "V=2", place).err
      #expect(variable.contains("COPY d /d: CACHED") && variable.contains("variable V has changed"), "\(variable)")
      let verified = try store.dhow("build", "-q", "--verify", place)
      #expect(verified.status == 1 && verified.err.contains("/impure is different each time"), "\(verified.err)")
    }
  }

  @Test func `the files and the image go where output says`() throws {
    try withContext("FROM scratch\nCOPY d /d", ["d/one.txt": "1"]) { store, place in
      let target = store.directory + "/context/out"
      try store.must("build", "-q", "-o", target, place)
      try store.must("build", "-q", "-o", "type=tar,dest=\(target).tar", place)
      try store.must("build", "-q", "-t", "made:7", "-o", "type=oci,dest=\(target).oci", place)
      try store.must("rmi", "made:7")
      #expect(try store.must("load", "-i", target + ".oci").out.contains("made:7"))
      #expect(try store.paths(below: "/../context/out").contains { $0.hasSuffix("d/one.txt") })
    }
  }

  @Test func `the checks alone build nothing`() throws {
    try withContext("from busybox\nMAINTAINER me\nRUN exit 1") { store, place in
      let outcome = try store.dhow("build", "--check", place)
      #expect(outcome.status == 1 && outcome.out.contains("MaintainerDeprecated"), "\(outcome)")
      #expect(outcome.out.contains("warnings have been found!"))
    }
  }

  @Test func `a build that is ended leaves no mount, process or half layer`() throws {
    for signal in [SIGTERM, SIGKILL] {
      try withContext("FROM busybox\nRUN touch /cache-me\nRUN echo started; sleep 1000") { store, place in
        let build = try store.start(["build", place])
        // Of the title there is no line that ends so.
        #expect(eventually(within: 60) { String(decoding: build.errors, as: UTF8.self).contains(" started\n") })
        build.signal(signal)
        _ = build.wait()
        #expect(eventually(within: 30) { store.processes().isEmpty })
        // The next writer sweeps what a killed one could not.
        _ = try store.file("context/Dockerfile", "FROM busybox\nRUN touch /other")
        try store.must("build", "-q", place)
        #expect(try store.must("system", "check").status == 0)
      }
    }
  }
}

/// Files and contexts from a server.
@Suite(.serialized, .runsContainers)
struct BuildDownloadTests {
  @Test func `a refused address is said with its place`() throws {
    try withStore { store in
      try store.loadBusybox()
      let place = try store.folder("context")
      _ = try store.file("context/Dockerfile", "FROM busybox\nADD http://127.0.0.1:1/f /f\n")
      let outcome = try store.dhow("build", place)
      #expect(outcome.status == 1 && outcome.err.contains("Dockerfile:2"), "\(outcome.err)")
      for url in ["https://example.invalid/repo.git", "git@example.invalid:repo"] {
        #expect(try store.dhow("build", url).err.contains("git"))
      }
    }
  }
}
