import Basics
import OCI
import TestSupport
import Testing

/// What a registry may say and must not achieve, through the program (SECURITY B2, B3, B7, B8, B13). Each ends with one
/// sentence, soon, and with the store as it was. Bytes that lie are in PullFaultTests.
@Suite(.runsContainers)
struct HostileRegistryTests {
  /// One answer out of order, and the words of the error.
  struct Fault: CustomTestStringConvertible, Sendable {
    let name: String
    let words: [String]
    /// Routes before those of an honest image.
    let routes: @Sendable (SampleImage) throws -> [JSON]
    var testDescription: String { name }

    init(_ name: String, _ words: String..., routes: @escaping @Sendable (SampleImage) throws -> [JSON]) {
      self.name = name
      self.words = words
      self.routes = routes
    }
  }

  static func manifest(_ answer: JSON) -> [JSON] { route("/v2/app/manifests/*", answer) }

  static func blob(_ digest: Digest, _ answer: JSON) -> [JSON] { route("/v2/app/blobs/\(digest)", answer) }

  private static func route(_ path: String, _ answer: JSON) -> [JSON] {
    var route = answer.objectValue ?? JSONObject()
    route["path"] = .string(path)
    return [.object(route)]
  }

  /// A manifest of the image with members changed, under its own digest.
  static func changed(_ image: SampleImage, _ members: [(String, JSON)]) throws -> [JSON] {
    guard case .object(var object) = try JSON(parsing: image.manifest.bytes) else { return [] }
    for (name, value) in members { object[name] = value }
    return served(JSON.object(object).text(), "application/vnd.oci.image.manifest.v1+json")
  }

  /// A document served as every manifest, under its own digest.
  static func served(_ text: String, _ type: String) -> [JSON] {
    let digest = SHA256Stream.digest(Array(text.utf8))
    return manifest([
      "headers": ["Content-Type": .string(type), "Docker-Content-Digest": .string(digest.description)],
      "text": .string(text),
    ])
  }

  static let oci = "application/vnd.oci.image.manifest.v1+json"
  static let index = "application/vnd.oci.image.index.v1+json"

