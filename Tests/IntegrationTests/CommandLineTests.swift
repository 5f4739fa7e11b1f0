import TestSupport
import Testing

/// What the program does with its own streams, its words and its shells.
@Suite(.serialized, .runsContainers)
struct CommandLineTests {
  /// A command with its standard output on a disk that is always full.
  private func toFullDisk(_ store: Store, _ arguments: [String]) throws -> Outcome {
    try run(
      ["sh", "-c", "\"$@\" >/dev/full", "sh"] + store.command(arguments), as: store.identity,
      environment: store.environment, directory: store.directory)
  }

  @Test func `output that cannot be written is told, whoever wrote it`() throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must("run", "-d", "--name", "up", "--network", "none", "busybox", "sh", "-c", "echo ready; sleep 100")
      #expect(eventually { (try? store.dhow("logs", "up").out) == "ready" })
      for (arguments, status) in [
        (["run", "--rm", "--network", "none", "busybox", "echo", "x"], 125),
        (["run", "--rm", "--network", "none", "busybox", "sh", "-c", "echo x; exit 3"], 3),
        (["exec", "up", "echo", "x"], 125), (["logs", "up"], 1), (["save", "busybox"], 1), (["export", "up"], 1),
        (["ps"], 1), (["images"], 1), (["inspect", "up"], 1),
      ] as [([String], Int32)] {
        let outcome = try toFullDisk(store, arguments)
        #expect(outcome.status == status, "\(arguments): \(outcome)")
        #expect(outcome.err.lowercased().contains("no space left on device"), "\(arguments): \(outcome)")
        #expect(outcome.err.contains("dhow: "), "\(arguments): \(outcome)")
      }
      try store.must("rm", "-f", "up")
    }
  }

  @Test(arguments: [["save", "busybox"], ["export", "made"], ["inspect", "made"]])
  func `a reader that goes away ends the program quietly`(arguments: [String]) throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must("create", "--name", "made", "busybox")
      // The pipe has no reader before the first byte is written.
      let script = "set -o pipefail; \"$@\" | true; echo ${PIPESTATUS[0]}"
      let outcome = try run(
        ["bash", "-c", script, "bash"] + store.command(arguments), as: store.identity,
        environment: store.environment, directory: store.directory)
      #expect(["141", "0"].contains(outcome.out), "\(outcome)")
      #expect(outcome.err == "", "\(outcome)")
    }
  }

  @Test func `a template that cannot be read has docker's exit codes`() throws {
    try withStore { store in
      try store.loadBusybox()
      for arguments in [["inspect", "busybox"], ["image", "inspect", "busybox"], ["version"], ["info"]] {
        expectRefusal(
          try store.dhow(arguments + ["--format", "{{.Foo"]), status: 64, naming: "template parsing error",
          "unclosed action")
        #expect(try store.dhow(arguments + ["--format", "{{.Foo}}"]).status == 1)
      }
      for arguments in [["ps"], ["images"]] {
        expectRefusal(
          try store.dhow(arguments + ["--format", "{{.Foo"]), status: 1, naming: "template parsing error")
      }
    }
  }

  @Test func `podman's ways to choose containers`() throws {
    try withStore { store in
      try store.loadBusybox()
      func make(_ name: String, _ options: String...) throws {
        let outcome = try store.dhow(
          ["run", "-d", "--name", name, "--network", "none"] + options + ["busybox", "sleep", "100"])
        #expect(outcome.succeeded, "\(outcome)")
      }
      func states() throws -> [String] {
        try store.must("ps", "-a", "--format", "{{.Names}} {{.State}}").lines.sorted()
      }
      try make("one", "--label", "kind=a", "--stop-signal", "KILL")
      try make("two", "--label", "kind=b", "--stop-signal", "KILL", "--cidfile", store.directory + "/cid")
      try make("three", "--stop-signal", "KILL")
      try store.must("stop", "--filter", "label=kind=a")
      #expect(try states() == ["one exited", "three running", "two running"])
      try store.must("stop", "-l")
      #expect(try states() == ["one exited", "three exited", "two running"])
      try store.must("kill", "--cidfile", store.directory + "/cid")
      #expect(eventually { (try? states()) == ["one exited", "three exited", "two exited"] })
      try store.must("start", "--filter", "name=one")
      #expect(try states() == ["one running", "three exited", "two exited"])
      try store.must("start", "--all")
      #expect(try states() == ["one running", "three running", "two running"])
      try store.must("restart", "-t", "0", "--latest")
      try store.must("stop", "-a", "-t", "0")
      #expect(try states() == ["one exited", "three exited", "two exited"])
      // Nothing is left to choose: no failure.
      #expect(try store.must("stop", "--all").out == "")
      #expect(try store.must("stop", "--ignore", "nobody").err == "")
      #expect(try store.must("rm", "--ignore", "nobody").err == "")
      expectRefusal(try store.dhow("stop", "--all", "one"), status: 125, naming: "not both")
      expectRefusal(try store.dhow("stop", "--cidfile", "/nonexistent"), status: 1, naming: "/nonexistent")
      #expect(try store.dhow("stop").status == 1)
      try store.must("rm", "--filter", "label=kind")
      #expect(try states() == ["three exited"])
      try store.must("rm", "-a")
      #expect(try states() == [])
    }
  }

  @Test func `inspect shows the limits that the kernel has`() throws {
    try withStore { store in
      try store.loadBusybox()
      let started = try store.must(
        "run", "-d", "--name", "bound", "-m", "64m", "--pids-limit", "20", "--network", "none", "busybox", "sleep",
        "100")
      func effective(_ name: String) throws -> String {
        try store.must("inspect", "-f", "{{json .State.EffectiveLimits.\(name)}}", "bound").out
      }
      // Where none can be applied a warning says so, with -d as well.
      let applied = !started.err.contains("WARNING")
      #expect(try effective("Memory") == (applied ? "67108864" : "null"), "\(started)")
      #expect(try effective("PidsLimit") == (applied ? "20" : "null"), "\(started)")
      #expect(try store.must("inspect", "-f", "{{.HostConfig.Memory}}", "bound").out == "67108864")
      try store.must("rm", "-f", "bound")
    }
  }

  @Test func `version says nothing of a commit it does not know`() throws {
    try withStore { store in
      let outcome = try store.must("version")
      #expect(!outcome.out.contains("unknown"), "\(outcome)")
      #expect(outcome.out.contains(" OS/Arch:           linux/"), "\(outcome)")
    }
  }

  @Test func `ids beyond the user's range are refused with file, id and fix, or squashed`() throws {
    try withStore { store in
      try store.loadBusybox()
      guard store.identity == .unprivileged else { return }
      try mustRun([
        "sh", "-c", "cp $1 $2 && chmod 644 $2", "sh", ImageFixture.busybox(), store.directory + "/plain.tar",
      ])
      let tree = try store.folder("unpacked")
      let script = """
        tar -C "$1" -xf "$2"; cd "$1"; layer=$(jq -r '.[0].Layers[0]' manifest.json)
        config=$(jq -r '.[0].Config' manifest.json); mkdir l; tar -C l -xf "$layer"; rm -rf index.json oci-layout
        touch l/far; tar -C l --owner=3000000 --group=0 --numeric-owner -cf layer.tar .
        jq --arg d "sha256:$(sha256sum layer.tar | cut -d' ' -f1)" '.rootfs.diff_ids=[$d]' "$config" >config
        jq '.[0].Layers=["layer.tar"] | .[0].Config="config" | .[0].RepoTags=["far:away"]' manifest.json >m
        mv m manifest.json; tar -cf ../far.tar manifest.json config layer.tar; chmod 644 ../far.tar
        """
      try mustRun(["sh", "-e", "-c", script, "sh", tree, store.directory + "/plain.tar"])
      let refused = try store.dhow("load", "-i", store.directory + "/far.tar")
      expectRefusal(refused, status: 1, naming: "3000000", "/etc/subuid", "--squash-ids", hint: true)
      let loaded = try store.must("load", "--squash-ids", "-i", store.directory + "/far.tar")
      #expect(loaded.out == "Loaded image: far:away" && loaded.err.contains("3000000"), "\(loaded)")
      let outcome = try store.dhow("run", "--rm", "--network", "none", "far:away", "stat", "-c", "%u", "/far")
      #expect(outcome.out == "0", "\(outcome)")
      #expect(try store.dhow("system", "check").status == 0)
    }
  }

  @Test(.requires(.program("fish")))
  func `fish completes from our script`() throws {
    try withStore { store in
      let script = try store.file("dhow.fish", try store.must("completion", "fish").out + "\n")
      func offers(_ line: String) throws -> [String] {
        let outcome = try mustRun(
          ["fish", "--no-config", "-c", "source \(script); complete -C '\(line)'"], as: store.identity,
          environment: ["HOME": store.directory, "TERM": "dumb"], directory: store.directory)
        return outcome.lines.compactMap { $0.split(separator: "\t").first.map(String.init) }
      }
      #expect(try offers("dhow ru") == ["run"])
      #expect(try offers("dhow run --net").sorted() == ["--network", "--network-alias"])
      #expect(try offers("dhow image l") == ["load", "ls"])
      #expect(try offers("dhow --ro") == ["--root"])
      #expect(try offers("dhow load --input dhow.f") == ["dhow.fish"])
    }
  }

  @Test(.requires(.program("zsh")))
  func `zsh completes from our script`() throws {
    try withStore { store in
      let folder = try store.folder("functions")
      try store.file("functions/_dhow", try store.must("completion", "zsh").out + "\n")
      // A shell on a terminal of its own, whose list of choices is read back.
      let script = try store.file(
        "ask.zsh",
        """
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "PS1='READY'; fpath=(\(folder) \\$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^X' list-choices"
        zpty -w shell "echo be''gun"
        zpty -r shell seen '*begun*' || exit 1
        zpty -n -w shell "$1"$'\\C-x'
        out=; for i in {1..100}; do
          while zpty -r -t shell piece; do out+=$piece; done
          [[ $out == *$2* ]] && { print found; exit 0 }
          sleep 0.1
        done
        print -r -- "$out"; exit 1
        """)
      for (line, choice) in [
        ("dhow ru", "run  -- Create and run"), ("dhow run --netw", "-- Connect a container"),
        ("dhow image ", "history  -- "),
        ("dhow --ro", "--root  -- "),
      ] {
        let outcome = try run(
          ["zsh", "-f", script, line, choice], as: store.identity,
          environment: ["HOME": store.directory, "TERM": "xterm", "PATH": "/usr/bin:/bin"],
          directory: store.directory, timeout: 60)
        #expect(outcome.out == "found", "\(line): \(outcome)")
      }
    }
  }
}
