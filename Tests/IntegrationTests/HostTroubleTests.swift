import TestSupport
import Testing

/// A host that lacks something: one exact message each, and a store that is not harmed.
@Suite(.serialized, .runsContainers)
struct HostTroubleTests {
  /// Runs the program where the mount namespace of a shell of root's was changed first; the host's own is not touched.
  private func run(_ store: Store, after preparation: String, _ arguments: [String]) throws -> Outcome {
    let account = try #require(store.identity.account)
    let words = store.command(arguments).map { "'\($0)'" }.joined(separator: " ")
    let script = """
      mount --make-rprivate /; \(preparation); cd /; \
      exec setpriv --reuid=\(account.uid) --regid=\(account.gid) --init-groups \
      env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=\(account.home) DHOW_TEST_STORE=\(store.directory) \(words)
      """
    return try TestSupport.run(["unshare", "--mount", "sh", "-c", script])
  }

  @Test(.requires(.root, .runsRootless))
  func `without a range of subordinate ids only one user is there, and the way out is named`() throws {
    try withStore { store in
      try store.loadBusybox()
      let nothing = try store.file("nothing")
      let without = "mount --bind \(nothing) /etc/subuid; mount --bind \(nothing) /etc/subgid"
      let outcome = try run(store, after: without, ["run", "--rm", "--network", "none", "busybox", "id", "-u"])
      #expect(outcome.out == "0", "\(outcome)")
      #expect(outcome.err.contains("usermod --add-subuids"), "\(outcome)")
      try store.expectWorking("the range is back")
    }
  }

  @Test(.requires(.root, .runsRootless))
  func `a missing newuidmap is named with its package`() throws {
    try withStore { store in
      try store.loadBusybox()
      let hide = "mkdir -p /run/dhow-hidden; for f in newuidmap newgidmap; do mount --bind /dev/null /usr/bin/$f; done"
      let outcome = try run(store, after: hide, ["run", "--rm", "--network", "none", "busybox", "true"])
      #expect(outcome.err.contains("newuidmap"), "\(outcome)")
      #expect(outcome.err.contains("uidmap"), "\(outcome)")
      try store.expectWorking("newuidmap is back")
    }
  }

  @Test(.requires(.root, .runsRootless))
  func `user namespaces switched off are named with their setting`() throws {
    try withStore { store in
      try store.loadBusybox()
      // A limit of zero in a user namespace that maps every id to itself stands for the host's: the setting is per namespace.
      let account = try #require(store.identity.account)
      let words = store.command(["run", "--rm", "--network", "none", "busybox", "true"])
      let fifo = store.directory + "/go"
      let script = """
        mkfifo "$1"; fifo=$1; shift
        unshare --user --keep-caps sh -c 'read -r _ <"$0"; echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' "$fifo" \
          setpriv --reuid=\(account.uid) --regid=\(account.gid) --init-groups env -i PATH=/usr/bin:/bin "$@" &
        until echo '0 0 4294967295' 2>/dev/null >/proc/$!/uid_map; do sleep 0.05; done
        echo '0 0 4294967295' >/proc/$!/gid_map
        echo go >"$fifo"
        wait $!
        """
      let outcome = try TestSupport.run(["sh", "-c", script, "sh", fifo] + words)
      expectRefusal(outcome, status: 125, naming: "max_user_namespaces", hint: true)
      try store.expectWorking("user namespaces are back")
    }
  }

  @Test(.requires(.root))
  func `a full disk is told, and nothing half-made stays`() throws {
    try withStore { store in
      try store.loadBusybox()
      // A file system of one megabyte in the test's own directory, unmounted before the directory goes.
      let small = try store.folder("small")
      try mustRun([
        "mount", "-t", "tmpfs", "-o", "size=1m,mode=0755,uid=\(try #require(store.identity.account).uid)", "tmpfs",
        small,
      ])
      store.atEnd { try mustRun(["umount", "-l", small]) }
      let command = [DhowBinary.path, "--root", small + "/s", "--runroot", store.runroot]
      let outcome = try TestSupport.run(
        command + ["load", "-i", ImageFixture.busybox()], as: store.identity, environment: store.environment)
      expectRefusal(outcome, status: 1, naming: "space")
      let rest = try mustRun(["find", small + "/s", "-type", "f", "-size", "+64k"]).out
      #expect(rest == "", "half-made files stay")
      // The store goes on working with no space left for more.
      #expect(try TestSupport.run(command + ["images"], as: store.identity).status == 0)
      #expect(try TestSupport.run(command + ["system", "check"], as: store.identity).status == 0)
    }
  }

  @Test func `an environment without HOME, with odd XDG directories and closed descriptors is no trouble`() throws {
    try withStore { store in
      try store.loadBusybox()
      let words = store.command(["run", "--rm", "--network", "none", "busybox", "echo", "works"])
      let script = "unset HOME; XDG_RUNTIME_DIR=relative XDG_DATA_HOME= \"$@\""
      #expect(try TestSupport.run(["sh", "-c", script, "sh"] + words, as: store.identity).out == "works")
      let closed = "exec 0<&- ; \"$@\" >\"$0\""
      let file = try store.file("out")
      let outcome = try TestSupport.run(["sh", "-c", closed, file] + words, as: store.identity)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try readText(file) == "works\n")
    }
  }

  @Test func `few descriptors and a small stack are enough, fewer are told`() throws {
    try withStore { store in
      try store.loadBusybox()
      let words = store.command(["run", "--rm", "--network", "none", "busybox", "echo", "works"])
      let few = try TestSupport.run(
        ["sh", "-c", "ulimit -n 64; ulimit -s 512; \"$@\"", "sh"] + words, as: store.identity)
      #expect(few.out == "works", "\(few)")
      let fewer = try TestSupport.run(["sh", "-c", "ulimit -n 12; \"$@\"", "sh"] + words, as: store.identity)
      expectRefusal(fewer, status: 125, naming: "too many open files", hint: true)
      try store.expectWorking("after too few descriptors")
    }
  }
}
