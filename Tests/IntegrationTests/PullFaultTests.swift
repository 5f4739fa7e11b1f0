import Basics
import Glibc
import OCI
import TestSupport
import Testing

/// Pulls that are cut short, broken or lied to: nothing new is in the store afterwards, or exactly the whole image
/// (SECURITY B1, B2, B9, B10, C12, F1).
@Suite(.serialized, .runsContainers, .requires(.registry, .program("curl")))
struct PullFaultTests {
  private func image(_ extra: Int = 100_000) throws -> SampleImage {
    try SampleImage([SampleImage.busybox(), SampleImage.archive("a", extra), SampleImage.archive("b", extra, seed: 2)])
  }

  /// What a store holds beside what a download may leave for the next one.
  private func holdings(_ store: Store) throws -> Set<String> {
    Set(try store.holdings().filter { !$0.hasPrefix("downloads") }).subtracting(["blobs/sha256", "blobs/sha512"])
  }

  @Test func `killed at any point, the next pull brings the image`() throws {
    let registry = try RegistryFixture()
    try registry.put(image(), in: "app", tag: "1")
    let name = "\(registry.authority)/app:1"
    let points = try withStore { try $0.faultPointsPassed(by: ["pull", "-q", name]) }
    #expect(points.contains { $0.name == "pull.blob.received" })
    #expect(points.contains { $0.name == "pull.layer.done" })
    for point in points {
      for passage in 1...min(point.count, 2) {
        try withStore { store in
          try store.loadBusybox()
          let what = "pull killed at \(point.name)#\(passage)"
          let killed = try store.dhow(["pull", "-q", name], faults: [.kill(point.name, passage: passage)], timeout: 60)
          #expect(!killed.timedOut, "\(what): \(killed)")
          #expect(store.processes() == [], "\(what): workers live on")
          let images = try store.must("images", "-q", name).lines
          // Named, it is whole.
          if !images.isEmpty { try store.must("run", "--rm", "--network", "none", name, "ls", "/a", "/b") }
          try store.must("pull", "-q", name)
          #expect(
            try store.must("run", "--rm", "--network", "none", name, "ls", "/a", "/b").lines == ["/a", "/b"], "\(what)")
          try store.expectWorking(what)
          // An area whose maker died before it could lock it is swept when it is old.
          if point.name != "store.staging.made" { #expect(try store.paths(below: "/staging") == [], "\(what)") }
        }
      }
    }
  }

  @Test(arguments: ["enospc", "eio"])
  func `a write that fails at any point leaves no image and no blob`(fault: String) throws {
    let registry = try RegistryFixture()
    try registry.put(image(1000), in: "app", tag: "1")
    let name = "\(registry.authority)/app:1"
    let points = try withStore { try $0.faultPointsPassed(by: ["pull", "-q", name]) }
    for point in points {
      try withStore { store in
        try store.loadBusybox()
        let rule: Fault = fault == "eio" ? .inputOutputError(point.name) : .noSpace(point.name)
        let outcome = try store.dhow(["pull", "-q", name], faults: [rule])
        if outcome.status != 0 {
          #expect([1, 125].contains(outcome.status), "\(point.name): \(outcome)")
          #expect(outcome.err.split(separator: "\n").first?.hasPrefix("dhow: ") == true, "\(point.name): \(outcome)")
        }
        try store.must("pull", "-q", name)
        try store.expectWorking("\(fault) at \(point.name)")
      }
    }
  }

  @Test func `a pull that was killed goes on where it ended`() throws {
    let registry = try RegistryFixture()
    let image = try SampleImage([SampleImage.archive("big", 8 << 20)], compression: nil)
    let layer = image.layers[0]
    try registry.put(image, in: "app", tag: "1")
    try withStore { store in
      let name = "\(registry.authority)/app:1"
      let killed = try store.dhow(["pull", "-q", name], faults: [.kill("pull.blob.received", passage: 30)])
      #expect(killed.status != 0)
      let partial = "\(store.root)/downloads/sha256-\(layer.digest.hex)"
      let kept = try readBytes(partial).count
      #expect(kept > 0 && kept < layer.bytes.count)
      let seen = try registry.requests().count
      try store.must("pull", "-q", name)
      #expect(try registry.requests().dropFirst(seen).contains("GET /v2/app/blobs/\(layer.digest) 206"))
      #expect(!exists(partial))
      #expect(try store.must("system", "check").out.contains("in order"))
    }
  }

