import TestSupport
import Testing

/// Attempts to get out, arranged by the author of the image or by a program in another container: SECURITY A1–A9, A19, E4.
@Suite(.serialized, .runsContainers)
struct EscapeTests {
  /// A directory of the user's outside every container.
  private func withCanary(_ body: (RootTree, String) throws -> Void) throws {
    try withRootTree { tree in
      let canary = try tree.store.folder("canary")
      try tree.store.file("canary/file", "precious")
      let before = try census(canary)
      try body(tree, canary)
      #expect(try census(canary) == before)
    }
  }

  @Test func `our binary is not what a container can open as its program (A1)`() throws {
    try withRootTree { tree in
      let binary = tree.store.directory + "/own"
      try mustRun(["cp", DhowBinary.path, binary])
      if let account = tree.store.identity.account { try giveAway(binary, to: account) }
      let before = try mustRun(["sha256sum", binary]).out
      let command = [binary] + tree.store.command(tree.words([], [])).dropFirst()
      // Told to execute itself, it finds a small program in sealed memory and ends there.
      let itself = try run(command + ["/proc/self/exe", "version"], as: tree.store.identity, timeout: 60)
      #expect(itself.status == 126 && itself.out.isEmpty, "\(itself)")
      let script = "for p in /proc/[0-9]*; do readlink $p/exe; (: > $p/exe) 2>/dev/null && echo opened $p; done; true"
      for options in [[], ["--init"]] {
        let words = [binary] + tree.store.command(tree.words(options, ["sh", "-c", script])).dropFirst()
        let seen = try run(words, as: tree.store.identity, timeout: 60)
        #expect(!seen.out.contains("own") && !seen.out.contains("dhow-bin"), "\(seen)")
      }
      #expect(try mustRun(["sha256sum", binary]).out == before)
    }
  }

  @Test(arguments: 0..<12)
  func `a working directory through a descriptor is refused (A2)`(number: Int) throws {
    try withCanary { tree, _ in
      for prefix in ["/proc/self/fd/", "/proc/1/fd/", "/proc/thread-self/fd/"] {
        let outcome = try tree.sh(["-w", prefix + "\(number)"], "pwd; ls ..")
        #expect(outcome.status == 125, "\(outcome)")
        #expect(!outcome.out.contains("canary"), "\(outcome)")
      }
      let link = try tree.sh(["-w", "/proc/self/cwd"], "pwd")
      #expect(link.status == 125, "\(link)")
    }
  }

  @Test(arguments: [
    ("rmdir proc; ln -s /tmp proc", "/proc"), ("rmdir proc; echo > proc", "/proc"),
    ("rmdir sys; ln -s tmp sys", "/sys"),
    ("rmdir sys; echo > sys", "/sys"), ("rmdir proc; ln -s /proc/self proc", "/proc"),
    ("rmdir dev; ln -s /canary dev", "/dev"), ("rmdir dev; ln -s ../../../.. dev", "/dev"),
    ("rmdir dev; ln -s /proc/self/cwd dev", "/dev"),
  ])
  func `the kernel's file systems go on real directories only (A3, A7)`(make: String, path: String) throws {
    try withCanary { tree, _ in
      try tree.shell(make)
      let outcome = try tree.run([], "true")
      #expect(outcome.status == 125, "\(outcome)")
      #expect(outcome.err.contains(path), "\(outcome)")
    }
  }

  @Test func `a volume cannot take the masks away, by name or by link (A3)`() throws {
    try withCanary { tree, canary in
      #expect(try tree.run(["-v", canary + ":/proc"], "true").status == 125)
      #expect(try tree.run(["--tmpfs", "/proc/sys"], "true").status == 125)
      try tree.shell("ln -s /proc innocent; ln -s proc/self alsoinnocent")
      for target in ["/innocent", "/innocent/sys", "/alsoinnocent"] {
        let outcome = try tree.run(["-v", canary + ":" + target], "true")
        #expect(outcome.status == 125, "\(outcome)")
        #expect(try tree.run(["--tmpfs", target], "true").status == 125)
      }
    }
  }

