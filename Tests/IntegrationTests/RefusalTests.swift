import TestSupport
import Testing

/// Bad input: each one sentence with the way out, docker's exit code, nothing left in the store.
@Suite(.serialized, .runsContainers)
struct RefusalTests {
  @Test func `an unknown image is named, with what would bring it`() throws {
    try withStore { store in
      try store.loadBusybox()
      try store.expectNothingLeft { store in
        expectRefusal(
          try store.dhow("run", "--rm", "--pull", "never", "nosuchimage", "true"), status: 125, naming: "nosuchimage",
          hint: true)
        expectRefusal(
          try store.dhow("run", "-d", "--pull", "never", "registry.invalid/a/b:c", "true"), status: 125,
          naming: "registry.invalid/a/b:c")
        // Port 1 of this machine: no traffic leaves it.
        expectRefusal(
          try store.dhow("pull", "-q", "localhost:1/nosuchimage"), status: 1, naming: "localhost:1", hint: true)
        let run = try store.dhow("run", "--rm", "localhost:1/nosuchimage", "true")
        #expect(run.status == 125)
        #expect(
          run.err.split(separator: "\n").map { $0.prefix(9) } == ["Unable to", "dhow: pul", "hint: not"], "\(run)")
        expectRefusal(try store.dhow("rmi", "nosuchimage"), status: 1, naming: "nosuchimage")
        expectRefusal(try store.dhow("history", "nosuchimage"), status: 1, naming: "nosuchimage")
        expectRefusal(
          try store.dhow("image", "inspect", "--format", "{{.Id}}", "nosuchimage"), status: 1, naming: "nosuchimage")
        expectRefusal(try store.dhow("save", "-o", "/dev/null", "nosuchimage"), status: 1, naming: "nosuchimage")
        expectRefusal(try store.dhow("tag", "nosuchimage", "x"), status: 1, naming: "nosuchimage")
        #expect(try store.dhow("image", "exists", "nosuchimage").status == 1)
      }
    }
  }

  @Test(arguments: ["UPPER", "a//b", "a:b:c", "-x/y:", "busybox:", "busybox@sha256:12", "a b", ":tag", "x:\u{7}"])
  func `a bad reference is refused`(reference: String) throws {
    try withStore { store in
      try store.loadBusybox()
      try store.expectNothingLeft { store in
        let outcome = try store.dhow("run", "--rm", "--", reference, "true")
        expectRefusal(outcome, status: 125, naming: "reference")
        #expect(!outcome.stderr.contains(7), "a control character reached the terminal")
      }
    }
  }

  @Test func `a program that is not there, or cannot be executed, is told apart in four ways`() throws {
    try withStore { store in
      try store.loadBusybox()
      let run = ["run", "--rm", "--network", "none"]
      try store.expectNothingLeft { store in
        // Not found: in PATH, and by its own path.
        expectRefusal(try store.dhow(run + ["busybox", "nosuchprogram"]), status: 127, naming: "nosuchprogram", "PATH")
        expectRefusal(try store.dhow(run + ["busybox", "/no/such"]), status: 127, naming: "/no/such")
        // There, but a directory, or without the right to execute.
        expectRefusal(try store.dhow(run + ["busybox", "/etc"]), status: 126, naming: "/etc")
        expectRefusal(try store.dhow(run + ["busybox", "/etc/passwd"]), status: 126, naming: "/etc/passwd")
      }
      try store.folder("bin")
      try store.file("bin/script", "#!/no/interpreter\n", mode: 0o755)
      // An ELF header of a machine that this one is not (EM_S390, 22), and nothing else.
      var foreign = [UInt8](repeating: 0, count: 128)
      foreign.replaceSubrange(0..<8, with: [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0])
      foreign.replaceSubrange(16..<20, with: [2, 0, 22, 0])
      try write(foreign, to: store.directory + "/bin/foreign", mode: 0o755)
      try store.file("bin/plain", "echo not a program\n", mode: 0o755)
      let bind = run + ["-v", store.directory + "/bin:/t"]
      try store.expectNothingLeft { store in
        expectRefusal(
          try store.dhow(bind + ["busybox", "/t/script"]), status: 127, naming: "/t/script", "/no/interpreter")
        expectRefusal(try store.dhow(bind + ["busybox", "/t/foreign"]), status: 126, naming: "/t/foreign", "s390")
        expectRefusal(try store.dhow(bind + ["busybox", "/t/plain"]), status: 126, naming: "/t/plain")
      }
      // noexec: a mount that forbids it.
      let tmpfs = ["run", "--rm", "--network", "none", "--tmpfs", "/x:noexec,mode=1777", "busybox", "sh", "-c"]
      let noexec = try store.dhow(tmpfs + ["cp /bin/busybox /x/true; /x/true"])
      #expect(noexec.status == 126)
    }
  }

  @Test func `a detached run reports the program's absence, too`() throws {
    try withStore { store in
      try store.loadBusybox()
      expectRefusal(
        try store.dhow("run", "-d", "--rm", "--network", "none", "busybox", "nosuchprogram"), status: 127,
        naming: "nosuchprogram")
      #expect(try store.must("ps", "-aq").out == "")
    }
  }

  @Test func `a missing bind source is an error with --mount and a directory with -v`() throws {
    try withStore { store in
      try store.loadBusybox()
      let missing = store.directory + "/absent"
      try store.expectNothingLeft { store in
        expectRefusal(
          try store.dhow("run", "--rm", "--mount", "type=bind,src=\(missing),dst=/x", "busybox", "true"), status: 125,
          naming: missing)
      }
      #expect(!exists(missing))
      try store.must("run", "--rm", "--network", "none", "-v", "\(missing):/x", "busybox", "test", "-d", "/x")
      #expect(exists(missing))
    }
  }

  @Test(arguments: [
    (["-m", "lots"], "lots"), (["--memory", "1"], "memory"), (["--cpus", "-1"], "-1"), (["-e", "=x"], "=x"),
    (["--network", "nosuchnet"], "nosuchnet"), (["--cap-add", "NOSUCH"], "NOSUCH"), (["-u", "a b"], "a b"),
    (["-v", "relative/../x:y"], "y"), (["--ulimit", "nosuch=1"], "nosuch"),
    (["--stop-signal", "SIGNOSUCH"], "SIGNOSUCH"),
    (["--tmpfs", "relative"], "relative"), (["--name", "bad/name"], "bad/name"), (["-w", "relative"], "relative"),
    (["--add-host", "nocolon"], "nocolon"), (["--security-opt", "nosuch=1"], "nosuch"), (["--shm-size", "x"], "x"),
    (["--mount", "type=nosuch,dst=/x"], "nosuch"), (["--mount", "type=bind,src=/etc,dst=/x,nosuch"], "nosuch"),
    (["--platform", "not/a/real/platform/x"], "platform"), (["--restart", "sometimes"], "sometimes"),
    (["--env-file", "/no/such/file"], "/no/such/file"), (["--log-driver", "nosuch"], "nosuch"),
    (["--sysctl", "kernel.hostname=x"], "kernel.hostname"), (["--device", "/dev/nosuch"], "/dev/nosuch"),
    (["--userns", "nosuch"], "userns"), (["--nosuchflag"], "nosuchflag"), (["--pid", "container:nosuch"], "nosuch"),
    (["-p", "8080:x"], "-p"), (["--runtime", "nosuch"], "nosuch"),
  ])
  func `a bad value is refused before anything is made`(flags: [String], word: String) throws {
    try withStore { store in
      try store.loadBusybox()
      try store.expectNothingLeft { store in
        expectRefusal(try store.dhow(["run", "--rm"] + flags + ["busybox", "true"]), status: 125, naming: word)
      }
    }
  }

  @Test func `a command that is not there gets a suggestion`() throws {
    try withStore { store in
      expectRefusal(try store.dhow("rnu", "busybox"), status: 1, naming: "rnu", "run")
    }
  }

  @Test func `a damaged archive leaves nothing`() throws {
    try withStore { store in
      try store.loadBusybox()
      let whole = try readBytes(ImageFixture.busybox())
      let cut = try store.file("cut.tar")
      try write(whole.prefix(whole.count / 2), to: cut)
      // The layer's bytes changed: its digest is no longer what the configuration says.
      var changed = whole
      let middle = changed.count / 2
      changed[middle] ^= 0xFF
      let flipped = try store.file("flipped.tar")
      try write(changed, to: flipped)
      let text = try store.file("text.tar", "this is not an archive at all\n")
      let empty = try store.file("empty.tar")
      try store.expectNothingLeft { store in
        for path in [cut, flipped, text, empty] {
          expectRefusal(try store.dhow("load", "-i", path), status: 1, naming: path)
          expectRefusal(try store.dhow("load", input: try readBytes(path)), status: 1)
        }
        expectRefusal(try store.dhow("import", text), status: 1, naming: text)
        expectRefusal(try store.dhow("load", "-i", store.directory + "/absent.tar"), status: 1, naming: "absent.tar")
      }
      try store.expectWorking("after damaged archives")
    }
  }

  @Test func `things that are not there are named`() throws {
    try withStore { store in
      for command in [
        ["start"], ["stop"], ["restart"], ["kill"], ["rm"], ["logs"], ["wait"], ["attach"], ["port"], ["diff"],
        ["rename", "nosuch", "other"], ["export"], ["exec", "nosuch", "true"], ["inspect", "--format", "{{.Id}}"],
      ] {
        let words = command.contains("nosuch") ? command : command + ["nosuch"]
        let outcome = try store.dhow(words)
        #expect(outcome.status == 1 || (words[0] == "port" && outcome.status == 125), "\(outcome)")
        #expect(outcome.err.contains("nosuch") || words[0] == "port", "\(outcome)")
      }
      #expect(try store.dhow("rm", "-f", "nosuch").status == 0)
      #expect(try store.dhow("container", "exists", "nosuch").status == 1)
    }
  }

  @Test func `a name in use names its holder`() throws {
    try withStore { store in
      try store.loadBusybox()
      let id = try store.must("create", "--name", "taken", "busybox", "true").out
      try store.expectNothingLeft { store in
        expectRefusal(
          try store.dhow("create", "--name", "taken", "busybox", "true"), status: 125, naming: "taken",
          String(id.prefix(12)))
      }
    }
  }
}