  @Test func `bytes that an earlier download left wrong are fetched again`() throws {
    let registry = try RegistryFixture()
    let image = try SampleImage([SampleImage.archive("big", 1 << 20)])
    try registry.put(image, in: "app", tag: "1")
    try withStore { store in
      let name = "\(registry.authority)/app:1"
      try store.must("images")
      try store.loadBusybox()
      let killed = try store.dhow(["pull", "-q", name], faults: [.kill("pull.blob.received", passage: 2)])
      #expect(killed.status != 0)
      let partial = "\(store.root)/downloads/sha256-\(image.layers[0].digest.hex)"
      var bytes = try readBytes(partial)
      bytes[bytes.count / 2] ^= 1
      try write(bytes, to: partial, mode: 0o600)
      if let account = store.identity.account { try giveAway(partial, to: account) }
      try store.must("pull", "-q", name)
      #expect(try store.must("system", "check").out.contains("in order"))
    }
  }

  @Test func `two pulls at once share one download`() throws {
    let registry = try RegistryFixture()
    let image = try SampleImage([SampleImage.archive("small", 2000)])
    try registry.put(image, in: "app", tag: "1")
    let blob = "GET /v2/app/blobs/\(image.layers[0].digest) 200"
    let name = "\(registry.authority)/app:1"
    try withStore { store in
      let pause = try store.pausePoint("pull.layer.unpacked")
      let first = try store.start(["pull", name], faults: [.pause(pause)])
      #expect(pause.isReached())
      let second = try store.start(["pull", name])
      #expect(second.waitForOutput("Pulling fs layer"))
      usleep(300_000)
      #expect(try registry.requests().count { $0 == blob } == 1)
      pause.release()
      #expect(first.wait().succeeded)
      let outcome = second.wait()
      #expect(outcome.succeeded, "\(outcome)")
      #expect(try registry.requests().count { $0 == blob } == 1)
      #expect(try store.must("images", "-q").lines.count == 1)
      #expect(try store.must("system", "check").out.contains("in order"))
    }
    // The one that fetches dies: the other goes on with it.
    try withStore { store in
      let pause = try store.pausePoint("pull.layer.unpacked")
      let first = try store.start(["pull", name], faults: [.pause(pause)])
      #expect(pause.isReached())
      let second = try store.start(["pull", name])
      #expect(second.waitForOutput("Pulling fs layer"))
      first.signal(SIGKILL)
      _ = first.wait()
      let outcome = second.wait()
      #expect(outcome.succeeded, "\(outcome)")
      #expect(try store.must("system", "check").out.contains("in order"))
    }
  }

  @Test func `of two pulls at once each layer is fetched by one of them`() throws {
    let registry = try RegistryFixture()
    let image = try SampleImage((1...5).map { SampleImage.archive("f\($0)", 300_000, seed: $0) })
    try registry.put(image, in: "app", tag: "1")
    let name = "\(registry.authority)/app:1"
    try withStore { store in
      try store.must("images")
      let pulls = try (0..<2).map { _ in try store.start(["pull", "-q", name]) }
      for pull in pulls {
        let outcome = pull.wait()
        #expect(outcome.succeeded, "\(outcome)")
      }
      let requests = try registry.requests()
      for layer in image.layers {
        #expect(requests.count { $0 == "GET /v2/app/blobs/\(layer.digest) 200" } == 1, "\(layer.digest)")
      }
      #expect(try store.must("system", "check").out.contains("in order"))
    }
  }

  @Test func `what was published for an image that never came goes with the next prune`() throws {
    let registry = try RegistryFixture()
    try registry.put(image(1000), in: "app", tag: "1")
    let name = "\(registry.authority)/app:1"
    try withStore { store in
      try store.must("images")
      let before = try holdings(store)
      let killed = try store.dhow(["pull", "-q", name], faults: [.kill("pull.content.published")])
      #expect(killed.status != 0)
      #expect(try store.paths(below: "/blobs/sha256").count > 3, "published, and no image has it")
      #expect(try store.must("images", "-aq").out.isEmpty)
      try store.must("image", "prune", "-f")
      #expect(try holdings(store) == before)
      #expect(try store.must("system", "check").out.contains("in order"))
    }
  }

