import Basics
import HTTP
import OCI
import TestSupport
import Testing

/// The distribution specification 1.1, case by case, against `registry serve`: what clients may send and what they must be
/// answered, the odd kinds of content included.
@Suite(.serialized, .runsContainers)
struct RegistryConformanceTests {
  private static let indexType = "application/vnd.oci.image.index.v1+json"
  private static let put = [("Content-Type", TinyImage.type)]
  private static let empty = Array("{}".utf8)
  private static let emptyType = "application/vnd.oci.empty.v1+json"

  private func code(_ answer: ServedRegistry.Answer) -> String {
    (try? JSON(parsing: answer.body))?["errors"]?.arrayValue?.first?["code"]?.stringValue ?? ""
  }

  private func descriptor(_ type: String, _ bytes: [UInt8], _ more: String = "") -> String {
    #"{"mediaType":"\#(type)","digest":"\#(SHA256Stream.digest(bytes))","size":\#(bytes.count)\#(more)}"#
  }

  private func index(_ entries: [String], _ more: String = "") -> [UInt8] {
    Array(
      #"{"schemaVersion":2,"mediaType":"\#(Self.indexType)","manifests":[\#(entries.joined(separator: ","))]\#(more)}"#
        .utf8)
  }

  private func artifact(_ content: String, subject: [UInt8]? = nil, subjectType: String = TinyImage.type) -> [UInt8] {
    let more = subject.map { #","subject":\#(descriptor(subjectType, $0))"# } ?? ""
    return Array(
      (#"{"schemaVersion":2,"mediaType":"\#(TinyImage.type)","artifactType":"application/x.note","config":"#
        + descriptor(Self.emptyType, Self.empty) + #","layers":["# + descriptor("text/plain", Array(content.utf8))
        + #"],"annotations":{"said":"\#(content)"}\#(more)}"#).utf8)
  }

  /// Puts a document under a tag and under its digest, and expects to get it back by both.
  private func keep(
    _ registry: ServedRegistry, _ bytes: [UInt8], _ type: String, tag: String?,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let digest = SHA256Stream.digest(bytes)
    for key in [digest.description] + (tag.map { [$0] } ?? []) {
      let done = try registry.ask("PUT", "/v2/a/b/manifests/\(key)", [("Content-Type", type)], bytes)
      #expect(done.status == 201, "\(done.text)", sourceLocation: sourceLocation)
      #expect(
        done.headers.first("Docker-Content-Digest") == digest.description
          && done.headers.first("Location")?.contains("/v2/a/b/manifests/") == true, sourceLocation: sourceLocation)
      let head = try registry.ask("HEAD", "/v2/a/b/manifests/\(key)", [("Accept", type)])
      #expect(
        head.status == 200 && head.headers.first("Content-Length") == "\(bytes.count)", sourceLocation: sourceLocation)
      let got = try registry.ask("GET", "/v2/a/b/manifests/\(key)", [("Accept", type)])
      #expect(
        got.status == 200 && got.body == bytes && got.headers.first("Content-Type") == type,
        sourceLocation: sourceLocation)
    }
  }

  private func push(_ registry: ServedRegistry, _ image: TinyImage) throws {
    for blob in [image.layer, image.config] { try registry.push(blob: blob, to: "a/b") }
    try keep(registry, image.manifest, TinyImage.type, tag: nil)
  }

