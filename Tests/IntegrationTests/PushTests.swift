import Basics
import OCI
import TestSupport
import Testing

/// `push`, `search` and `manifest` against the distribution's registry, with skopeo and podman as second opinions.
@Suite(.requires(.registry, .program("curl"))) struct PushTests {
  /// A home of the test's own, so that the machine's files are out of play.
  private func home(_ store: Store) throws -> [String: String] {
    ["HOME": try store.folder("home"), "XDG_RUNTIME_DIR": try store.folder("run", mode: 0o700)]
  }

  private func lastLine(_ outcome: Outcome) -> String { outcome.lines.last ?? "" }

  @Test(.requires(.registry, .unprivilegedUser, .subordinateIDs, .busybox))
  func `a plain layer is compressed to the same bytes, and nothing is sent twice`() throws {
    let registry = try RegistryFixture()
    let name = "\(registry.authority)/team/app"
    var lines: [String] = []
    for _ in 0..<2 {
      // Another store each time.
      try withStore { store in
        let environment = try home(store)
        try store.loadBusybox()
        try store.must("tag", "busybox", "\(name):1")
        let first = try store.must("push", "\(name):1", environment: environment)
        #expect(first.lines.first == "The push refers to repository [\(name)]")
        lines.append(lastLine(first))
        let again = try store.must("push", "\(name):1", environment: environment)
        #expect(again.out.contains(": Layer already exists"), "\(again)")
        #expect(lastLine(again) == lastLine(first))
        let other = try store.must("push", "busybox", "\(registry.authority)/other:2", environment: environment)
        #expect(other.out.contains(": Mounted") || other.out.contains(": Layer already exists"), "\(other)")
        let digests = try store.must("image", "inspect", "--format", "{{json .RepoDigests}}", "busybox").out
        #expect(digests.contains("\(name)@sha256:") && digests.contains("\(registry.authority)/other@sha256:"))
      }
    }
    #expect(lines.count == 2 && lines[0] == lines[1])
    #expect(lines[0].hasPrefix("1: digest: sha256:"))
  }

  @Test(
    .requires(.registry, .unprivilegedUser, .subordinateIDs, .busybox, .overlay), arguments: ["gzip", "zstd"])
  func `what was pushed comes back by tag and digest, and goes on with the same digest`(format: String) throws {
    let registry = try RegistryFixture(login: .htpasswd)
    let name = "\(registry.authority)/app"
    let login = ["--creds", "\(RegistryFixture.user):\(RegistryFixture.password)"]
    var digest = ""
    try withStore { store in
      let environment = try home(store)
      try store.loadBusybox()
      let denied = try store.dhow("push", "busybox", "\(name):1", environment: environment)
      #expect(denied.status == 1 && denied.err.contains("hint: dhow login \(registry.authority)"), "\(denied)")
      let file = store.directory + "/digest"
      let pushed = try store.dhow(
        ["push"] + login + ["--compression-format", format, "--digestfile", file, "busybox", "\(name):1"],
        environment: environment)
      #expect(pushed.succeeded, "\(pushed)")
      digest = try readText(file)
      #expect(lastLine(pushed).hasPrefix("1: digest: \(digest) size: "))
      #expect(!pushed.err.contains(RegistryFixture.password))
    }
    for reference in ["\(name):1", "\(name)@\(digest)"] {
      try withStore { store in
        let environment = try home(store)
        try store.must(
          "login", "-u", RegistryFixture.user, "--password-stdin", registry.authority,
          input: Array("\(RegistryFixture.password)\n".utf8), environment: environment)
        try store.must("pull", "-q", reference, environment: environment)
        #expect(try store.must("run", "--rm", reference, "echo", "hi").out == "hi")
        let again = try store.must("push", reference, "\(registry.authority)/copy:3", environment: environment)
        #expect(lastLine(again).hasPrefix("3: digest: \(digest) "), "\(again)")
      }
    }
    #expect(try !registry.log().contains(RegistryFixture.password))
  }

  @Test(.requires(.registry, .unprivilegedUser, .subordinateIDs, .busybox, .program("skopeo")))
  func `skopeo sees what we push, and what skopeo pushes goes on unchanged`() throws {
    let registry = try RegistryFixture()
    try withStore { store in
      let environment = try home(store)
      try store.loadBusybox()
      for (flags, type) in [
        ([], "application/vnd.docker.distribution.manifest.v2+json"),
        (["--format", "oci"], "application/vnd.oci.image.manifest.v1+json"),
        (["--compression-format", "zstd", "--force-compression"], "application/vnd.oci.image.manifest.v1+json"),
      ] as [([String], String)] {
        let place = "\(registry.authority)/app:x"
        let pushed = try store.dhow(["push"] + flags + ["busybox", place], environment: environment)
        #expect(pushed.succeeded, "\(pushed)")
        let raw = try mustRun(["skopeo", "inspect", "--raw", "--tls-verify=false", "docker://\(place)"]).stdout
        #expect(lastLine(pushed).contains("\(SHA256Stream.digest(raw))"))
        let shown = try JSON(parsing: raw)["mediaType"]?.stringValue
        #expect(shown == type || flags.isEmpty && shown != nil)
        try mustRun([
          "skopeo", "copy", "-q", "--src-tls-verify=false", "docker://\(place)", "dir:\(try store.folder("copy"))",
        ])
      }
      let theirs = "\(registry.authority)/skopeo:v2s2"
      try mustRun([
        "skopeo", "copy", "-q", "--dest-tls-verify=false", "--format", "v2s2",
        "docker-archive:\(try ImageFixture.busybox())", "docker://\(theirs)",
      ])
      let raw = try mustRun(["skopeo", "inspect", "--raw", "--tls-verify=false", "docker://\(theirs)"]).stdout
      try store.must("pull", "-q", theirs, environment: environment)
      let pushed = try store.must("push", theirs, "\(registry.authority)/back:1", environment: environment)
      #expect(lastLine(pushed).contains("\(SHA256Stream.digest(raw))"))
    }
  }

  @Test(.requires(.registry, .unprivilegedUser, .subordinateIDs, .busybox))
  func `all tags go, what is not here is told, and a digest is no destination`() throws {
    let registry = try RegistryFixture()
    let name = "\(registry.authority)/many"
    try withStore { store in
      let environment = try home(store)
      try store.loadBusybox()
      for tag in ["a", "b"] { try store.must("tag", "busybox", "\(name):\(tag)") }
      let pushed = try store.must("push", "--all-tags", name, environment: environment)
      #expect(pushed.lines.count { $0.contains(": digest: sha256:") } == 2)
      let tags = try store.must("search", "--list-tags", "--format", "{{.Tag}}", name, environment: environment)
      #expect(tags.lines.sorted() == ["a", "b"])
      let found = try store.must("search", "\(registry.authority)/man", environment: environment)
      #expect(found.lines.count == 2 && found.lines[1].hasPrefix("\(name) "))
      for (words, complaint) in [
        (["push", "nosuch:1"], "An image does not exist locally with the tag: nosuch:1"),
        (["push", "\(name)@sha256:\(String(repeating: "a", count: 64))"], "cannot push a digest reference"),
        (["push", "-a", "\(name):a"], "tag can't be used with --all-tags/-a"),
        (["push", "busybox", "oci:/tmp/x"], "push goes to registries, not to oci:"),
        (["push", "--compression-level", "11", "busybox", "\(name):c"], "gzip has levels 1 to 9"),
        (["push", "busybox", "127.0.0.1:1/x:1"], "connection refused"),
      ] {
        let outcome = try store.dhow(words, environment: environment)
        #expect(!outcome.succeeded && outcome.err.contains(complaint), "\(outcome)")
      }
    }
  }

  @Test(.requires(.registry, .unprivilegedUser, .subordinateIDs, .busybox))
  func `a manifest list is made, changed, pushed and pulled for its platform`() throws {
    let registry = try RegistryFixture()
    let list = "\(registry.authority)/multi:1"
    try withStore { store in
      let environment = try home(store)
      try store.loadBusybox()
      try store.must("push", "busybox", "\(registry.authority)/only-there:1", environment: environment)
      #expect(try store.dhow("manifest", "exists", list).status == 1)
      let made = try store.must("manifest", "create", list, "busybox")
      #expect(made.out == "Created manifest list \(list)")
      #expect(try store.dhow("manifest", "exists", list).status == 0)
      #expect(try store.dhow("manifest", "create", list).status == 1)
      let added = try store.must(
        "manifest", "add", "--arch", "arm64", "--variant", "v8", list,
        "docker://\(registry.authority)/only-there:1", environment: environment
      ).out
      try store.must("manifest", "annotate", "--annotation", "a=b", list, added)
      // What the list refers to stays when its image goes.
      try store.must("rmi", "-f", "busybox")
      let pushed = try store.must("manifest", "push", list, environment: environment)
      let raw = try mustRun([
        "curl", "-s", "-H", "Accept: \(MediaType.ociIndex)", registry.manifestAddress("multi", "1"),
      ])
      #expect(pushed.lines.last == "\(SHA256Stream.digest(raw.stdout))")
      guard case .index(let index) = try ManifestDocument(parsing: raw.stdout, declared: .ociIndex) else {
        Issue.record("no index: \(raw)")
        return
      }
      #expect(index.manifests.map { $0.platform?.architecture } == ["amd64", "arm64"])
      #expect(index.manifests.last?.annotation("a") == "b")
      let remote = try store.must("manifest", "inspect", list, environment: environment)
      #expect(remote.out.hasPrefix("{\n   \"schemaVersion\": 2,"))
      try store.must("manifest", "remove", list, added)
      try store.must("manifest", "rm", list)
      #expect(try store.dhow("manifest", "rm", list).status == 1)
      try store.must("pull", "-q", list, environment: environment)
      let verbose = try store.must("manifest", "inspect", "-v", list, environment: environment)
      #expect(try JSON(parsing: verbose.stdout).arrayValue?.count == 2)
      let digests = try store.must("image", "inspect", "--format", "{{index .RepoDigests 0}}", list).out
      // By digest as a source, and under another name.
      try store.must("tag", digests, "mine:1")
      #expect(try store.must("images", "-q", "mine").lines.count == 1)
    }
  }
}

extension RegistryFixture {
  fileprivate func manifestAddress(_ repository: String, _ tag: String) -> String {
    "http://\(authority)/v2/\(repository)/manifests/\(tag)"
  }
}