  /// SECURITY B9: gigabytes of zeros in a file of some hundred kilobytes.
  @Test(.requires(.program("zstd")))
  func `a layer that swells without end is given up`() throws {
    var tar = TarBuilder()
    tar.file("small", "x")
    let script = "{ cat; head -c 3221225472 /dev/zero; } | zstd -q -1 -c"
    let bomb = SampleImage.blob(try mustRun(["sh", "-c", script], input: tar.ended).stdout, .ociLayerZstd)
    var image = try SampleImage([tar.ended])
    image.layers = [bomb]
    image.manifest = SampleImage.blob(
      ImageManifest(config: image.config.descriptor, layers: [bomb.descriptor]).json.bytes(), .ociManifest)
    let double = try RegistryDouble(routes: RegistryDouble.routes(image, in: "app", tag: "1"))
    try withStore { store in
      try store.must("images")
      let before = try holdings(store)
      let outcome = try store.dhow(["pull", "-q", "\(double.authority)/app:1"], timeout: 120)
      #expect(outcome.status == 1 && outcome.err.contains("layer"), "\(outcome)")
      #expect(try holdings(store) == before)
      #expect(names(in: store.root + "/downloads").isEmpty)
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a pull that is interrupted cleans up and keeps what it has fetched`(signal: Int32) throws {
    let registry = try RegistryFixture()
    let image = try SampleImage([SampleImage.archive("big", 1 << 20)])
    try registry.put(image, in: "app", tag: "1")
    try withStore { store in
      try store.loadBusybox()
      let before = try holdings(store)
      let name = "\(registry.authority)/app:1"
      let pause = try store.pausePoint("pull.blob.received")
      let pull = try store.start(["pull", name], faults: [.pause(pause)])
      #expect(pause.isReached())
      pull.signal(signal)
      let outcome = pull.wait(timeout: 60)
      #expect(outcome.signal == signal, "\(outcome)")
      #expect(store.processes() == [])
      #expect(try holdings(store) == before)
      #expect(names(in: store.root + "/downloads").count == 1)
      try store.must("pull", "-q", name)
      try store.expectWorking("a pull was interrupted")
    }
  }

  // A registry that lies.

  /// One lie, what the error must name, and what the image is.
  struct Lie: CustomTestStringConvertible, Sendable {
    let name: String
    let words: [String]
    let routes: @Sendable () throws -> [JSON]
    var testDescription: String { name }
  }

  private static func routes(_ image: SampleImage, replacing: [Digest: [UInt8]] = [:]) -> [JSON] {
    RegistryDouble.routes(image, in: "app", tag: "1", replacing: replacing)
  }

  private static let two = [SampleImage.archive("a", 5000), SampleImage.archive("b", 5000, seed: 2)]

  static let lies: [Lie] = [
    Lie(name: "a layer with other bytes of the same length", words: ["has the digest"]) {
      let image = try SampleImage(two)
      var bytes = image.layers[1].bytes
      bytes[bytes.count / 2] ^= 1
      return routes(image, replacing: [image.layers[1].digest: bytes])
    },
    Lie(name: "a layer that is another one", words: ["\(SampleImage.blob(two[1], .ociLayer).digest)"]) {
      let image = try SampleImage(two, compression: nil)
      return routes(image, replacing: [image.layers[1].digest: image.layers[0].bytes])
    },
    Lie(name: "a layer cut short", words: ["bytes"]) {
      let image = try SampleImage(two)
      return routes(image, replacing: [image.layers[1].digest: Array(image.layers[1].bytes.dropLast(100))])
    },
    Lie(name: "a layer with bytes behind it", words: ["bytes"]) {
      let image = try SampleImage(two)
      return routes(image, replacing: [image.layers[1].digest: image.layers[1].bytes + [0]])
    },
    Lie(name: "swapped diff ids", words: ["unpacks to"]) {
      routes(try SampleImage(two, diffIDs: [SHA256Stream.digest(two[1]), SHA256Stream.digest(two[0])]))
    },
    Lie(name: "too few diff ids", words: ["diff_ids", "2 layers"]) {
      routes(try SampleImage(two, diffIDs: [SHA256Stream.digest(two[0])]))
    },
    Lie(name: "one blob for two layers", words: ["two different layers"]) {
      routes(try SampleImage([two[0], two[0]], diffIDs: [SHA256Stream.digest(two[0]), SHA256Stream.digest(two[1])]))
    },
    Lie(name: "another config", words: ["digest"]) {
      let image = try SampleImage(two)
      return routes(image, replacing: [image.config.digest: image.config.bytes.map { $0 == 0x61 ? 0x62 : $0 }])
    },
    Lie(name: "another manifest", words: ["digest"]) {
      let image = try SampleImage(two)
      return routes(image, replacing: [image.manifest.digest: try SampleImage([two[0]]).manifest.bytes])
    },
    Lie(name: "a manifest that is an index as well", words: ["members of an index"]) {
      var image = try SampleImage(two)
      guard case .object(var object) = try JSON(parsing: image.manifest.bytes) else { return [] }
      object["manifests"] = .array([])
      image.manifest = SampleImage.blob(JSON.object(object).bytes(), .ociManifest)
      return routes(image)
    },
    Lie(name: "an index in an index in an index in an index", words: ["nested"]) {
      let image = try SampleImage(two)
      var inner = SampleImage.index([(image, .host)])
      var all = routes(image)
      for _ in 0..<3 {
        all += try manifestRoutes(inner, inner.digest.description)
        var entry = inner.descriptor
        entry.platform = .host
        inner = SampleImage.blob(ImageIndex(manifests: [entry]).json.bytes(), .ociIndex)
      }
      return try manifestRoutes(inner, "1") + manifestRoutes(inner, inner.digest.description) + all
    },
    Lie(name: "an artifact", words: ["not a runnable image", "application/vnd.example"]) {
      var image = try SampleImage(two)
      let manifest = ImageManifest(
        artifactType: "application/vnd.example",
        config: Descriptor(mediaType: .empty, digest: image.config.digest, size: Int64(image.config.bytes.count)),
        layers: image.layers.map(\.descriptor))
      image.manifest = SampleImage.blob(manifest.json.bytes(), .ociManifest)
      return routes(image)
    },
    Lie(name: "a layer with a path out of it", words: ["..", "layer"]) {
      var tar = TarBuilder()
      tar.file("../../escaped", "x")
      return routes(try SampleImage([tar.ended]))
    },
    Lie(name: "a registry that always breaks off", words: ["blob"]) {
      let image = try SampleImage([SampleImage.archive("a", 100_000)])
      return [
        [
          "path": .string("/v2/app/blobs/\(image.layers[0].digest)"), "repeat": "x", "cut": 0,
          "claim": .integer(Int64(image.layers[0].bytes.count)),
        ]
      ] + routes(image)
    },
  ]

  private static func manifestRoutes(_ blob: SampleImage.Blob, _ name: String) throws -> [JSON] {
    [
      [
        "path": .string("/v2/app/manifests/\(name)"),
        "headers": [
          "Content-Type": .string(blob.mediaType.rawValue), "Docker-Content-Digest": .string(blob.digest.description),
        ],
        "text": .string(String(decoding: blob.bytes, as: UTF8.self)),
      ]
    ]
  }

  @Test(arguments: lies)
  func `a registry that lies is found out, and nothing of it stays`(lie: Lie) throws {
    let double = try RegistryDouble(routes: lie.routes())
    try withStore { store in
      try store.loadBusybox()
      let before = try holdings(store)
      let outcome = try store.dhow("pull", "-q", "--retry-delay", "10ms", "\(double.authority)/app:1", timeout: 60)
      #expect(outcome.status == 1 || outcome.status == 125, "\(outcome)")
      for word in lie.words { #expect(outcome.err.contains(word), "\(word): \(outcome)") }
      #expect(try holdings(store) == before)
      if lie.name != "a registry that always breaks off" {
        // Of two layers the one that is right may wait for the next pull.
        #expect(names(in: store.root + "/downloads").count <= 1)
      }
      try store.expectWorking(lie.name)
    }
  }

  /// SECURITY B14: the tag moves between the questions.
  @Test func `a tag that moves while it is pulled gives one image, whole`() throws {
    let image = try SampleImage([SampleImage.busybox()])
    let other = try SampleImage([SampleImage.archive("x", 10)])
    var routes = try Self.manifestRoutes(image.manifest, "1").map { route -> JSON in
      guard case .object(var object) = route else { return route }
      object["times"] = 1
      return .object(object)
    }
    routes += RegistryDouble.routes(other, in: "app", tag: "1") + RegistryDouble.routes(image, in: "app", tag: "never")
    let double = try RegistryDouble(routes: routes)
    try withStore { store in
      #expect(try store.must("pull", "-q", "\(double.authority)/app:1").out == image.config.digest.description)
      // The tag of what refers to the image is another question.
      let asked = try double.requests().filter { $0.path.contains("/manifests/") }.map { "\($0.method) \($0.path)" }
        .filter { !$0.contains("/manifests/sha256-") }
      #expect(asked == ["HEAD /v2/app/manifests/1", "GET /v2/app/manifests/\(image.manifest.digest)"])
    }
  }
}
