import Basics
import Glibc
import OCI
import TestSupport
import Testing

/// Credentials stay home (SECURITY B4, B5, B6; CVE-2020-15157, CVE-2021-41092): whatever a registry answers, nobody else
/// sees them, and neither do outputs, logs and lists of processes.
@Suite(.runsContainers, .requires(.registry))
struct HostileCredentialTests {
  private static let user = RegistryFixture.user
  private static let password = RegistryFixture.password
  /// A token that a service gives.
  private static let token = "canary-t0ken"
  private static let creds = "\(user):\(password)"

  /// All the ways a secret can look.
  private static let canaries = [
    password, base64Encoded(Array(creds.utf8)), token, RegistryFixture.refreshToken,
  ]

  private func expectNoSecret(_ text: String, _ place: String, sourceLocation: SourceLocation = #_sourceLocation) {
    for canary in Self.canaries { #expect(!text.contains(canary), "\(place)", sourceLocation: sourceLocation) }
  }

  /// Nothing secret in any request that a host saw, nor any word of who we are.
  private func expectStranger(_ other: RegistryDouble, sourceLocation: SourceLocation = #_sourceLocation) throws {
    for request in try other.requests() {
      #expect(request.header("authorization") == nil, "\(request.target)", sourceLocation: sourceLocation)
      expectNoSecret(
        "\(request.headers) \(request.target) \(request.body)", "seen by another host", sourceLocation: sourceLocation)
    }
  }

  /// HOME and the session of the test alone.
  private func home(_ store: Store) throws -> [String: String] {
    ["HOME": try store.folder("home"), "XDG_RUNTIME_DIR": try store.folder("run", mode: 0o700), "DHOW_LOG": "debug"]
  }

  /// Stores credentials as `login` would.
  private func store(credentialsFor authority: String, _ store: Store) throws {
    try store.folder("run/containers")
    let auth = base64Encoded(Array(Self.creds.utf8))
    try store.file("run/containers/auth.json", #"{"auths": {"\#(authority)": {"auth": "\#(auth)"}}}"#, mode: 0o600)
  }

  private static let challenge: JSON = [
    "path": "/v2/*", "status": 401, "unwanted": ["Authorization"], "headers": ["WWW-Authenticate": "Basic realm=x"],
  ]

  private static func bearer(_ realm: String) -> JSON {
    [
      "path": "/v2/*", "status": 401, "unwanted": ["Authorization"],
      "headers": ["WWW-Authenticate": .string("Bearer realm=\"\(realm)\",service=\"s\"")],
    ]
  }

  /// Moves requests for these paths elsewhere.
  private static func moved(_ path: String, to other: RegistryDouble, status: Int64 = 307, rest: String = "") -> JSON {
    [
      "path": .string(path), "status": .integer(status),
      "headers": ["Location": .string("http://\(other.authority)\(rest.isEmpty ? path : rest)")],
    ]
  }

  // Redirects.

  enum Part: String, CaseIterable { case manifest, config, layer }

  @Test(arguments: Part.allCases, [301, 302, 303, 307, 308])
  func `a redirect to another host is followed without credentials`(_ part: Part, _ status: Int64) throws {
    let image = try SampleImage([SampleImage.busybox()])
    let honest = RegistryDouble.routes(image, in: "app", tag: "1")
    let other = try RegistryDouble(routes: honest)
    let path =
      switch part {
      case .manifest: "/v2/app/manifests/\(image.manifest.digest)"
      case .config: "/v2/app/blobs/\(image.config.digest)"
      case .layer: "/v2/app/blobs/\(image.layers[0].digest)"
      }
    let double = try RegistryDouble(routes: [Self.challenge, Self.moved(path, to: other, status: status)] + honest)
    try withStore { store in
      let environment = try home(store)
      try self.store(credentialsFor: double.authority, store)
      let outcome = try store.dhow("pull", "-q", "\(double.authority)/app:1", environment: environment)
      #expect(outcome.succeeded, "\(outcome)")
      expectNoSecret("\(outcome)", "output")
      #expect(try other.requests().count >= 1)
      try expectStranger(other)
      // The registry itself did see them.
      #expect(try double.requests().contains { $0.header("authorization")?.hasPrefix("Basic ") == true })
      #expect(try store.dhow("system", "check").succeeded)
    }
  }

  @Test func `a redirect's target that asks who we are is not told`() throws {
    let image = try SampleImage([SampleImage.archive("a", 1000)])
    let honest = RegistryDouble.routes(image, in: "app", tag: "1")
    let other = try RegistryDouble(routes: [
      ["path": "*", "status": 401, "headers": ["WWW-Authenticate": "Basic realm=x"]]
    ])
    let path = "/v2/app/blobs/\(image.layers[0].digest)"
    let double = try RegistryDouble(routes: [Self.challenge, Self.moved(path, to: other)] + honest)
    try withStore { store in
      let environment = try home(store)
      let outcome = try store.dhow(
        "pull", "-q", "--creds", Self.creds, "\(double.authority)/app:1", environment: environment)
      #expect(outcome.status == 1, "\(outcome)")
      expectNoSecret("\(outcome.out) \(outcome.err)", "output")
      try expectStranger(other)
    }
  }

  @Test func `a token goes to the registry alone`() throws {
    let image = try SampleImage([SampleImage.archive("a", 1000)])
    let honest = RegistryDouble.routes(image, in: "app", tag: "1")
    let other = try RegistryDouble(routes: honest)
    let service = try RegistryDouble(routes: [
      ["path": "/token", "text": .string(#"{"token": "\#(Self.token)", "expires_in": -5}"#)]
    ])
    let path = "/v2/app/blobs/\(image.layers[0].digest)"
    let double = try RegistryDouble(
      routes: [Self.bearer("http://\(service.authority)/token"), Self.moved(path, to: other)] + honest)
    try withStore { store in
      let environment = try home(store)
      try self.store(credentialsFor: double.authority, store)
      let outcome = try store.dhow("pull", "-q", "\(double.authority)/app:1", environment: environment)
      #expect(outcome.succeeded, "\(outcome)")
      expectNoSecret("\(outcome)", "output")
      try expectStranger(other)
      // Asked for what is needed and no more, and not again for each request (SECURITY B6).
      let asked = try service.requests()
      #expect(
        asked.allSatisfy { $0.target.contains("repository%3Aapp%3Apull") || $0.target.contains("repository:app:pull") })
      #expect(asked.allSatisfy { !$0.target.contains("push") && !$0.target.contains(Self.password) })
      #expect(asked.count <= 3)
    }
  }

  // Token services.

  @Test(arguments: [
    "http://token.invalid/token", "file:///etc/passwd", "ftp://127.0.0.1/token", "//", "http://user:pw@127.0.0.1/token",
    "",
  ])
  func `a token service somewhere odd is not asked`(_ realm: String) throws {
    let double = try RegistryDouble(routes: [Self.bearer(realm)])
    try withStore { store in
      let environment = try home(store)
      for words in [["pull", "-q", "--creds", Self.creds], ["login", "-u", Self.user, "-p", Self.password]] {
        let name = words[0] == "login" ? double.authority : "\(double.authority)/app:1"
        let outcome = try store.dhow(words + [name], environment: environment, timeout: 30)
        #expect(outcome.status == 1, "\(outcome)")
        expectNoSecret("\(outcome.out) \(outcome.err)", "output")
      }
      for request in try double.requests() { #expect(request.header("authorization") == nil) }
      #expect(!exists(store.directory + "/run/containers/auth.json"))
    }
  }

  @Test(
    arguments: [
      (["repeat": "x"], "1 MiB"), (["text": "{}"], "no token"),
      (["text": #"{"token": "a b\r\nX: y"}"#], "no word of a header"),
      (["text": "<html>"], "no token"), (["status": 500], "500"),
      (["status": 307, "headers": ["Location": "http://127.0.0.1:9/"]], "307"),
    ] as [(JSON, String)])
  func `a token service that makes no sense is told of`(_ answer: JSON, _ word: String) throws {
    guard case .object(var route) = answer else { return }
    route["path"] = "/token"
    let service = try RegistryDouble(routes: [.object(route)])
    let double = try RegistryDouble(routes: [Self.bearer("http://\(service.authority)/token")])
    try withStore { store in
      let outcome = try store.dhow(
        "pull", "-q", "--retry-delay", "10ms", "--creds", Self.creds, "\(double.authority)/app:1",
        environment: try home(store), timeout: 30)
      #expect(outcome.status == 1, "\(outcome)")
      #expect(outcome.err.contains(word), "\(outcome)")
      expectNoSecret("\(outcome.out) \(outcome.err)", "output")
    }
  }

  // TLS.

  struct Certificate: CustomTestStringConvertible, Sendable {
    let name: String
    let word: String
    let make: @Sendable (TestAuthority) throws -> TestAuthority.Identity
    var testDescription: String { name }
  }

  static let certificates = [
    Certificate(name: "of nobody", word: "certificate") { try $0.issue("self", isSelfSigned: true) },
    Certificate(name: "of the past", word: "expired") { try $0.issue("expired", isExpired: true) },
    Certificate(name: "of another host", word: "certificate") { try $0.issue("other", names: ["DNS:other.example"]) },
  ]

  @Test(arguments: certificates)
  func `a certificate that proves nothing is refused, unless this registry is marked`(_ certificate: Certificate) throws
  {
    let authority = try TestAuthority.shared.get()
    let image = try SampleImage([SampleImage.archive("a", 1000)])
    let double = try RegistryDouble(
      routes: [Self.challenge] + RegistryDouble.routes(image, in: "app", tag: "1"), tls: try certificate.make(authority)
    )
    try withStore { store in
      let environment = try home(store)
      try store.folder("certs")
      try store.file("certs/ca.crt", readText(authority.certificate))
      let name = "\(double.authority)/app:1"
      let strict = try store.dhow(
        "pull", "-q", "--retry", "0", "--tls-verify", "--cert-dir", store.directory + "/certs", "--creds", Self.creds,
        name,
        environment: environment)
      #expect(strict.status == 1, "\(strict)")
      #expect(strict.err.contains(certificate.word), "\(strict)")
      #expect(strict.err.contains("hint: "), "\(strict)")
      #expect(try double.requests().isEmpty)
      let marked = try store.dhow(
        "pull", "-q", "--tls-verify=false", "--creds", Self.creds, name, environment: environment)
      #expect(marked.succeeded, "\(marked)")
    }
  }

  @Test func `a registry without TLS is not asked in the clear unless it is marked`() throws {
    let image = try SampleImage([SampleImage.archive("a", 1000)])
    let double = try RegistryDouble(routes: RegistryDouble.routes(image, in: "app", tag: "1"))
    try withStore { store in
      let environment = try home(store)
      let strict = try store.dhow(
        "pull", "-q", "--retry", "0", "--tls-verify", "--creds", Self.creds, "\(double.authority)/app:1",
        environment: environment)
      #expect(strict.status == 1, "\(strict)")
      #expect(strict.err.contains("--tls-verify=false"), "\(strict)")
      #expect(try double.requests().isEmpty)
    }
  }

  @Test func `a registry with TLS does not lead into the clear`() throws {
    let authority = try TestAuthority.shared.get()
    let image = try SampleImage([SampleImage.archive("a", 1000)])
    let honest = RegistryDouble.routes(image, in: "app", tag: "1")
    let other = try RegistryDouble(routes: honest + [["path": "/token", "text": #"{"token": "x"}"#]])
    let identity = try authority.issue("registry")
    let path = "/v2/app/blobs/\(image.layers[0].digest)"
    for routes in [
      [Self.challenge, Self.moved(path, to: other)] + honest, [Self.bearer("http://\(other.authority)/token")],
    ] {
      let double = try RegistryDouble(routes: routes, tls: identity)
      try withStore { store in
        let environment = try home(store)
        try store.folder("certs")
        try store.file("certs/ca.crt", readText(authority.certificate))
        let outcome = try store.dhow(
          "pull", "-q", "--cert-dir", store.directory + "/certs", "--creds", Self.creds, "\(double.authority)/app:1",
          environment: environment)
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.err.contains("plain http"), "\(outcome)")
        #expect(try other.requests().isEmpty)
        #expect(try store.dhow("system", "check").succeeded)
      }
    }
  }

  // Other places that see credentials.

  @Test func `no list of processes shows a secret while layers come`() throws {
    let image = try SampleImage([SampleImage.archive("a", 400_000), SampleImage.archive("b", 400_000, seed: 2)])
    var slow: [JSON] = []
    for layer in image.layers {
      slow.append([
        "path": .string("/v2/app/blobs/\(layer.digest)"), "base64": .string(base64Encoded(layer.bytes)),
        "rate": 200_000,
      ])
    }
    let double = try RegistryDouble(
      routes: [Self.challenge] + slow + RegistryDouble.routes(image, in: "app", tag: "1"))
    try withStore { store in
      let environment = try home(store)
      try self.store(credentialsFor: double.authority, store)
      let pull = try store.start(["pull", "\(double.authority)/app:1"], environment: environment)
      var looks = 0
      while !pull.hasEnded {
        for pid in store.processes() {
          // A process that has ended has no words any more.
          guard let words = bytesIfReadable("/proc/\(pid)/cmdline") else { continue }
          looks += 1
          expectNoSecret(String(decoding: words, as: UTF8.self), "arguments of \(pid)")
        }
        usleep(50_000)
      }
      let outcome = pull.wait()
      #expect(outcome.succeeded, "\(outcome)")
      #expect(looks > 5)
      expectNoSecret("\(outcome)", "output")
      // And nothing of them stays in the store.
      let found = try run(["grep", "-rlF", "-e", Self.password, "-e", Self.canaries[1], store.root, store.runroot])
      #expect(found.out == "", "\(found)")
    }
  }

  @Test func `a layer's foreign addresses are not asked`() throws {
    let other = try RegistryDouble(routes: [["path": "*", "text": "x"]])
    let image = try SampleImage([SampleImage.archive("a", 1000)])
    var layer = image.layers[0].descriptor.json
    if case .object(var object) = layer {
      object["urls"] = [.string("http://\(other.authority)/layer")]
      layer = .object(object)
    }
    let routes = try HostileRegistryTests.changed(image, [("layers", [layer])])
    let double = try RegistryDouble(
      routes: [Self.challenge] + routes + RegistryDouble.routes(image, in: "app", tag: "1"))
    try withStore { store in
      let outcome = try store.dhow(
        "pull", "-q", "--creds", Self.creds, "\(double.authority)/app:1", environment: try home(store))
      expectNoSecret("\(outcome.out) \(outcome.err)", "output")
      #expect(try other.requests().isEmpty, "\(outcome)")
    }
  }

  @Test func `an upload that goes on elsewhere takes no credentials along`() throws {
    let other = try RegistryDouble(routes: [["path": "*", "status": 201]])
    let double = try RegistryDouble(routes: [
      Self.challenge, ["path": "/v2/", "text": "{}"], ["path": "/v2/app/blobs/sha256*", "status": 404],
      ["path": "/v2/app/manifests/*", "method": "HEAD", "status": 404],
      [
        "path": "/v2/app/blobs/uploads/", "method": "POST", "status": 202,
        "headers": ["Location": .string("http://\(other.authority)/upload/1")],
      ],
      ["path": "/v2/app/manifests/*", "method": "PUT", "status": 201],
    ])
    try withStore { store in
      try store.loadBusybox()
      try store.must("tag", "busybox", "\(double.authority)/app:1")
      let outcome = try store.dhow(
        "push", "--creds", Self.creds, "\(double.authority)/app:1", environment: try home(store))
      expectNoSecret("\(outcome.out) \(outcome.err)", "output")
      try expectStranger(other)
      #expect(try double.requests().contains { $0.header("authorization")?.hasPrefix("Basic ") == true })
    }
  }

  @Test func `a mirror gets none of the registry's credentials, and a pinned image is what it is`() throws {
    let image = try SampleImage([SampleImage.busybox()])
    let wrong = try SampleImage([SampleImage.archive("evil", 1000)])
    let honest = RegistryDouble.routes(image, in: "app", tag: "1")
    // The mirror serves another image under the digest that is asked for (SECURITY B15).
    var lie = HostileRegistryTests.served(
      String(decoding: wrong.manifest.bytes, as: UTF8.self), HostileRegistryTests.oci)
    lie += RegistryDouble.routes(wrong, in: "app", tag: "1")
    let mirror = try RegistryDouble(routes: lie)
    let double = try RegistryDouble(routes: [Self.challenge] + honest)
    try withStore { store in
      var environment = try home(store)
      try self.store(credentialsFor: double.authority, store)
      environment["CONTAINERS_REGISTRIES_CONF"] = try store.file(
        "registries.conf",
        """
        [[registry]]
        location = "\(double.authority)"
        [[registry.mirror]]
        location = "\(mirror.authority)"
        insecure = true
        """)
      let name = "\(double.authority)/app@\(image.manifest.digest)"
      let outcome = try store.dhow("pull", "-q", name, environment: environment)
      try expectStranger(mirror)
      #expect(try mirror.requests().count >= 1)
      expectNoSecret("\(outcome)", "output")
      // The right image, or none.
      let images = try store.must("images", "-q", "--no-trunc").lines
      #expect(images == (outcome.succeeded ? [image.config.digest.description] : []), "\(outcome)")
      #expect(try store.dhow("system", "check").succeeded)
    }
  }

  @Test(arguments: [
    (#"{"default": [{"type": "reject"}]}"#, "rejects this image"),
    (#"{"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]}"#, "asks for a signature"),
    (#"{"default": []}"#, "policy.json"),
  ])
  func `an image that the policy does not let in is not asked for`(_ policy: String, _ word: String) throws {
    let image = try SampleImage([SampleImage.archive("a", 1000)])
    let double = try RegistryDouble(routes: RegistryDouble.routes(image, in: "app", tag: "1"))
    try withStore { store in
      let environment = try home(store)
      for folder in ["home/.config", "home/.config/containers"] { try store.folder(folder) }
      try store.file("home/.config/containers/policy.json", policy)
      let outcome = try store.dhow("pull", "-q", "\(double.authority)/app:1", environment: environment)
      #expect(outcome.status == 1, "\(outcome)")
      #expect(outcome.err.contains(word), "\(outcome)")
      #expect(try double.requests().isEmpty)
    }
  }

  @Test func `a blocked host is not asked, also when a redirect leads there`() throws {
    let image = try SampleImage([SampleImage.archive("a", 1000)])
    let honest = RegistryDouble.routes(image, in: "app", tag: "1")
    let other = try RegistryDouble(routes: honest)
    let path = "/v2/app/blobs/\(image.layers[0].digest)"
    let double = try RegistryDouble(routes: [Self.moved(path, to: other)] + honest)
    try withStore { store in
      var environment = try home(store)
      environment["CONTAINERS_REGISTRIES_CONF"] = try store.file(
        "registries.conf", "[[registry]]\nlocation = \"\(other.authority)\"\nblocked = true\n")
      for name in ["\(other.authority)/app:1", "\(double.authority)/app:1"] {
        let outcome = try store.dhow("pull", "-q", name, environment: environment)
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.err.contains("blocked"), "\(outcome)")
      }
      #expect(try other.requests().isEmpty)
    }
  }
}
