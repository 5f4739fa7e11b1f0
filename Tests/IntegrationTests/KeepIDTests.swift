import TestSupport
import Testing

/// `--userns keep-id`: the caller's own id in the container, and the image's owners as the image has them.
@Suite(.serialized, .runsContainers, .requires(.runsRootless))
struct KeepIDTests {
  private func account() throws -> TestAccount { try #require(Identity.standard.account) }

  private func run(_ store: Store, _ words: String..., script: String) throws -> Outcome {
    let arguments = ["run", "--network", "none", "--userns", "keep-id"] + words + ["busybox", "sh", "-c", script]
    let outcome = try store.dhow(arguments)
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
    return outcome
  }

  /// The copies of layers in the store, with their inodes.
  private func copies(_ store: Store) throws -> [String] {
    try mustRun(["sh", "-c", "stat -c '%i %n' \"$1\"/layers/*/shifted-*/fs 2>/dev/null; true", "sh", store.root]).lines
  }

  @Test func `the program is the caller, and the image's files are root's`() throws {
    try withStore { store in
      try store.loadBusybox()
      let me = try account()
      let bind = try store.folder("bind")
      let script = """
        id -u; id -g; stat -c '%u:%g' / /bin /bin/busybox /etc/passwd /dev /dev/shm /t
        touch /bind/mine; touch /bin/x 2>&1 || echo denied
        """
      let outcome = try run(store, "--rm", "-v", "\(bind):/bind", "--tmpfs", "/t", script: script)
      let roots = [String](repeating: "0:0", count: 7)
      #expect(outcome.lines.count == 11, "\(outcome)")
      #expect(Array(outcome.lines.prefix(9)) == ["\(me.uid)", "\(me.gid)"] + roots)
      #expect(outcome.lines.last == "denied")
      #expect(try mustRun(["stat", "-c", "%u:%g", bind + "/mine"]).out == "\(me.uid):\(me.gid)")
    }
  }

  @Test func `its root may give files away, and the second start copies nothing`() throws {
    try withStore { store in
      try store.loadBusybox()
      let script = "touch /f /g && chown 33:8 /f && stat -c '%u:%g' /f; chown 0:0 /bin/busybox; id -u"
      #expect(try run(store, "--name", "cc", "-u", "0", script: script).lines == ["33:8", "0"])
      let first = try copies(store)
      #expect(first.count == 1)
      #expect(try run(store, "--rm", script: "stat -c %u /bin/busybox").out == "0")
      #expect(try store.must("start", "-a", "cc").lines == ["33:8", "0"])
      #expect(try copies(store) == first)

      let changes = try store.must("diff", "cc").lines.filter { !$0.hasSuffix("/busybox") && !$0.hasSuffix("/bin") }
      #expect(changes == ["A /f", "A /g"])
      #expect(try store.must("inspect", "--format", "{{.GraphDriver.Data.LowerDir}}", "cc").out.contains("/shifted-"))
      let exported = store.directory + "/exported.tar"
      try store.must("export", "-o", exported, "cc")
      let listing = try mustRun(["tar", "--numeric-owner", "-tvf", exported]).out
      for owner in listing.split(separator: "\n").compactMap({ $0.split(separator: " ").dropFirst().first }) {
        #expect(["0/0", "33/8"].contains(String(owner)))
      }
      #expect(try store.must("system", "check").succeeded)
      try store.must("rm", "cc")
      try store.must("rmi", "busybox")
      #expect(try copies(store) == [])
      #expect(try store.paths(below: "/trash") == [])
    }
  }

  @Test func `an id that is asked for is the caller's, and id 0 needs no copy`() throws {
    try withStore { store in
      try store.loadBusybox()
      let bind = try store.folder("bind")
      let asked = ["--rm", "--network", "none", "-v", "\(bind):/bind"]
      let script = "touch /bind/f$(id -u); id -u; id -g; stat -c %u /bin/busybox"
      let root = try store.dhow(["run", "--userns", "keep-id:uid=0,gid=0"] + asked + ["busybox", "sh", "-c", script])
      #expect(root.lines == ["0", "0", "0"], "\(root)")
      #expect(try copies(store) == [])
      let other = try store.dhow(
        ["run", "--userns", "keep-id:uid=33,gid=8"] + asked + ["busybox", "sh", "-c", script])
      #expect(other.lines == ["33", "8", "0"], "\(other)")
      #expect(try copies(store).count == 1)
      let owner = "\(try account().uid)"
      #expect(try mustRun(["stat", "-c", "%u", bind + "/f0", bind + "/f33"]).lines == [owner, owner])
    }
  }

  @Test func `first starts at once share one copy, and who joins has its owners`() throws {
    try withStore { store in
      try store.loadBusybox()
      let words = ["--rm", "--network", "none", "--userns", "keep-id", "busybox", "stat", "-c", "%u", "/bin/busybox"]
      let children = try (0..<4).map { _ in try store.start(["run"] + words) }
      for child in children {
        let outcome = child.wait(timeout: 60)
        #expect(outcome.out == "0", "\(outcome)")
      }
      #expect(try copies(store).count == 1)
      #expect(try store.paths(below: "/staging") == [])
      try store.must(
        "run", "-d", "--name", "web", "--network", "none", "--userns", "keep-id", "busybox", "sleep", "100")
      let joined = try store.must(
        "run", "--rm", "--network", "container:web", "busybox", "sh", "-c", "id -u; stat -c %u / /bin/busybox")
      #expect(joined.lines == ["0", "0", "0"])
      try store.must("rm", "-f", "web")
    }
  }
}
