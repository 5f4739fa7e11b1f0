import TestSupport
import Testing

/// Attempts that need a program of our own in the container: SECURITY A6, A14, A16, A22.
@Suite(.serialized, .runsContainers)
struct ProbeTests {
  /// A root tree with the probe as /probe.
  private func withProbe(_ body: (RootTree) throws -> Void) throws {
    try withRootTree { tree in
      try mustRun(["cp", DhowBinary.program("host-probe"), tree.path + "/probe"])
      if let account = tree.store.identity.account { try giveAway(tree.path + "/probe", to: account) }
      try body(tree)
    }
  }

  @Test func `settings reach the kernel, whatever the image has where they are written (A6)`() throws {
    try withRootTree { tree in
      let canary = try tree.store.folder("canary", mode: 0o777)
      try tree.store.file("canary/file", "precious", mode: 0o666)
      let before = try census(canary)
      try tree.shell(
        """
        mkdir -p proc/self/attr proc/1 proc/thread-self/attr proc/sys/kernel
        for f in self/oom_score_adj self/setgroups self/uid_map self/attr/exec self/attr/keycreate thread-self/attr/exec \
          1/oom_score_adj sys/kernel/shmmax; do ln -s \(canary)/file proc/$f; done
        """)
      let options = ["--oom-score-adj", "600", "--sysctl", "kernel.shmmax=4711", "-v", canary + ":" + canary]
      let script = "cat /proc/self/oom_score_adj /proc/sys/kernel/shmmax"
      for _ in 0..<3 {
        let outcome = try tree.sh(options, script)
        #expect(outcome.lines == ["600", "4711"], "\(outcome)")
      }
      // And while a program in another container swaps them.
      let spin = "cd /v; while :; do mv -T sys s; ln -s \(canary)/file sys; rm sys; mv -T s sys; done"
      let spinner = try tree.store.start(
        ["run", "--rm", "--network", "none", "-v", tree.path + "/proc:/v", "-v", "\(canary):\(canary)"]
          + ["--rootfs", tree.path + ":O", "busybox", "sh", "-c", spin])
      defer {
        spinner.signal(9)
        _ = spinner.wait()
      }
      for _ in 0..<10 {
        let outcome = try tree.sh(options, script)
        #expect(outcome.lines == ["600", "4711"], "\(outcome)")
      }
      #expect(try census(canary) == before)
    }
  }

  @Test func `a program that covered its own proc gains nothing by our exec (A6)`() throws {
    try withRootTree { tree in
      let canary = try tree.store.folder("canary", mode: 0o777)
      try tree.store.file("canary/file", "precious", mode: 0o666)
      let before = try census(canary)
      let cover = """
        busybox mount -t tmpfs t /proc; busybox mkdir -p /proc/self/attr /proc/1
        for f in self/attr/exec self/oom_score_adj 1/oom_score_adj self/setgroups; do
          busybox ln -s \(canary)/file /proc/$f; done
        echo covered; exec sleep 100
        """
      try tree.store.must(
        "run", "-d", "--name", "covered", "--network", "none", "--oom-score-adj", "500", "--cap-add", "SYS_ADMIN",
        "--security-opt", "seccomp=unconfined", "-v", "\(canary):\(canary)", "--rootfs", tree.path + ":O", "sh", "-c",
        cover)
      #expect(eventually(within: 30) { (try? tree.store.dhow("logs", "covered").out) == "covered" })
      let outcome = try tree.store.dhow("exec", "covered", "echo", "ran")
      #expect(outcome.out == "ran" || outcome.status == 125 || outcome.status == 126, "\(outcome)")
      #expect(try census(canary) == before)
      try tree.store.must("rm", "-f", "covered")
    }
  }

  @Test(arguments: [[], ["--userns", "host"]])
  func `who may trace gets hold of no process of ours (A14)`(options: [String]) throws {
    try withProbe { tree in
      try tree.store.dhow(
        ["run", "-d", "--name", "tracer", "--network", "none", "--cap-add", "SYS_PTRACE"] + options
          + ["--rootfs", tree.path + ":O", "/probe", "attach", "6"])
      #expect(eventually(within: 30) { (try? tree.store.dhow("logs", "tracer").out.hasPrefix("ready")) == true })
      // How each ends is the tracer's to say, which may hold it at its own exec.
      var tried = 0
      while try tree.store.dhow("ps", "-q").out != "" {
        try tree.store.dhow("exec", "tracer", "true")
        tried += 1
      }
      #expect(tried > 0)
      let log = try tree.store.must("logs", "tracer").lines
      // The program of the exec itself is the container's own: that one may be attached to.
      let caught = Set(log.filter { $0.hasPrefix("attached ") })
      // Root's containers have no user namespace: there only the sealed stub is born in the pid namespace, which knows
      // nothing of ours (ARCHITECTURE.md, Processes).
      let stub = tree.store.identity == .root ? ["attached /memfd:dhow (deleted)"] : []
      #expect(caught.subtracting(["attached /bin/busybox"] + stub) == [], "\(caught)")
      try tree.store.must("rm", "-f", "tracer")
    }
  }

