import TestSupport
import Testing

/// What a program finds when it starts: SECURITY A2, A10, A11, A12, A13, A15, A16, A18.
@Suite(.serialized, .runsContainers)
struct StartTests {
  @Test func `only the standard streams are open`() throws {
    try withRootTree { tree in
      let open = (3...22).map { "exec \($0)</etc/passwd" }.joined(separator: "; ")
      let command = tree.store.command(tree.words([], ["sh", "-c", "echo /proc/self/fd/*; echo /proc/1/fd/*"]))
      let outcome = try run(
        ["bash", "-c", open + "; exec \"$@\"", "bash"] + command, as: tree.store.identity)
      // The shell itself holds the directory it lists.
      for line in outcome.lines {
        let numbers = line.split(separator: " ").compactMap { $0.split(separator: "/").last }
        #expect(numbers.prefix(3) == ["0", "1", "2"], "\(outcome)")
        #expect(numbers.count <= 4, "\(outcome)")
      }
      #expect(outcome.lines.count == 2, "\(outcome)")
    }
  }

  @Test(arguments: [
    (["nosuch"], 127, "executable file not found in $PATH"), (["/bin/nosuch"], 127, "no such file"),
    (["/etc"], 126, "permission denied"), (["/bin/plain"], 126, "permission denied"),
    (["/bin/garbage"], 126, "exec format error"), (["/bin/foreign"], 126, "the program is for"),
    (["/bin/script"], 127, "its interpreter /no/such/shell does not"), (["script"], 127, "/no/such/shell"),
  ])
  func `the ways in which exec fails are told apart`(command: [String], status: Int32, words: String) throws {
    try withRootTree { tree in
      try tree.shell(
        """
        echo x > bin/plain; echo x > bin/garbage; chmod 755 bin/garbage
        printf '#!/no/such/shell\\n' > bin/script; chmod 755 bin/script
        printf '\\177ELF\\2\\1\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\363\\0' > bin/foreign; head -c 200 /dev/zero >> bin/foreign
        chmod 755 bin/foreign
        """)
      for options in [[], ["--init"]] {
        let outcome = try tree.store.dhow(tree.words(options, command))
        #expect(outcome.status == status, "\(outcome)")
        #expect(outcome.err.contains(words), "\(outcome)")
      }
    }
  }

  @Test func `init reaps, forwards and gives the program's code`() throws {
    try withRootTree { tree in
      let outcome = try tree.sh(["--init"], "tr '\\0' ' ' < /proc/1/cmdline; (sleep 0.1 &) ; exit 9")
      #expect(outcome.status == 9, "\(outcome)")
      #expect(outcome.out.contains("docker-init"), "\(outcome)")
      let script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"
      let child = try tree.store.start(tree.words(["--init"], ["sh", "-c", script]))
      #expect(child.waitForOutput("ready"))
      child.signal(15)
      #expect(child.wait(timeout: 60).status == 5)
      #expect(try tree.sh(["--init"], "kill -9 $$").status == 137)
    }
  }

  private static let docker = "00000000a80425fb"
  private static let none = "0000000000000000"

  @Test(arguments: [
    ([], [none, docker, docker, docker, none]), (["-u", "1000"], [none, none, none, docker, none]),
    (["--cap-drop", "ALL"], [none, none, none, none, none]),
    (
      ["--cap-drop", "ALL", "--cap-add", "NET_RAW"],
      [none, "0000000000002000", "0000000000002000", "0000000000002000", none]
    ),
    (["-u", "1000", "--cap-add", "SYS_ADMIN"], [none, none, none, "00000000a82425fb", none]),
    (["--init"], [none, docker, docker, docker, none]),
  ])
  func `the five sets of capabilities`(options: [String], expected: [String]) throws {
    try withRootTree { tree in
      let outcome = try tree.sh(options, "grep ^Cap /proc/self/status")
      #expect(outcome.lines.map { String($0.split(separator: "\t").last ?? "") } == expected, "\(outcome)")
    }
  }

  @Test func `supplementary groups are the image's and none of the host's`() throws {
    try withRootTree { tree in
      try tree.shell(
        """
        echo 'root:x:0:0::/root:/bin/sh' > etc/passwd; echo 'app:x:1000:1000::/:/bin/sh' >> etc/passwd
        printf 'root:x:0:\\nextra:x:77:app\\napp:x:1000:\\n' > etc/group
        """)
      let outcome = try tree.sh(["-u", "app"], "grep ^Groups /proc/self/status")
      #expect(outcome.out.split(separator: "\t").last?.split(separator: " ") == ["77", "1000"], "\(outcome)")
      let root = try tree.sh([], "grep ^Groups /proc/self/status")
      #expect(root.out.split(separator: "\t").last?.split(separator: " ") == ["0"], "\(root)")
      // A group that is denied what everybody else may do: dropping the group would give the member more.
      let shared = try tree.store.folder("shared")
      try tree.store.file("shared/file", "secret")
      let volume = ["-v", shared + ":/shared"]
      #expect(try tree.sh(volume, "chgrp 77 /shared/file && chmod 604 /shared/file").succeeded)
      let member = try tree.sh(volume + ["-u", "app"], "cat /shared/file")
      #expect(!member.succeeded && !member.out.contains("secret"), "\(member)")
      #expect(try tree.sh(volume + ["-u", "2000"], "cat /shared/file").out == "secret")
    }
  }

