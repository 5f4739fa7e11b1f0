import Basics
import HTTP
import OCI
import TestSupport
import Testing

/// Signatures, bills of materials and attestations: pulled with their image, pushed on, and gone with it.
@Suite(.serialized, .runsContainers)
struct ReferrersTests {
  private static let indexType = "application/vnd.oci.image.index.v1+json"
  private static let empty = Array("{}".utf8)

  private func descriptor(_ type: String, _ bytes: [UInt8], _ more: String = "") -> String {
    #"{"mediaType":"\#(type)","digest":"\#(SHA256Stream.digest(bytes))","size":\#(bytes.count)\#(more)}"#
  }

  private func note(_ content: String, on subject: [UInt8]?, type: String = TinyImage.type) -> [UInt8] {
    let more = subject.map { #","subject":\#(descriptor(type, $0))"# } ?? ""
    return Array(
      (#"{"schemaVersion":2,"mediaType":"\#(TinyImage.type)","artifactType":"application/x.note","config":"#
        + descriptor("application/vnd.oci.empty.v1+json", Self.empty) + #","layers":["#
        + descriptor("text/plain", Array(content.utf8)) + #"]\#(more)}"#).utf8)
  }

  private func put(_ registry: ServedRegistry, _ bytes: [UInt8], _ key: String, type: String = TinyImage.type) throws {
    let done = try registry.ask("PUT", "/v2/app/manifests/\(key)", [("Content-Type", type)], bytes)
    guard done.status == 201 else { throw FixtureError("a push failed: \(done.text)") }
  }

  private func referrers(_ registry: ServedRegistry, _ digest: Digest) throws -> [String] {
    let list = try JSON(parsing: registry.ask("GET", "/v2/app/referrers/\(digest)").body)["manifests"]?.arrayValue
    return (list ?? []).compactMap { $0["digest"]?.stringValue }.sorted()
  }

  /// An image with a signature, which is signed itself.
  private func fill(
    _ registry: ServedRegistry, isCompressed: Bool = true
  ) throws -> (image: TinyImage, notes: [Digest]) {
    let image = TinyImage("hello", isCompressed: isCompressed)
    let signature = note("signature", on: image.manifest)
    let countersignature = note("countersignature", on: signature)
    let blobs = [image.layer, image.config, Self.empty, Array("signature".utf8), Array("countersignature".utf8)]
    for blob in blobs { try registry.push(blob: blob, to: "app") }
    try put(registry, image.manifest, "1")
    for document in [signature, countersignature] { try put(registry, document, "\(SHA256Stream.digest(document))") }
    return (image, [signature, countersignature].map { SHA256Stream.digest($0) })
  }

  @Test(.requires(.registry))
  func `signatures come with a pull, go on with a push, by the API and without it, and go with the image`() throws {
    let old = try RegistryFixture()
    try withStore { source in
      let first = try ServedRegistry(source)
      let (image, notes) = try fill(first)
      try withStore { store in
        let name = "\(first.authority)/app:1"
        try store.must("pull", "-q", name)
        #expect(try store.must("images", "-aq").lines.count == 1, "a signature is no image")
        #expect(try store.must("image", "prune", "-f").out.contains("reclaimed space: 0B"))
        try store.must("tag", name, "\(old.authority)/app:1")
        let plain = try store.must("push", "\(old.authority)/app:1")
        #expect(!plain.out.contains("\(notes[0])"))
        #expect(try old.files().contains { $0.contains("tags/sha256-") } == false)
        let pushed = try store.must("push", "--referrers", "\(old.authority)/app:1")
        #expect(pushed.out.contains("\(notes[0]): refers to \(image.digest.short)"), "\(pushed)")
        #expect(try old.files().contains { $0.contains("tags/sha256-\(image.digest.hex)") }, "without the API")
        let events = try store.must("events", "--since", "1h", "--until", "0s", "--format", "{{.Action}}").lines
        #expect(events.filter { $0 == "pull" }.count == 1 && events.filter { $0 == "push" }.count == 2, "\(events)")
        try store.must("rmi", name, "\(old.authority)/app:1")
        #expect(try store.paths(below: "/blobs/sha256").isEmpty)
        // From the registry without the API, to one with it.
        try withStore { target in
          let second = try ServedRegistry(target)
          try store.must("pull", "-q", "\(old.authority)/app:1")
          try store.must("tag", "\(old.authority)/app:1", "\(second.authority)/app:2")
          try store.must("push", "-q", "--referrers", "\(second.authority)/app:2")
          #expect(try referrers(second, image.digest) == [notes[0].description])
          #expect(try referrers(second, notes[0]) == [notes[1].description])
          #expect(try second.ask("GET", "/v2/app/tags/list").text == #"{"name":"app","tags":["2"]}"#)
          try target.must("system", "check")
        }
        try store.must("system", "check")
      }
    }
  }

  @Test func `a pull can leave signatures alone, and run does`() throws {
    try withStore { source in
      let registry = try ServedRegistry(source)
      _ = try fill(registry)
      try withStore { store in
        try store.must("pull", "-q", "--referrers=false", "\(registry.authority)/app:1")
        #expect(try store.paths(below: "/blobs/sha256").count == 3)
        try store.must("rmi", "\(registry.authority)/app:1")
        _ = try store.dhow("run", "--rm", "--network", "none", "\(registry.authority)/app:1", "/hello")
        #expect(try store.paths(below: "/blobs/sha256").count == 3)
      }
    }
  }

  @Test func `what is signed in another form on its way does not lose its signature unsaid`() throws {
    try withStore { source in
      let registry = try ServedRegistry(source)
      _ = try fill(registry, isCompressed: false)
      try withStore { store in
        try store.must("pull", "-q", "\(registry.authority)/app:1")
        try store.must("tag", "\(registry.authority)/app:1", "\(registry.authority)/other:1")
        // Its layer is a plain tar, which is compressed on its way.
        let pushed = try store.must("push", "--referrers", "\(registry.authority)/other:1")
        #expect(pushed.err.contains("what refers to the image was not pushed"), "\(pushed)")
      }
    }
  }

  @Test func `an index with attestations is whole again when it is pushed, and no platform of it`() throws {
    try withStore { source in
      let registry = try ServedRegistry(source)
      let image = TinyImage("hello", isCompressed: true)
      let attestation = note("provenance", on: nil)
      for blob in [image.layer, image.config, Self.empty, Array("provenance".utf8)] {
        try registry.push(blob: blob, to: "app")
      }
      for document in [image.manifest, attestation] { try put(registry, document, "\(SHA256Stream.digest(document))") }
      let index = Array(
        (#"{"schemaVersion":2,"mediaType":"\#(Self.indexType)","manifests":["#
          + descriptor(
            TinyImage.type, attestation,
            #","annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"\#(image.digest)"},"#
              + #""platform":{"architecture":"unknown","os":"unknown"}"#) + ","
          + descriptor(TinyImage.type, image.manifest, #","platform":{"architecture":"amd64","os":"linux"}"#) + "]}")
          .utf8)
      try put(registry, index, "1", type: Self.indexType)
      try withStore { store in
        let name = "\(registry.authority)/app:1"
        try store.must("pull", "-q", name)
        #expect(try store.must("images", "-aq").lines.count == 1)
        let none = try store.dhow("pull", "-q", "--platform", "unknown/unknown", name)
        #expect(none.status != 0 && none.err.contains("no matching manifest"), "\(none)")
        #expect(try store.must("image", "prune", "-f").out.contains("reclaimed space: 0B"))
        try store.must("system", "check")
        // What was pulled is what a push and an archive give on.
        let archive = try store.folder("archive", mode: 0o777)
        try store.must("save", "--format", "oci-dir", "-o", archive + "/x", name)
        #expect(try exists(archive + "/x/blobs/sha256/\(SHA256Stream.digest(attestation).hex)"))
        try store.must("tag", name, "\(registry.authority)/app:2")
        let pushed = try store.must("push", "\(registry.authority)/app:2")
        #expect(!pushed.err.contains("only linux/amd64 is pushed"), "\(pushed)")
        let back = try registry.ask("GET", "/v2/app/manifests/2")
        #expect(back.headers.first("Content-Type") == Self.indexType && back.body == index)
        try store.must("rmi", name, "\(registry.authority)/app:2")
        #expect(try store.paths(below: "/blobs/sha256").isEmpty)
      }
      try source.must("system", "check")
    }
  }

  @Test func `a registry that lies about what refers to an image harms nothing but that`() throws {
    let image = TinyImage("hello")
    let signature = note("signature", on: image.manifest)
    let other = note("of something else", on: signature)
    let layer = SHA256Stream.digest(image.layer)
    func route(_ path: String, _ body: [UInt8], _ type: String = "application/octet-stream") -> JSON {
      [
        "path": .string(path), "status": 200, "headers": ["Content-Type": .string(type)],
        "base64": .string(base64Encoded(body)),
      ]
    }
    let lists: [(String, String)] = [
      ("[", "not an index"), (#"{"schemaVersion":2,"manifests":[]}"#, ""),
      (
        #"{"schemaVersion":2,"mediaType":"\#(Self.indexType)","manifests":[\#(descriptor(TinyImage.type, other))]}"#,
        "it is of something else"
      ),
      (
        #"{"schemaVersion":2,"mediaType":"\#(Self.indexType)","manifests":[\#(descriptor(TinyImage.type, signature))]}"#,
        "its blobs are missing"
      ),
    ]
    for (list, what) in lists {
      let double = try RegistryDouble(routes: [
        route("/v2/app/manifests/1", image.manifest, TinyImage.type),
        route("/v2/app/manifests/\(image.digest)", image.manifest, TinyImage.type),
        route("/v2/app/blobs/\(SHA256Stream.digest(image.config))", image.config),
        route("/v2/app/blobs/\(layer)", image.layer),
        route("/v2/app/referrers/\(image.digest)", Array(list.utf8), Self.indexType),
        route("/v2/app/manifests/\(SHA256Stream.digest(signature))", signature, TinyImage.type),
        route("/v2/app/manifests/\(SHA256Stream.digest(other))", other, TinyImage.type),
      ])
      try withStore { store in
        let pulled = try store.must("pull", "\(double.authority)/app:1")
        #expect(try store.must("images", "-aq").lines.count == 1, "\(what): \(pulled)")
        try store.must("rmi", "\(double.authority)/app:1")
        try store.must("image", "prune", "-f")
        #expect(try store.paths(below: "/blobs/sha256").isEmpty, "\(what)")
        try store.must("system", "check")
      }
    }
  }
}
