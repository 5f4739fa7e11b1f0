import HTTP
import OCI
import TestSupport
import Testing

/// `registry serve` under the requests of the distribution specification, under other engines, and under trouble.
@Suite(.serialized, .runsContainers)
struct RegistryServeTests {
  private func code(_ answer: ServedRegistry.Answer) -> String {
    let text = answer.text
    guard let start = text.firstRange(of: #""code":""#)?.upperBound else { return "" }
    return String(text[start...].prefix { $0 != "\"" })
  }

  /// Nothing half-made is left, and the store is in order.
  private func expectClean(_ store: Store) throws {
    #expect(try store.paths(below: "/staging").isEmpty && store.paths(below: "/trash").isEmpty)
    try store.must("system", "check")
  }

  @Test func `an image goes in and out by the requests of the specification`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let image = TinyImage("hello")
      #expect(try registry.ask("GET", "/v2/").status == 200)
      #expect(try registry.ask("GET", "/v2/_catalog").text == #"{"repositories":[]}"#)
      #expect(try code(registry.ask("GET", "/v2/team/app/tags/list")) == "NAME_UNKNOWN")
      let put = [("Content-Type", TinyImage.type)]
      let early = try registry.ask("PUT", "/v2/team/app/manifests/1", put, image.manifest)
      #expect(early.status == 404 && code(early) == "MANIFEST_BLOB_UNKNOWN")
      for blob in [image.layer, image.config] {
        let digest = try registry.push(blob: blob, to: "team/app")
        #expect(try registry.ask("GET", "/v2/team/app/blobs/\(digest)").body == blob, "before its manifest")
      }
      #expect(try store.must("images", "-q").out.isEmpty)
      let done = try registry.ask("PUT", "/v2/team/app/manifests/1", put, image.manifest)
      #expect(done.status == 201 && done.headers.first("Docker-Content-Digest") == image.digest.description)
      #expect(try store.must("images", "--format", "{{.Repository}}:{{.Tag}}").out == "localhost/team/app:1")
      for key in ["1", image.digest.description] {
        let head = try registry.ask("HEAD", "/v2/team/app/manifests/\(key)")
        #expect(head.status == 200 && head.headers.first("Content-Length") == "\(image.manifest.count)")
        let got = try registry.ask("GET", "/v2/team/app/manifests/\(key)")
        #expect(got.body == image.manifest && got.headers.first("Content-Type") == TinyImage.type)
      }
      try checkBlob(registry, image)
      #expect(try registry.ask("GET", "/v2/_catalog").text == #"{"repositories":["team/app"]}"#)
      #expect(try registry.ask("DELETE", "/v2/team/app/manifests/1").status == 202)
      #expect(try registry.ask("GET", "/v2/team/app/manifests/1").status == 404)
      #expect(try registry.ask("DELETE", "/v2/team/app/manifests/1").status == 404)
      registry.process.signal(2)
      #expect(registry.process.wait(timeout: 60).status == 0)
      try expectClean(store)
    }
  }

  private func checkBlob(_ registry: ServedRegistry, _ image: TinyImage) throws {
    let blob = "/v2/team/app/blobs/\(SHA256Stream.digest(image.layer))"
    let head = try registry.ask("HEAD", blob)
    #expect(head.status == 200 && head.headers.first("Content-Length") == "\(image.layer.count)")
    let part = try registry.ask("GET", blob, [("Range", "bytes=100-")])
    #expect(part.status == 206 && part.body == Array(image.layer[100...]))
    #expect(part.headers.first("Content-Range") == "bytes 100-\(image.layer.count - 1)/\(image.layer.count)")
    #expect(try registry.ask("GET", blob, [("Range", "bytes=999999-")]).status == 416)
    let needed = try registry.ask("DELETE", blob)
    #expect(needed.status == 405 && code(needed) == "UNSUPPORTED", "an image needs it")
    let missing = try registry.ask("GET", "/v2/team/app/blobs/sha256:" + String(repeating: "0", count: 64))
    #expect(missing.status == 404 && code(missing) == "BLOB_UNKNOWN")
    let mounted = try registry.ask(
      "POST", "/v2/other/blobs/uploads/?mount=\(SHA256Stream.digest(image.layer))&from=team/app")
    #expect(mounted.status == 201)
  }

  @Test func `a blob comes in pieces, over several connections, or is given up`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      let digest = SHA256Stream.digest(bytes)
      let begun = try registry.ask("POST", "/v2/a/blobs/uploads/")
      let location = begun.headers.first("Location") ?? ""
      let first = try registry.ask("PATCH", location, [("Content-Range", "0-39999")], Array(bytes[..<40_000]))
      #expect(first.status == 202 && first.headers.first("Range") == "0-39999")
      let wrong = try registry.ask("PATCH", location, [("Content-Range", "50000-59999")], Array(bytes[..<10_000]))
      #expect(wrong.status == 416 && wrong.headers.first("Range") == "0-39999")
      // Another connection is another process: it goes on all the same.
      let status = try registry.ask("GET", location, [("Connection", "close")])
      #expect(status.status == 204 && status.headers.first("Range") == "0-39999")
      let second = try registry.ask(
        "PATCH", location, [("Content-Range", "40000-89999")], Array(bytes[40_000..<90_000]))
      #expect(second.status == 202)
      let done = try registry.ask("PUT", location + "?digest=\(digest)", [], Array(bytes[90_000...]))
      #expect(done.status == 201)
      #expect(try registry.ask("GET", "/v2/a/blobs/\(digest)").body == bytes)
      #expect(try registry.ask("GET", location).status == 404)

      let single = try registry.ask("POST", "/v2/a/blobs/uploads/?digest=\(SHA256Stream.digest([1]))", [], [1])
      #expect(single.status == 201)
      let bad = try registry.ask("POST", "/v2/a/blobs/uploads/?digest=\(digest)", [], [1, 2])
      #expect(bad.status == 400 && code(bad) == "DIGEST_INVALID")
      let given = try registry.ask("POST", "/v2/a/blobs/uploads/").headers.first("Location") ?? ""
      #expect(try registry.ask("DELETE", given).status == 204)
      let gone = try registry.ask("PATCH", given, [], [1])
      #expect(gone.status == 404 && code(gone) == "BLOB_UPLOAD_UNKNOWN")
      for id in ["x", "../x", String(repeating: "a", count: 64)] {
        #expect(try registry.ask("PUT", "/v2/a/blobs/uploads/\(id)?digest=\(digest)", [], []).status >= 400)
      }
    }
  }

  @Test func `lists come in pages and in order`() throws {
    try withStore { store in
      try store.loadBusybox()
      for tag in ["b", "a", "C", "10", "9"] { try store.must("tag", "busybox", "localhost/lists:\(tag)") }
      let registry = try ServedRegistry(store, "--read-only")
      #expect(
        try registry.ask("GET", "/v2/lists/tags/list").text
          == #"{"name":"lists","tags":["10","9","C","a","b"]}"#)
      let page = try registry.ask("GET", "/v2/lists/tags/list?n=2&last=10")
      #expect(page.text == #"{"name":"lists","tags":["9","C"]}"#)
      #expect(page.headers.first("Link") == #"</v2/lists/tags/list?n=2&last=C>; rel="next""#)
      #expect(try registry.ask("GET", "/v2/lists/tags/list?n=9").headers.first("Link") == nil)
      #expect(try registry.ask("GET", "/v2/lists/tags/list?n=-1").status == 400)
      #expect(try registry.ask("GET", "/v2/_catalog").text == #"{"repositories":["busybox","lists"]}"#)
      for (method, path) in [
        ("POST", "/v2/a/blobs/uploads/"), ("PUT", "/v2/lists/manifests/x"), ("DELETE", "/v2/lists/manifests/a"),
      ] {
        let answer = try registry.ask(method, path)
        #expect(answer.status == 405 && code(answer) == "UNSUPPORTED")
      }
    }
  }

  @Test func `what lies about itself is not stored`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let image = TinyImage("hello")
      for blob in [image.layer, image.config] { try registry.push(blob: blob, to: "a") }
      let put = [("Content-Type", TinyImage.type)]
      let text = String(decoding: image.manifest, as: UTF8.self)
      let lies: [(String, [(String, String)], String)] = [
        ("x", [("Content-Type", "application/vnd.oci.image.index.v1+json")], text),
        ("x", put, text.replacing(#""size":\#(image.layer.count)"#, with: #""size":1"#)),
        ("sha256:" + String(repeating: "0", count: 64), put, text), ("x", put, "{}"), ("x", put, "[" + text),
        ("x", put, String(repeating: "[", count: 100_000)),
      ]
      for (key, headers, body) in lies {
        let answer = try registry.ask("PUT", "/v2/a/manifests/\(key)", headers, Array(body.utf8))
        #expect((400..<500).contains(answer.status) && !code(answer).isEmpty, "\(body.prefix(60)): \(answer.text)")
      }
      let large = try registry.ask("PUT", "/v2/a/manifests/x", put, [UInt8](repeating: 0x20, count: 5 << 20))
      #expect(large.status == 413)
      #expect(try store.must("images", "-aq").out.isEmpty)
      #expect(try registry.ask("PUT", "/v2/a/manifests/x", put, image.manifest).status == 201, "the truth still is")
    }
  }

  @Test func `an artifact and its subject find each other`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let image = TinyImage("hello")
      for blob in [image.layer, image.config, Array("{}".utf8), Array("signature".utf8)] {
        try registry.push(blob: blob, to: "a")
      }
      let put = [("Content-Type", TinyImage.type)]
      #expect(try registry.ask("PUT", "/v2/a/manifests/1", put, image.manifest).status == 201)
      let artifact = Array(
        (#"{"schemaVersion":2,"mediaType":"\#(TinyImage.type)","artifactType":"application/x.signature","config":"#
          + #"{"mediaType":"application/vnd.oci.empty.v1+json","digest":"\#(SHA256Stream.digest(Array("{}".utf8)))","#
          + #""size":2},"layers":[{"mediaType":"text/plain","digest":"\#(SHA256Stream.digest(Array("signature".utf8)))","#
          + #""size":9}],"subject":{"mediaType":"\#(TinyImage.type)","digest":"\#(image.digest)","#
          + #""size":\#(image.manifest.count)}}"#).utf8)
      let digest = SHA256Stream.digest(artifact)
      let done = try registry.ask("PUT", "/v2/a/manifests/\(digest)", put, artifact)
      #expect(done.status == 201 && done.headers.first("OCI-Subject") == image.digest.description)
      let list = try registry.ask("GET", "/v2/a/referrers/\(image.digest)")
      #expect(list.headers.first("Content-Type") == "application/vnd.oci.image.index.v1+json")
      #expect(
        list.text.contains("\(digest)") && list.text.contains(#""artifactType":"application\/x.signature""#)
          || list.text.contains(#""artifactType":"application/x.signature""#))
      #expect(
        try registry.ask("GET", "/v2/a/referrers/\(image.digest)?artifactType=other").text.contains("\(digest)")
          == false)
      #expect(try registry.ask("GET", "/v2/a/manifests/\(digest)").body == artifact)
      try store.must("images", "-a")
      try store.must("system", "check")
      #expect(try registry.ask("DELETE", "/v2/a/manifests/\(digest)").status == 202)
      #expect(try registry.ask("GET", "/v2/a/referrers/\(image.digest)").text.contains("\(digest)") == false)
    }
  }

  @Test func `an index gives its platforms one name and comes back as it was`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      var entries: [String] = []
      for architecture in ["amd64", "arm64"] {
        let image = TinyImage("for " + architecture, architecture: architecture)
        for blob in [image.layer, image.config] { try registry.push(blob: blob, to: "multi") }
        let put = [("Content-Type", TinyImage.type)]
        #expect(try registry.ask("PUT", "/v2/multi/manifests/\(image.digest)", put, image.manifest).status == 201)
        entries.append(
          #"{"mediaType":"\#(TinyImage.type)","digest":"\#(image.digest)","size":\#(image.manifest.count),"#
            + #""platform":{"architecture":"\#(architecture)","os":"linux"}}"#)
      }
      let type = "application/vnd.oci.image.index.v1+json"
      let index = Array(
        #"{"schemaVersion":2,"mediaType":"\#(type)","manifests":[\#(entries.joined(separator: ","))]}"#.utf8)
      #expect(try registry.ask("PUT", "/v2/multi/manifests/1", [("Content-Type", type)], index).status == 201)
      for key in ["1", SHA256Stream.digest(index).description] {
        let got = try registry.ask("GET", "/v2/multi/manifests/\(key)")
        #expect(got.body == index && got.headers.first("Content-Type") == type)
      }
      #expect(try store.must("images", "-q", "localhost/multi").lines.count == 2)
      // One image under that tag from now on.
      let image = TinyImage("alone")
      for blob in [image.layer, image.config] { try registry.push(blob: blob, to: "multi") }
      #expect(
        try registry.ask("PUT", "/v2/multi/manifests/1", [("Content-Type", TinyImage.type)], image.manifest).status
          == 201)
      #expect(try registry.ask("GET", "/v2/multi/manifests/1").body == image.manifest)
    }
  }

  @Test(.requires(.program("skopeo")), .requires(.busybox))
  func `skopeo pushes and pulls, and what it pushed runs at once`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let archive = try ImageFixture.busybox()
      let name = "docker://\(registry.authority)/team/busybox:1"
      for format in ["v2s2", "oci"] {
        try mustRun([
          "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--format", format, "docker-archive:\(archive)", name,
        ])
        let outcome = try store.must("run", "--rm", "--network", "none", "team/busybox:1", "echo", "here")
        #expect(outcome.out == "here")
        let copy = try store.folder("copy-" + format, mode: 0o777)
        try mustRun(["skopeo", "copy", "--quiet", "--src-tls-verify=false", name, "dir:\(copy)"])
        #expect(exists(copy + "/manifest.json"))
      }
      let tags = try mustRun([
        "skopeo", "list-tags", "--tls-verify=false", "docker://\(registry.authority)/team/busybox",
      ])
      #expect(tags.out.contains("\"1\""))
      try mustRun(["skopeo", "delete", "--tls-verify=false", name])
      #expect(try registry.ask("GET", "/v2/team/busybox/manifests/1").status == 404)
    }
  }

  @Test(.requires(.program("podman")), .requires(.busybox))
  func `podman pushes and pulls`() throws {
    try withStore { store in
      let registry = try ServedRegistry(store)
      let podman = try PodmanStore(store)
      try podman.must("load", "-q", "-i", try ImageFixture.busybox())
      let name = "\(registry.authority)/pushed/busybox:2"
      try podman.must("push", "-q", "--tls-verify=false", "busybox", name)
      #expect(try store.must("run", "--rm", "--network", "none", "pushed/busybox:2", "echo", "ran").out == "ran")
      try podman.must("pull", "-q", "--tls-verify=false", name)
    }
  }

  @Test func `killed while it publishes, nothing half-made is left`() throws {
    for point in ["registry.upload.written", "registry.manifest.staged", "registry.manifest.published"] {
      try withStore { store in
        let image = TinyImage("hello")
        let put = [("Content-Type", TinyImage.type)]
        do {
          // The process of a connection dies; the server and its other clients live on.
          let registry = try ServedRegistry(store, faults: [.kill(point)])
          let outcome = Result {
            for blob in [image.layer, image.config] { try registry.push(blob: blob, to: "a") }
            _ = try registry.ask("PUT", "/v2/a/manifests/1", put, image.manifest)
          }
          if case .success = outcome { Issue.record("\(point) is not passed") }
          #expect(try registry.ask("GET", "/v2/").status == 200)
          registry.process.signal(9)
          _ = registry.process.wait(timeout: 60)
        }
        #expect(try store.must("images", "-q").out.isEmpty)
        let registry = try ServedRegistry(store)
        for blob in [image.layer, image.config] { try registry.push(blob: blob, to: "a") }
        #expect(try registry.ask("PUT", "/v2/a/manifests/1", put, image.manifest).status == 201)
        registry.process.signal(15)
        #expect(registry.process.wait(timeout: 60).status == 0)
        try expectClean(store)
      }
    }
  }
}