  @Test(arguments: ["4294967296", "-1", "2147483648:0", "1000:", " root", "nobody", "99999999999", "a:b:c"])
  func `a user that is none is refused and never root`(user: String) throws {
    try withRootTree { tree in
      try tree.shell("printf 'root:x:0:0::/root:/bin/sh\\n99999999999:x:0:0::/:/bin/sh\\n' > etc/passwd")
      let outcome = try tree.run(["--user=" + user], "id")
      #expect(outcome.status == 125, "\(outcome)")
      #expect(outcome.out.isEmpty, "\(outcome)")
    }
  }

  @Test(arguments: [
    "ln -s /etc/shadow etc/passwd", "mkfifo etc/passwd", "mkdir etc/passwd", "truncate -s 10G etc/passwd",
  ])
  func `a passwd file that is a weapon does not hold us up`(make: String) throws {
    try withRootTree { tree in
      try tree.shell("rm -rf etc/passwd; " + make)
      let outcome = try tree.run(["-u", "web"], "id", timeout: 60)
      #expect(!outcome.timedOut && outcome.status == 125, "\(outcome)")
      #expect(outcome.out.isEmpty)
    }
  }

  @Test func `a session of its own and no terminal of the caller's`() throws {
    try withRootTree { tree in
      // Fields of proc(5)'s stat: 5 process group, 6 session, 7 terminal.
      let outcome = try tree.sh([], "cut -d' ' -f6,7 /proc/1/stat; tty")
      #expect(outcome.lines.first == "1 0", "\(outcome)")
    }
  }

  @Test func `no new privileges when asked, docker's default otherwise`() throws {
    try withRootTree { tree in
      let script = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\n\\t'"
      for (options, expected) in [
        ([], "NoNewPrivs:0Seccomp:2"), (["--security-opt", "no-new-privileges"], "NoNewPrivs:1Seccomp:2"),
        (["--security-opt", "seccomp=unconfined"], "NoNewPrivs:0Seccomp:0"),
      ] {
        let outcome = try tree.sh(options, script)
        #expect(outcome.out == expected, "\(outcome)")
      }
    }
  }

  @Test func `the kernel's files are masked or read-only`() throws {
    try withRootTree { tree in
      let masked = "/proc/kcore /proc/keys /proc/timer_list /proc/interrupts"
      let empty = try tree.sh(
        [],
        "for f in \(masked); do [ -e $f ] && head -c 1 $f; done; ls /sys/firmware /proc/acpi 2>/dev/null | grep -v :")
      #expect(empty.out.split(separator: "\n").isEmpty, "\(empty)")
      let files =
        "/proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /sys/kernel/uevent_helper /sys/power/state"
      let writes = try tree.sh(
        [], "for f in \(files); do [ -e $f ] && (echo x > $f) 2>/dev/null && echo wrote $f; done; true")
      #expect(writes.out.isEmpty, "\(writes)")
      // Submounts must not be forgotten: nothing below /proc or /sys is writable but /proc itself, which is the program's.
      let mounts = try tree.sh([], "grep -E ' (/proc/|/sys)' /proc/self/mounts")
      for line in mounts.lines where !line.contains("/proc/") || line.contains(" proc ") {
        #expect(line.contains(" ro,"), "\(line)")
      }
    }
  }

  @Test func `the name of the host, and settings of the kernel`() throws {
    try withRootTree { tree in
      let options = [
        "--hostname", "box", "--sysctl", "kernel.shmmax=4711", "--oom-score-adj", "600", "--ulimit", "nofile=99",
      ]
      let outcome = try tree.sh(
        options, "hostname; cat /proc/sys/kernel/shmmax /proc/self/oom_score_adj; ulimit -n")
      #expect(outcome.lines == ["box", "4711", "600", "99"], "\(outcome)")
      let refused = try tree.sh(["--sysctl", "kernel.core_pattern=x"], "true")
      #expect(refused.status == 125 && refused.err.contains("kernel.core_pattern"), "\(refused)")
    }
  }

  @Test func `namespaces joined belong to a living container`() throws {
    try withRootTree { tree in
      try tree.store.must(
        "run", "-d", "--name", "first", "--network", "none", "--rootfs", tree.path + ":O", "sleep", "100")
      let seen = try tree.sh(["--pid", "container:first"], "tr '\\0' ' ' < /proc/1/cmdline")
      #expect(seen.out.contains("sleep 100"), "\(seen)")
      let names = "ls -l /proc/self/ns | grep -oE '(net|ipc|uts|mnt):.*'"
      let first = try tree.sh(["--pid", "container:first"], names.replacing("self", with: "1"))
      let joined = try tree.store.dhow(
        ["run", "--rm", "--network", "container:first", "--ipc", "container:first", "--rootfs", tree.path + ":O", "sh"]
          + ["-c", names])
      let common = Set(first.lines).intersection(joined.lines).map { $0.prefix(3) }.sorted()
      #expect(common == ["ipc", "net"], "\(first) \(joined)")
      // Two that share IPC share /dev/shm.
      let shared = ["--ipc", "container:first"]
      #expect(try tree.sh(shared, "echo from here > /dev/shm/note").succeeded)
      #expect(try tree.sh(shared, "cat /dev/shm/note").out == "from here")
      #expect(try !tree.sh([], "cat /dev/shm/note").succeeded)
      try tree.store.must("rm", "-f", "first")
      let dead = try tree.store.dhow(
        ["run", "--rm", "--network", "none", "--pid", "container:first", "--rootfs", tree.path + ":O", "true"])
      #expect(dead.status == 125, "\(dead)")
    }
  }
}