  static let faults: [Fault] = [
    // B2: what kind of document it is.
    Fault("a manifest whose header says index", "mediaType is", "declared as") {
      served(String(decoding: $0.manifest.bytes, as: UTF8.self), index)
    },
    Fault("an index whose header says manifest", "declared as") { _ in
      served(#"{"schemaVersion": 2, "mediaType": "\#(index)", "manifests": []}"#, oci)
    },
    Fault("schema 1", "schema version 1", "push the image again") { _ in
      served(
        #"{"schemaVersion": 1, "name": "app", "tag": "1", "fsLayers": [], "history": []}"#,
        "application/vnd.docker.distribution.manifest.v1+prettyjws")
    },
    Fault("a config that is a manifest", "pulling") { image in
      var config = image.manifest.descriptor
      config.mediaType = .ociManifest
      return try changed(image, [("config", config.json)])
    },
    Fault("a web page", "pulling") { _ in served("<html><body>Welcome to the hotel</body></html>", "text/html") },
    Fault("an empty manifest", "pulling") { _ in served("", oci) },
    Fault("JSON nested deep", "no JSON") { _ in served(String(repeating: "[", count: 100_000), oci) },
    Fault("too many layers", "layers", "500") { image in
      try changed(image, [("layers", .array(Array(repeating: image.layers[0].descriptor.json, count: 501)))])
    },
    // B3: digests are no paths.
    Fault("a digest that climbs", "digest") {
      try changed($0, [("config", descriptor("sha256:../../../../etc/passwd"))])
    },
    Fault("a digest of another kind", "digest") { try changed($0, [("config", descriptor("md5:d41d8cd98f00b204"))]) },
    Fault("a digest in capitals", "digest") { image in
      try changed(image, [("config", descriptor("sha256:" + image.config.digest.hex.uppercased()))])
    },
    Fault("an empty digest", "digest") { try changed($0, [("layers", [descriptor("")])]) },
    Fault("a negative size", "size") { image in
      try changed(image, [("layers", [descriptor(image.layers[0].digest.description, size: -1)])])
    },
    Fault("a header that names another digest than the body has", "digest") { image in
      manifest(
        [
          "headers": [
            "Content-Type": .string(oci),
            "Docker-Content-Digest": .string("sha256:" + String(repeating: "0", count: 64)),
          ],
          "text": .string(String(decoding: image.manifest.bytes, as: UTF8.self)),
        ])
    },
    // B7: more than there should be.
    Fault("an endless manifest", "4 MiB") { _ in
      manifest([
        "headers": ["Content-Type": .string(oci)], "repeat": .string(String(repeating: " ", count: 65536)),
        "chunked": true,
      ])
    },
    Fault("a manifest of a terabyte", "4 MiB") { _ in
      manifest(["headers": ["Content-Type": .string(oci)], "repeat": " ", "claim": .integer(1 << 40)])
    },
    Fault("an endless config", "more than the") { image in
      blob(image.config.digest, ["repeat": .string(String(repeating: "x", count: 65536)), "chunked": true])
    },
    Fault("an endless layer", "blob") { image in
      blob(image.layers[0].digest, ["repeat": .string(String(repeating: "x", count: 65536)), "chunked": true])
    },
    Fault("an endless error", "pulling") { _ in
      manifest(["status": 403, "repeat": .string(String(repeating: "x", count: 65536)), "chunked": true])
    },
    Fault("a header of a megabyte", "65536 bytes") { _ in
      manifest(["headers": ["X-Long": .string(String(repeating: "x", count: 1 << 20))], "text": "x"])
    },
    Fault("a thousand headers", "200 header fields") { _ in
      let lines = (0..<1000).map { "X-\($0): y\r\n" }.joined()
      return manifest(["raw": .string("HTTP/1.1 200 OK\r\n\(lines)Content-Length: 0\r\n\r\n")])
    },
    Fault("two lengths", "Content-Length") { _ in
      manifest(["raw": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"])
    },
    Fault("a length and chunks", "Transfer-Encoding") { _ in
      manifest(["raw": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
    },
    Fault("no HTTP at all", "pulling") { _ in manifest(["raw": "220 mail.example ESMTP\r\n"]) },
    Fault("redirects in a circle", "redirects") { _ in
      manifest(["status": 307, "headers": ["Location": "/v2/app/manifests/1"]])
    },
    Fault("a redirect to a file", "address") { _ in
      manifest(["status": 307, "headers": ["Location": "file:///etc/passwd"]])
    },
    // B8: too little, too late.
    Fault("a year to wait", "31536000") { _ in
      manifest([
        "status": 429, "headers": ["Retry-After": "31536000"],
        "text": #"{"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}"#,
      ])
    },
    Fault("its own failure, again and again", "503") { _ in manifest(["status": 503]) },
    Fault("hanging up, again and again", "clos") { _ in manifest(["hangsUp": true]) },
    // Refusals in the registry's own words.
    Fault("a 401 for ever", "no entry for you", "dhow login 127.0.0.1:") { _ in
      manifest([
        "status": 401, "headers": ["WWW-Authenticate": "Basic realm=x"],
        "text": #"{"errors": [{"code": "UNAUTHORIZED", "message": "no entry for you"}]}"#,
      ])
    },
    Fault("a 401 without a challenge", "dhow login 127.0.0.1:") { _ in manifest(["status": 401]) },
    Fault("a 403", "DENIED", "the project is closed") { _ in
      manifest(["status": 403, "text": #"{"errors": [{"code": "DENIED", "message": "the project is closed"}]}"#])
    },
    // B13: nothing drives the terminal.
    Fault("escape sequences", "\\x1b[2J", "\\u{202E}") { _ in
      manifest(["status": 403, "text": "{\"errors\": [{\"code\": \"DENIED\", \"message\": \"\\u001b[2J\\u202e\"}]}"])
    },
  ]

  private static func descriptor(_ digest: String, size: Int64 = 10) -> JSON {
    ["mediaType": "application/vnd.oci.image.config.v1+json", "digest": .string(digest), "size": .integer(size)]
  }

  /// What a store holds beside what a download may leave for the next one, and the two directories of blobs.
  private func holdings(_ store: Store) throws -> Set<String> {
    Set(try store.holdings().filter { !$0.hasPrefix("downloads") }).subtracting(["blobs/sha256", "blobs/sha512"])
  }

  @Test(arguments: faults)
  func `a registry that misbehaves is told of, and the store is as before`(_ fault: Fault) throws {
    let image = try SampleImage([SampleImage.archive("a", 5000)])
    let double = try RegistryDouble(
      routes: fault.routes(image) + RegistryDouble.routes(image, in: "app", tag: "1"))
    try withStore { store in
      // Makes the store.
      try store.must("images")
      let before = try holdings(store)
      let outcome = try store.dhow(
        "pull", "-q", "--retry-delay", "10ms", "\(double.authority)/app:1", environment: ["DHOW_LOG": "debug"],
        timeout: 40)
      #expect(!outcome.timedOut, "\(outcome)")
      #expect(outcome.status == 1 || outcome.status == 125, "\(outcome)")
      #expect(outcome.out == "", "\(outcome)")
      #expect(outcome.err.utf8.count < 8192, "\(outcome.err.utf8.count) bytes")
      #expect(!outcome.stderr.contains(0x1B))
      for word in fault.words { #expect(outcome.err.contains(word), "\"\(word)\": \(outcome)") }
      #expect(try holdings(store) == before)
      let check = try store.dhow("system", "check")
      #expect(check.succeeded, "\(check)")
    }
  }

  /// SECURITY B7: measured by the kernel, which gives no process more private memory than the limit.
  @Test(.requires(.program("prlimit")), arguments: faults.filter { $0.name.contains("endless") })
  func `what never ends is not held in memory`(_ fault: Fault) throws {
    let image = try SampleImage([SampleImage.archive("a", 5000)])
    try expectBounded(
      ["pull", "-q", "--retry-delay", "10ms"], "app:1",
      fault.routes(image) + RegistryDouble.routes(image, in: "app", tag: "1"))
  }

  @Test(.requires(.program("prlimit")))
  func `a token and a list that never end are not held in memory`() throws {
    let endless: JSON = .string(String(repeating: "x", count: 65536))
    try expectBounded(
      ["pull", "-q", "-a"], "app",
      [["path": "/v2/", "text": "{}"], ["path": "/v2/app/tags/list", "repeat": endless, "chunked": true]])
    let double = try RegistryDouble(routes: [["path": "/token", "repeat": endless, "chunked": true]])
    try expectBounded(
      ["pull", "-q"], "app:1",
      [
        [
          "path": "/v2/app/*", "status": 401,
          "headers": ["WWW-Authenticate": .string(#"Bearer realm="http://\#(double.authority)/token",service="s""#)],
        ]
      ])
    #expect(try double.requests().count >= 1, "the token was asked for")
  }

  private func expectBounded(_ words: [String], _ name: String, _ routes: [JSON]) throws {
    let double = try RegistryDouble(routes: routes)
    try withStore { store in
      let outcome = try run(
        ["prlimit", "--data=\(64 << 20)"] + store.command(words + ["\(double.authority)/\(name)"]),
        as: store.identity, environment: store.environment, timeout: 60)
      #expect(!outcome.timedOut && outcome.status == 1 && outcome.err.hasPrefix("dhow: "), "\(outcome)")
    }
  }

  @Test func `a registry that sends a byte a second is given up`() throws {
    let image = try SampleImage([SampleImage.archive("a", 500_000)])
    let routes = Self.blob(
      image.layers[0].digest, ["repeat": "x", "claim": .integer(Int64(image.layers[0].bytes.count)), "rate": 1])
    let double = try RegistryDouble(routes: routes + RegistryDouble.routes(image, in: "app", tag: "1"))
    try withStore { store in
      let outcome = try store.dhow("pull", "-q", "--retry", "0", "\(double.authority)/app:1", timeout: 90)
      #expect(!outcome.timedOut, "\(outcome)")
      #expect(outcome.status == 1, "\(outcome)")
      #expect(try store.dhow("system", "check").succeeded)
    }
  }

  @Test func `the pages of a list of tags that go round end`() throws {
    let double = try RegistryDouble(routes: [
      ["path": "/v2/", "text": "{}"],
      [
        "path": "/v2/app/tags/list", "text": #"{"name": "app", "tags": ["a"]}"#,
        "headers": ["Link": "</v2/app/tags/list?last=a>; rel=\"next\""],
      ],
    ])
    try withStore { store in
      let outcome = try store.dhow("pull", "-a", "\(double.authority)/app", timeout: 60)
      #expect(!outcome.timedOut && outcome.status == 1, "\(outcome)")
      #expect(try double.requests().count < 50)
    }
  }
}