  private func entry(_ image: TinyImage, _ architecture: String) -> String {
    descriptor(TinyImage.type, image.manifest, #","platform":{"architecture":"\#(architecture)","os":"linux"}"#)
  }

  @Test func `an index in an index, an empty one and one with attestations come back as they were`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let images = ["amd64", "arm64"].map { TinyImage("for " + $0, architecture: $0) }
      for image in images { try push(registry, image) }
      let inner = index([entry(images[0], "amd64"), entry(images[1], "arm64")])
      let outer = index([descriptor(Self.indexType, inner)])
      let early = try registry.ask("PUT", "/v2/a/b/manifests/early", [("Content-Type", Self.indexType)], outer)
      #expect(early.status == 404 && code(early) == "MANIFEST_BLOB_UNKNOWN")
      try keep(registry, inner, Self.indexType, tag: nil)
      try keep(registry, outer, Self.indexType, tag: "outer")
      try keep(registry, index([]), Self.indexType, tag: "empty")
      // What can be run of it has the name.
      #expect(try store.must("images", "-q", "localhost/a/b:outer").lines.count == 2)

      let attestation = artifact("provenance")
      for blob in [Self.empty, Array("provenance".utf8)] { try registry.push(blob: blob, to: "a/b") }
      try keep(registry, attestation, TinyImage.type, tag: nil)
      let attested = index([
        entry(images[0], "amd64"),
        descriptor(
          TinyImage.type, attestation,
          #","annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"\#(images[0].digest)"},"#
            + #""platform":{"architecture":"unknown","os":"unknown"}"#),
      ])
      try keep(registry, attested, Self.indexType, tag: "attested")
      #expect(try store.must("images", "-aq", "localhost/a/b:attested").lines.count == 1)
      let tags = try registry.ask("GET", "/v2/a/b/tags/list").text
      #expect(tags == #"{"name":"a/b","tags":["attested","empty","outer"]}"#)
      for tag in ["outer", "empty", "attested"] {
        #expect(try registry.ask("DELETE", "/v2/a/b/manifests/\(tag)").status == 202)
        #expect(try registry.ask("GET", "/v2/a/b/manifests/\(tag)").status == 404)
      }
      #expect(try registry.ask("GET", "/v2/a/b/tags/list").text == #"{"name":"a/b","tags":[]}"#)
      #expect(try registry.ask("GET", "/v2/a/b/manifests/\(SHA256Stream.digest(outer))").body == outer, "by digest")
      try store.must("system", "check")
      // Nobody needs any of it: all of it goes.
      try store.must("image", "prune", "-af")
      #expect(try store.paths(below: "/blobs/sha256").isEmpty)
      #expect(try registry.ask("GET", "/v2/a/b/manifests/\(SHA256Stream.digest(inner))").status == 404)
    }
  }

  @Test func `what refers to a manifest or an index is listed, by type, before and after its subject comes`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let image = TinyImage("hello")
      let signature = artifact("signed", subject: image.manifest)
      let nothing = try registry.ask("GET", "/v2/a/b/referrers/\(image.digest)")
      #expect(nothing.status == 200 && nothing.headers.first("Content-Type") == Self.indexType)
      for blob in [Self.empty, Array("signed".utf8), Array("listed".utf8)] { try registry.push(blob: blob, to: "a/b") }
      let done = try registry.ask("PUT", "/v2/a/b/manifests/\(SHA256Stream.digest(signature))", Self.put, signature)
      #expect(done.status == 201 && done.headers.first("OCI-Subject") == image.digest.description)
      try push(registry, image)
      try keep(registry, image.manifest, TinyImage.type, tag: "1")
      let list = index([entry(image, "amd64")])
      try keep(registry, list, Self.indexType, tag: nil)
      let more = #","artifactType":"application/x.list","subject":\#(descriptor(TinyImage.type, image.manifest))"#
      let listing = index([], more)
      let indexed = try registry.ask("PUT", "/v2/a/b/manifests/ref", [("Content-Type", Self.indexType)], listing)
      #expect(indexed.status == 201 && indexed.headers.first("OCI-Subject") == image.digest.description)
      try keep(registry, artifact("listed", subject: list, subjectType: Self.indexType), TinyImage.type, tag: "listed")