  @Test func `setuid and file capabilities of the image work, unless new privileges are refused (A16)`() throws {
    try withStore { store in
      let probe = try readBytes(DhowBinary.program("host-probe"))
      // VFS_CAP_REVISION_2, effective, permitted: NET_RAW (capabilities(7)).
      let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      var image = TarBuilder()
      for directory in ["proc", "sys", "dev", "tmp", "volume"] { image.directory(directory) }
      image.file(Array("plain".utf8), probe, mode: 0o755)
      image.file(Array("setuid".utf8), probe, mode: 0o4755)
      image.pax([("SCHILY.xattr.security.capability", capability)])
      image.file(Array("capable".utf8), probe, mode: 0o755)
      try store.must("import", "-", "probe", input: image.ended)
      func ids(_ options: [String], _ program: String) throws -> String {
        let outcome = try store.dhow(
          ["run", "--rm", "--network", "none", "-u", "1000:1000"] + options + ["probe", "/" + program, "ids"])
        #expect(outcome.succeeded, "\(outcome)")
        return outcome.out
      }
      let none = "0000000000000000"
      let refused = ["--security-opt", "no-new-privileges"]
      #expect(try ids([], "plain") == "uid 1000 gid 1000 effective \(none)")
      #expect(try ids([], "setuid") == "uid 0 gid 1000 effective 00000000a80425fb")
      #expect(try ids([], "capable") == "uid 1000 gid 1000 effective 0000000000002000")
      for program in ["plain", "setuid", "capable"] {
        #expect(try ids(refused, program) == "uid 1000 gid 1000 effective \(none)")
      }
      // What the container has not itself, a file cannot give.
      #expect(try ids(["--cap-drop", "ALL"], "setuid") == "uid 0 gid 1000 effective \(none)")
    }
  }

  @Test func `what we mount is nosuid and nodev (A16)`() throws {
    try withRootTree { tree in
      let outcome = try tree.sh(["--tmpfs", "/tmp"], "cat /proc/self/mounts")
      var seen = 0
      for line in outcome.lines {
        let fields = line.split(separator: " ").map(String.init)
        guard fields.count > 3, ["proc", "sysfs", "tmpfs", "mqueue", "cgroup", "cgroup2"].contains(fields[2]) else {
          continue
        }
        seen += 1
        let options = Set(fields[3].split(separator: ",").map(String.init))
        #expect(options.contains("nosuid"), "\(line)")
        // Devices of the host are single files, and /dev itself must let them be.
        if fields[1] != "/dev" && !fields[1].hasPrefix("/dev/") { #expect(options.contains("nodev"), "\(line)") }
      }
      #expect(seen >= 4, "\(outcome)")
    }
  }

  @Test(.requires(.root, .program("strace")))
  func `nothing of the container's is loaded or run on our side (A22)`() throws {
    try withRootTree { tree in
      let account = try #require(tree.store.identity.account)
      try tree.shell(
        """
        mkdir -p lib usr/lib/locale usr/bin sbin
        echo root:x:0:0::/root:/bin/sh > etc/passwd; echo root:x:0: > etc/group
        echo /lib/evil.so > etc/ld.so.preload; echo 'passwd: evil' > etc/nsswitch.conf
        cp bin/busybox lib/evil.so; cp bin/busybox lib/libnss_evil.so.2
        for p in nsenter tar ps newuidmap runc; do
          printf '#!/bin/sh\\necho ran >/ran\\n' > usr/bin/$p; chmod 755 usr/bin/$p; done
        """)
      try tree.store.must(
        "run", "-d", "--name", "trap", "--network", "none", "--rootfs", tree.path + ":O", "sleep", "100")
      for arguments in [
        ["exec", "-u", "root", "trap", "/bin/true"], ["export", "-o", "/dev/null", "trap"], ["diff", "trap"],
        ["logs", "trap"], ["inspect", "trap"],
      ] {
        let trace = tree.store.directory + "/trace"
        try mustRun(
          ["strace", "-f", "-y", "-u", account.name, "-e", "trace=open,openat,openat2,execve,execveat", "-o", trace]
            + tree.store.command(arguments), environment: tree.store.environment)
        let lines = try readText(trace).split(separator: "\n").map(String.init)
        // The container's program is the last thing executed; what it opens is its own affair.
        let ours = lines.firstIndex { $0.contains("execve(\"/bin/true\"") }.map { lines[..<$0] } ?? lines[...]
        #expect(arguments[0] != "exec" || ours.count < lines.count)
        for word in ["ld.so.preload", "nsswitch", "libnss", "evil", "gconv", "/usr/lib/locale", "usr/bin/"] {
          let inContainer = ours.filter { line in
            // The debug build under test has a loader, which looks these up on the host before anything else.
            line.contains(word) && (line.contains("RESOLVE_IN_ROOT") || line.contains(tree.path))
          }
          #expect(arguments[0] == "export" || inContainer == [], "\(arguments): \(inContainer)")
        }
        let named = ours.filter { $0.contains("RESOLVE_IN_ROOT") }.compactMap { line in
          line.split(separator: "\"").dropFirst().first.map(String.init)
        }
        #expect(Set(named).subtracting(["/etc/passwd", "/etc/group", "/"]) == [], "\(arguments): \(named)")
        let executed = ours.filter { $0.contains("execve(\"") && $0.contains(" = 0") }.dropFirst()
        for line in executed { #expect(line.contains("/usr/bin/new"), "\(arguments): \(line)") }
      }
      #expect(!(try tree.store.dhow("diff", "trap").out.contains("/ran")))
      try tree.store.must("rm", "-f", "trap")
    }
  }
}
