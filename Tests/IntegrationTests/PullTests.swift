import Basics
import Glibc
import OCI
import TestSupport
import Testing

/// Pulls from the distribution's own registry.
@Suite(.serialized, .runsContainers, .requires(.registry, .program("curl"), .program("zstd")))
struct PullTests {
  /// Requests for blobs and manifests, without their status.
  private func requests(_ registry: RegistryFixture, since: Int = 0) throws -> [String] {
    try registry.requests().dropFirst(since).filter { !$0.contains(" /v2/ ") && !$0.contains("uploads") }
  }

  private func busybox(_ extra: [[UInt8]] = [], compression: String? = "gzip") throws -> SampleImage {
    try SampleImage([SampleImage.busybox()] + extra, compression: compression)
  }

  /// What the issue asks to be shown first.
  @Test func `run pulls an absent image with its progress on standard error, and runs it`() throws {
    let registry = try RegistryFixture()
    try registry.put(busybox([SampleImage.archive("extra", 300_000)]), in: "team/box", tag: "latest")
    let name = "\(registry.authority)/team/box"
    try withStore { store in
      let outcome = try store.dhow("run", "--rm", "--network", "none", name, "sh", "-c", "echo out; ls -l /extra")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.lines.first == "out")
      #expect(outcome.out.contains("300000"))
      #expect(outcome.err.contains("Unable to find image '\(name):latest' locally"))
      #expect(outcome.err.contains("latest: Pulling from team/box"))
      #expect(outcome.err.split(separator: "\n").count { $0.hasSuffix(": Pull complete") } == 2)
      #expect(outcome.err.contains("Status: Downloaded newer image for \(name):latest"))
      let again = try store.dhow("run", "--rm", "--network", "none", name, "true")
      #expect(again.status == 0 && again.err == "", "\(again)")
      #expect(try store.must("system", "check").out.contains("in order"))
    }
  }

  @Test func `an unchanged tag costs one request, a moved one only what is new`() throws {
    let registry = try RegistryFixture()
    let base = try SampleImage.busybox()
    try registry.put(SampleImage([base, SampleImage.archive("a", 1000)]), in: "app", tag: "1")
    try withStore { store in
      let name = "\(registry.authority)/app:1"
      let first = try store.must("pull", name)
      #expect(first.lines.last == name)
      #expect(first.lines.contains("Status: Downloaded newer image for \(name)"))
      var seen = try registry.requests().count
      let second = try store.must("pull", name)
      #expect(second.lines.contains("Status: Image is up to date for \(name)"))
      #expect(try requests(registry, since: seen) == ["HEAD /v2/app/manifests/1 200"])
      let newer = try SampleImage([base, SampleImage.archive("b", 1000)])
      try registry.put(newer, in: "app", tag: "1")
      seen = try registry.requests().count
      let third = try store.must("pull", name)
      #expect(third.out.contains("Already exists"))
      let asked = try requests(registry, since: seen)
      #expect(asked.count == 4, "\(asked)")
      #expect(asked.contains("GET /v2/app/blobs/\(newer.layers[1].digest) 200"))
      #expect(!asked.contains { $0.contains("\(newer.layers[0].digest)") })
    }
  }

  @Test func `an image is pulled by its digest, known by it and found by it`() throws {
    let registry = try RegistryFixture()
    let image = try busybox()
    try registry.put(image, in: "app", tag: "1")
    try withStore { store in
      let name = "\(registry.authority)/app@\(image.manifest.digest)"
      #expect(try store.must("pull", "-q", name).out == image.config.digest.description)
      #expect(
        try store.must("inspect", "--format", "{{json .RepoDigests}} {{json .RepoTags}}", name).out
          == #"["\#(name)"] []"#)
      #expect(
        try store.must("images", "--format", "{{.Repository}} {{.Tag}}").out == "\(registry.authority)/app <none>")
      #expect(try store.must("run", "--rm", "--network", "none", name, "echo", "x").out == "x")
      let removed = try store.must("rmi", name).lines
      #expect(removed.first == "Untagged: \(name)")
      #expect(removed.contains("Deleted: \(image.config.digest)"))
    }
  }

  @Test func `the image for this host is chosen from an index, others live beside it`() throws {
    let registry = try RegistryFixture()
    let other = Platform(os: "linux", architecture: Platform.host.architecture == "arm64" ? "amd64" : "arm64")
    let here = try busybox()
    let there = try SampleImage([SampleImage.archive("there", 10)], platform: other)
    let attestation = try SampleImage([SampleImage.archive("attestation", 1)])
    let index = SampleImage.index([(there, other), (here, .host)], attestation: attestation)
    for image in [here, there, attestation] { try registry.put(image, in: "multi", tag: nil) }
    try registry.put(manifest: index, in: "multi", as: "1")
    try withStore { store in
      let name = "\(registry.authority)/multi:1"
      #expect(try store.must("run", "--rm", "--network", "none", name, "echo", "here").out == "here")
      #expect(
        try store.must("inspect", "--format", "{{index .RepoDigests 0}}", name).out
          == "\(registry.authority)/multi@\(index.digest)")
      let missing = try store.dhow("run", "-q", "--rm", "--platform", "linux/s390x", name)
      expectRefusal(missing, status: 125, naming: "linux/s390x", "linux/amd64, linux/arm64", hint: true)
      try store.must("pull", "--platform", other.description, name)
      #expect(
        Set(try store.must("images", "-q", "--no-trunc").lines)
          == [here.config.digest, there.config.digest].map(\.description).reduce(into: []) { $0.insert($1) })
      #expect(try store.must("inspect", "--format", "{{.Architecture}}", name).out == Platform.host.architecture)
      let platform = ["image", "inspect", "--platform", other.description, "--format", "{{.Architecture}}", name]
      #expect(try store.dhow(platform).out == other.architecture)
      // Both are there: what was pulled is the whole index but for the attestation, which nobody asked for.
      #expect(try store.must("pull", name).out.contains("Image is up to date"))
      try store.must("rmi", "--platform", other.description, name)
      #expect(try store.must("images", "-q", "--no-trunc").out == here.config.digest.description)
      try store.must("rmi", name)
      #expect(try store.paths(below: "/blobs/sha256") == [])
    }
  }

  @Test(arguments: ["gzip", "zstd", nil] as [String?])
  func `layers come in every compression`(compression: String?) throws {
    let registry = try RegistryFixture()
    let image = try busybox([SampleImage.archive("extra", 100)], compression: compression)
    try registry.put(image, in: "app", tag: "latest")
    try withStore { store in
      let name = "\(registry.authority)/app"
      try store.must("pull", name)
      #expect(try store.must("run", "--rm", "--network", "none", name, "ls", "/extra").out == "/extra")
      #expect(try store.must("system", "check").out.contains("in order"))
    }
  }

  @Test func `the same files in another compression are not unpacked again, and their blob is there`() throws {
    let registry = try RegistryFixture()
    let base = try SampleImage.busybox()
    let first = try SampleImage([base], compression: "gzip")
    let second = try SampleImage([base], compression: "zstd")
    try registry.put(first, in: "app", tag: "gzip")
    try registry.put(second, in: "app", tag: "zstd")
    try withStore { store in
      try store.must("pull", "\(registry.authority)/app:gzip")
      let trees = try store.paths(below: "/layers")
      try store.must("pull", "\(registry.authority)/app:zstd")
      #expect(
        try store.paths(below: "/layers").filter { !$0.contains("/from-") } == trees.filter { !$0.contains("/from-") })
      #expect(try store.paths(below: "/blobs/sha256").contains(second.layers[0].digest.hex))
      #expect(try store.must("system", "check").out.contains("in order"))
      // Known by now: nothing is looked into again.
      try store.must("rmi", "\(registry.authority)/app:zstd")
      try store.must("pull", "\(registry.authority)/app:zstd")
      #expect(try store.must("images", "-q").lines.count == 2)
    }
  }

  @Test func `pull policies of run`() throws {
    let registry = try RegistryFixture()
    let base = try SampleImage.busybox()
    let old = try SampleImage([base])
    let new = try SampleImage([base, SampleImage.archive("new", 10)])
    try registry.put(old, in: "app", tag: "1")
    try withStore { store in
      let name = "\(registry.authority)/app:1"
      func run(_ policy: String) throws -> Outcome {
        try store.dhow(
          "run", "--rm", "--network", "none", "--pull", policy, name, "sh", "-c", "test -e /new && echo new || echo old"
        )
      }
      expectRefusal(try run("never"), status: 125, naming: "No such image")
      #expect(try run("missing").out == "old")
      try registry.put(new, in: "app", tag: "1")
      #expect(try run("missing").out == "old")
      #expect(try run("never").out == "old")
      #expect(try run("newer").out == "new")
      try registry.put(old, in: "app", tag: "1")
      let always = try run("always")
      #expect(always.out == "old", "\(always)")
      #expect(!always.err.contains("Unable to find"))
      let quiet = try store.dhow("run", "--rm", "--network", "none", "--pull", "always", "-q", name, "echo", "x")
      #expect(quiet.err == "" && quiet.out == "x", "\(quiet)")
    }
    // A registry that is gone.
    try withStore { store in
      try store.loadBusybox()
      try store.must("tag", "busybox", "127.0.0.1:1/busybox")
      let newer = try store.dhow(
        "run", "--rm", "--network", "none", "--pull", "newer", "127.0.0.1:1/busybox", "echo", "x")
      #expect(newer.status == 0 && newer.out == "x", "\(newer)")
      let always = try store.dhow("run", "--rm", "--pull", "always", "127.0.0.1:1/busybox", "echo", "x")
      expectRefusal(always, status: 125, naming: "127.0.0.1:1")
    }
  }

  @Test func `an unknown tag comes with those that are like it`() throws {
    let registry = try RegistryFixture()
    let image = try SampleImage([SampleImage.archive("x", 1)])
    for tag in ["latest", "1.20", "1.21", "edge"] { try registry.put(image, in: "app", tag: tag) }
    try withStore { store in
      try store.loadBusybox()
      try store.expectNothingLeft { store in
        let outcome = try store.dhow("pull", "-q", "\(registry.authority)/app:1.22")
        expectRefusal(outcome, status: 1, naming: "1.22", "did you mean", "1.20", "1.21", hint: true)
        #expect(!outcome.err.contains("edge"))
        expectRefusal(try store.dhow("pull", "-q", "\(registry.authority)/nosuch"), status: 1, naming: "nosuch")
      }
    }
  }

  @Test func `all tags of a repository`() throws {
    let registry = try RegistryFixture()
    let image = try busybox()
    for tag in ["1", "2", "3"] { try registry.put(image, in: "app", tag: tag) }
    try withStore { store in
      let name = "\(registry.authority)/app"
      try store.must("pull", "-a", name)
      #expect(Set(try store.must("images", "--format", "{{.Tag}}").lines) == ["1", "2", "3"])
      expectRefusal(try store.dhow("pull", "-a", name + ":1"), status: 125, naming: "--all-tags")
    }
  }

  /// Other tools read the store as the OCI layout it is.
  @Test(.requires(.program("skopeo")))
  func `what was pulled is an OCI layout for skopeo`() throws {
    let registry = try RegistryFixture()
    let image = try busybox()
    try registry.put(image, in: "app", tag: "1")
    try withStore { store in
      let name = "\(registry.authority)/app:1"
      try store.must("pull", name)
      let out = try store.folder("out")
      try mustRun(["skopeo", "copy", "-q", "oci:\(store.root):\(name)", "dir:\(out)"], as: store.identity)
      #expect(try readBytes(out + "/manifest.json") == image.manifest.bytes)
    }
  }
}