      let found = try JSON(parsing: registry.ask("GET", "/v2/a/b/referrers/\(image.digest)").body)["manifests"]
      #expect(found?.arrayValue?.count == 2)
      #expect(found?.arrayValue?.first?["annotations"]?["said"]?.stringValue == "signed")
      let filtered = try registry.ask("GET", "/v2/a/b/referrers/\(image.digest)?artifactType=application%2Fx.list")
      #expect(filtered.headers.first("OCI-Filters-Applied") == "artifactType")
      #expect(filtered.text.contains("\(SHA256Stream.digest(listing))"))
      #expect(!filtered.text.contains("\(SHA256Stream.digest(signature))"))
      #expect(
        try registry.ask("GET", "/v2/a/b/referrers/\(SHA256Stream.digest(list))").text.contains("application/x.note"))
      // Signatures are no images, and stay as long as what they sign.
      #expect(try store.must("images", "-q").lines.count == 2, "the image, and the artifact that has a tag")
      try store.must("image", "prune", "-f")
      #expect(try registry.ask("GET", "/v2/a/b/manifests/\(SHA256Stream.digest(signature))").status == 200)
      try store.must("rmi", "-f", "a/b:1", "a/b:listed")
      #expect(try registry.ask("GET", "/v2/a/b/manifests/\(SHA256Stream.digest(signature))").status == 404)
      try store.must("system", "check")
    }
  }

  @Test func `images that are no file systems are kept for who asks, and not run`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let noise = (0..<500).map { UInt8(truncatingIfNeeded: $0 &* 73) }
      let good = TinyImage("hello")
      let text = String(decoding: good.manifest, as: UTF8.self)
      let layer = #""digest":"\#(SHA256Stream.digest(good.layer))","size":\#(good.layer.count)"#
      let random = text.replacing(layer, with: #""digest":"\#(SHA256Stream.digest(noise))","size":\#(noise.count)"#)
      let elsewhere = text.replacing(
        #"layer.v1.tar","# + layer,
        with: #"layer.nondistributable.v1.tar+gzip","urls":["https://store.example/x"],"digest":"sha256:"#
          + String(repeating: "5", count: 64) + #"","size":123"#)
      let liar = TinyImage("another")
      let lie = text.replacing("\(SHA256Stream.digest(good.config))", with: "\(SHA256Stream.digest(liar.config))")
      for blob in [good.config, liar.config, good.layer, noise] { try registry.push(blob: blob, to: "a/b") }
      for (tag, manifest) in [("random", random), ("elsewhere", elsewhere), ("lie", lie)] {
        #expect(manifest != text)
        try keep(registry, Array(manifest.utf8), TinyImage.type, tag: tag)
        let outcome = try store.dhow("run", "--rm", "--network", "none", "a/b:\(tag)", "true")
        #expect(outcome.status == 125 && outcome.err.contains("not a runnable image"), "\(outcome)")
      }
      try store.must("system", "check")
      try store.must("rmi", "a/b:random", "a/b:elsewhere", "a/b:lie")
      #expect(try store.paths(below: "/blobs/sha256").isEmpty)
    }
  }

  @Test func `a blob is deleted when nothing needs it any more`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let loose = try registry.push(blob: Array("loose".utf8), to: "a/b")
      #expect(try registry.ask("DELETE", "/v2/a/b/blobs/\(loose)").status == 202)
      #expect(try registry.ask("HEAD", "/v2/a/b/blobs/\(loose)").status == 404)
      let twice = try registry.ask("DELETE", "/v2/a/b/blobs/\(loose)")
      #expect(twice.status == 404 && code(twice) == "BLOB_UNKNOWN")
      let image = TinyImage("hello")
      try push(registry, image)
      try keep(registry, image.manifest, TinyImage.type, tag: "1")
      let blob = "/v2/a/b/blobs/\(SHA256Stream.digest(image.layer))"
      #expect(try registry.ask("DELETE", blob).status == 405)
      #expect(try registry.ask("DELETE", "/v2/a/b/manifests/\(image.digest)").status == 202)
      #expect(try registry.ask("DELETE", blob).status == 202)
      #expect(try registry.ask("GET", blob).status == 404)
      #expect(try store.must("images", "-aq").out.isEmpty && store.paths(below: "/blobs/sha256").isEmpty)
      // Of a local image that somebody named, or made a container of, nothing goes.
      try push(registry, image)
      try store.must("create", "--name", "user", image.digest.description, "/hello")
      #expect(try registry.ask("DELETE", "/v2/a/b/manifests/\(image.digest)").status == 202)
      #expect(try registry.ask("DELETE", blob).status == 405)
      try store.must("system", "check")
    }
  }

  @Test func `chunks come in order, and an upload tells where it stands`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let bytes = (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      let begun = try registry.ask("POST", "/v2/a/b/blobs/uploads/", [("Content-Length", "0")])
      #expect(begun.status == 202 && begun.headers.first("Docker-Upload-UUID") != nil)
      let location = begun.headers.first("Location") ?? ""
      #expect(try registry.ask("GET", location).headers.first("Range") == "0-0")
      let late = try registry.ask("PATCH", location, [("Content-Range", "1000-1999")], Array(bytes[1000..<2000]))
      #expect(late.status == 416)
      let first = try registry.ask("PATCH", location, [("Content-Range", "0-999")], Array(bytes[..<1000]))
      #expect(first.status == 202 && first.headers.first("Range") == "0-999")
      let again = try registry.ask("PATCH", location, [("Content-Range", "0-999")], Array(bytes[..<1000]))
      #expect(again.status == 416 && again.headers.first("Range") == "0-999")
      // The range is of other bytes than came.
      let short = try registry.ask("PATCH", location, [("Content-Range", "1000-1999")], Array(bytes[1000..<1500]))
      #expect(short.status == 400 && code(short) == "SIZE_INVALID", "\(short.status)")
      #expect(try registry.ask("GET", location).headers.first("Range") == "0-999", "nothing of it counts")
      for text in ["x", "5-", "-5", "9-1", "0-99999999999999999999"] {
        #expect(try registry.ask("PATCH", location, [("Content-Range", text)], [1]).status >= 400, "\(text)")
      }
      // Without a range it is a stream.
      #expect(try registry.ask("PATCH", location, [], Array(bytes[1000..<2000])).status == 202)
      let wrong = try registry.ask("PUT", location + "?digest=sha256:12", [], [])
      #expect(wrong.status == 400 && code(wrong) == "DIGEST_INVALID")
      let digest = SHA256Stream.digest(bytes)
      let out = try registry.ask(
        "PUT", location + "?digest=\(digest)", [("Content-Range", "0-999")], Array(bytes[2000...]))
      #expect(out.status == 416)
      let done = try registry.ask(
        "PUT", location + "?digest=\(digest)", [("Content-Range", "2000-2999")], Array(bytes[2000...]))
      #expect(done.status == 201 && done.headers.first("Location") == "/v2/a/b/blobs/\(digest)")
      #expect(try registry.ask("GET", "/v2/a/b/blobs/\(digest)").body == bytes)
      // A blob of no bytes, in each way.
      let none = SHA256Stream.digest([])
      #expect(try registry.ask("POST", "/v2/a/b/blobs/uploads/?digest=\(none)", [], []).status == 201)
      #expect(try registry.ask("GET", "/v2/a/b/blobs/\(none)").body.isEmpty)
      // A mount of what is not there, or from nowhere in particular, is an upload or a blob.
      let missing = Digest(.sha256, hex: String(repeating: "4", count: 64)).map { "\($0)" } ?? ""
      #expect(try registry.ask("POST", "/v2/a/b/blobs/uploads/?mount=\(missing)&from=c").status == 202)
      #expect(try registry.ask("POST", "/v2/c/blobs/uploads/?mount=\(digest)").status == 201)
    }
  }

  @Test func `lists end at n and begin after last`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let image = TinyImage("hello")
      try push(registry, image)
      for tag in ["b", "a", "c"] { try keep(registry, image.manifest, TinyImage.type, tag: tag) }
      for (query, tags) in [
        ("", #"["a","b","c"]"#), ("?n=2", #"["a","b"]"#), ("?n=0", "[]"), ("?last=a", #"["b","c"]"#),
        ("?n=1&last=b", #"["c"]"#), ("?last=bb", #"["c"]"#), ("?n=9&last=zz", "[]"),
      ] {
        #expect(
          try registry.ask("GET", "/v2/a/b/tags/list\(query)").text == #"{"name":"a/b","tags":\#(tags)}"#, "\(query)")
      }
      for (method, path, status, word) in [
        ("GET", "/v2/none/tags/list", 404, "NAME_UNKNOWN"), ("GET", "/v2/a/b/manifests/none", 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/a/b/manifests/sha256:12", 400, "DIGEST_INVALID"), ("GET", "/v2/A/tags/list", 400, "NAME_INVALID"),
        ("PUT", "/v2/a/b/manifests/sha256:totallywrong", 400, "DIGEST_INVALID"),
        ("DELETE", "/v2/a/b/manifests/none", 404, "MANIFEST_UNKNOWN"),
        ("POST", "/v2/a/b/tags/list", 405, "UNSUPPORTED"),
        ("GET", "/v2/a/b/referrers/none", 400, "DIGEST_INVALID"),
      ] {
        let answer = try registry.ask(method, path, [], method == "GET" ? nil : [])
        #expect(answer.status == status && code(answer) == word, "\(method) \(path): \(answer.status) \(answer.text)")
      }
    }
  }
}