  @Test func `devices of the image are not used (A4, A5)`() throws {
    try withCanary { tree, _ in
      try tree.shell(
        "mkdir -p dev/pts; ln -s /proc/sysrq-trigger dev/null; ln -s /proc/sys/kernel/core_pattern dev/console; "
          + "ln -s /etc/hosts dev/pts/0; echo trap > dev/zero")
      let outcome = try tree.sh(
        [], "stat -c '%t:%T %F' /dev/null /dev/zero; cat /proc/keys; echo x > /dev/null; ls /dev")
      #expect(outcome.lines.prefix(2) == ["1:3 character special file", "1:5 character special file"], "\(outcome)")
      let terminal = try tree.sh(["-t"], "tty; stat -c %F /dev/console; cat /proc/sys/kernel/core_pattern")
      #expect(terminal.out.contains("/dev/pts/0"), "\(terminal)")
      #expect(terminal.out.contains("character special file"), "\(terminal)")
    }
  }

  @Test func `injected files land in the root, wherever links lead (E4)`() throws {
    try withCanary { tree, canary in
      try tree.shell(
        "ln -s \(canary)/file etc/hosts; ln -s ../run/nowhere/resolv.conf etc/resolv.conf; "
          + "ln -s ../../../../../../\(canary)/new etc/hostname")
      let outcome = try tree.sh(
        ["--hostname", "box"], "cat /etc/hostname; grep -c localhost /etc/hosts; cat /etc/resolv.conf > /dev/null")
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.lines.first == "box", "\(outcome)")
    }
  }

  @Test func `working directories are made in the root, by the container's ids (A9)`() throws {
    try withCanary { tree, canary in
      try tree.shell("ln -s / a; ln -s \(canary) b")
      let root = try tree.sh(["-w", "/a/made/here"], "pwd; stat -c '%u:%g' .")
      #expect(root.lines == ["/made/here", "0:0"], "\(root)")
      let outside = try tree.sh(["-w", "/b/new"], "pwd")
      #expect(outside.out == canary + "/new", "\(outside)")
    }
  }

  @Test func `a target swapped while we mount stays in the root (A8)`() throws {
    try withCanary { tree, canary in
      let volume = try tree.store.folder("volume")
      let source = try tree.store.folder("source")
      try mustRun(["sh", "-c", "mkdir -p \(volume)/d/x; ln -s \(canary) \(volume)/l; chmod -R a+rwX \(volume)"])
      if let account = tree.store.identity.account { try mustRun(["chown", "-R", "\(account.uid)", volume]) }
      let spinner = try ChildProcess(
        ["sh", "-c", "cd \"$1\"; while :; do mv -T d t; mv -T l d; mv -T d l; mv -T t d; done", "sh", volume],
        as: tree.store.identity)
      defer {
        spinner.signal(9)
        _ = spinner.wait()
      }
      let mounts = try HostState(of: tree.store).mounts
      let end = monotonicSeconds() + 5
      var started = 0
      while monotonicSeconds() < end {
        let outcome = try tree.run(
          ["-v", volume + ":/v", "-v", source + ":/v/d/x", "-v", source + ":/v/d/y/z"], "true")
        #expect(outcome.status == 0 || outcome.status == 125, "\(outcome)")
        if outcome.succeeded { started += 1 }
      }
      #expect(started > 0)
      // Other suites mount and unmount things of their own meanwhile.
      #expect(try eventually { try HostState(of: tree.store).mounts == mounts })
    }
  }

  @Test(.requires(.root)) func `a read-only bind is read-only with what is mounted below (A19)`() throws {
    try withRootTree { tree in
      let source = try tree.store.folder("source")
      try makeDirectory(source + "/below", mode: 0o777)
      try mustRun(["mount", "-t", "tmpfs", "-o", "mode=777,nosuid,nodev", "tmpfs", source + "/below"])
      tree.store.atEnd { try mustRun(["umount", source + "/below"]) }
      let write = "for f in /s/x /s/below/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done; true"
      #expect(try tree.sh(["-v", source + ":/s:ro"], write).out.isEmpty)
      #expect(try tree.sh(["-v", source + ":/s"], write).out.contains("wrote /s/below/x"))
      let options = try tree.sh(["-v", source + ":/s"], "grep ' /s/below ' /proc/self/mounts")
      #expect(options.out.contains("nosuid") && options.out.contains("nodev"), "\(options)")
    }
  }

  @Test func `a read-only root is read-only, its tmpfs and volumes are not (A19)`() throws {
    try withRootTree { tree in
      let source = try tree.store.folder("source", mode: 0o777)
      let script = "for f in /x /tmp/x /s/x /dev/shm/x; do (echo x > $f) 2>/dev/null && echo $f; done; pwd"
      let outcome = try tree.sh(["--read-only", "--tmpfs", "/tmp", "-v", source + ":/s", "-w", "/new"], script)
      #expect(outcome.lines == ["/tmp/x", "/s/x", "/dev/shm/x", "/new"], "\(outcome)")
    }
  }
}
