import Basics
import OCI
import Testing

private let hex = String(repeating: "0123456789abcdef", count: 4)

private func descriptor(_ type: MediaType, platform: JSON? = nil, annotations: JSON? = nil) -> JSON {
  var json: JSON = ["mediaType": .string(type.rawValue), "digest": .string("sha256:" + hex), "size": 7]
  if case .object(var object) = json {
    object["platform"] = platform
    object["annotations"] = annotations
    json = .object(object)
  }
  return json
}

private func manifest(_ changes: (inout JSONObject) -> Void = { _ in }) -> [UInt8] {
  var object = JSONObject([
    ("schemaVersion", 2), ("mediaType", .string(MediaType.ociManifest.rawValue)),
    ("config", descriptor(.ociConfig)), ("layers", .array([descriptor(.ociLayerGzip)])),
  ])
  changes(&object)
  return JSON.object(object).bytes()
}

private func index(_ entries: [JSON]) -> [UInt8] {
  let json: JSON = [
    "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex.rawValue), "manifests": .array(entries),
  ]
  return json.bytes()
}

private let ambiguous: [(name: String, bytes: [UInt8], declared: MediaType?)] = [
  ("both kinds", manifest { $0["manifests"] = [] }, nil),
  ("field is not the header", manifest(), .dockerManifest),
  ("header says index", manifest(), .ociIndex),
  ("an index without its field, declared a manifest", index([]), .ociManifest),
  ("schema 1", #"{"schemaVersion":1,"fsLayers":[]}"#.utf8.map { $0 }, nil),
  ("schema 1 by header", manifest { $0["mediaType"] = nil }, .dockerSchema1Signed),
  ("unknown type", manifest { $0["mediaType"] = "text/html" }, nil),
  ("config declared as manifest", manifest { $0["mediaType"] = .string(MediaType.ociConfig.rawValue) }, nil),
  ("no version", manifest { $0["schemaVersion"] = nil }, nil),
  ("no config", manifest { $0["config"] = nil }, nil),
  (
    "negative size", manifest { $0["config"] = ["mediaType": "x", "digest": .string("sha256:\(hex)"), "size": -1] }, nil
  ),
  ("path as digest", manifest { $0["config"] = ["mediaType": "x", "digest": "sha256:../../x", "size": 1] }, nil),
  ("layers no array", manifest { $0["layers"] = "x" }, nil),
  ("501 layers", manifest { $0["layers"] = .array(Array(repeating: descriptor(.ociLayer), count: 501)) }, nil),
  ("array", Array("[]".utf8), nil), ("empty", [], nil),
]

@Suite struct ManifestTests {
  @Test func `a manifest is read and written back`() throws {
    guard case .manifest(let value) = try ManifestDocument(parsing: manifest(), declared: .ociManifest) else {
      Issue.record("not a manifest")
      return
    }
    #expect(value.config.mediaType == .ociConfig)
    #expect(value.layers.count == 1)
    #expect(value.layers[0].size == 7)
    #expect(try ManifestDocument(parsing: value.json.bytes(), declared: nil) == .manifest(value))
  }

  @Test func `the type may come from the declaration or the shape alone`() throws {
    let bare = manifest { $0["mediaType"] = nil }
    guard case .manifest(let docker) = try ManifestDocument(parsing: bare, declared: .dockerManifest),
      case .manifest(let guessed) = try ManifestDocument(parsing: bare, declared: nil)
    else {
      Issue.record("not a manifest")
      return
    }
    #expect(docker.mediaType == .dockerManifest)
    #expect(guessed.mediaType == .ociManifest)
  }

  /// SECURITY B2.
  @Test(arguments: ambiguous)
  func `an ambiguous or broken document is refused`(name: String, bytes: [UInt8], declared: MediaType?) {
    #expect(throws: OCIFormatError.self, "\(name)") { try ManifestDocument(parsing: bytes, declared: declared) }
  }

  /// SECURITY B7.
  @Test func `a document beyond the limit is refused before it is parsed`() throws {
    let bytes = [UInt8](repeating: UInt8(ascii: "["), count: OCILimits.documentBytes + 1)
    let error = try #require(throws: OCIFormatError.self) { try ManifestDocument(parsing: bytes, declared: nil) }
    #expect(error.kind == .limitReached)
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
    #expect(throws: OCIFormatError.self) { try ManifestDocument(parsing: deep, declared: nil) }
  }

  @Test func `an index gives the platform's manifest and never an attestation`() throws {
    let bytes = index([
      descriptor(.ociManifest, platform: ["os": "unknown", "architecture": "unknown"]),
      descriptor(.ociManifest, annotations: ["vnd.docker.reference.type": "attestation-manifest"]),
      descriptor(.ociManifest, platform: ["os": "linux", "architecture": "arm", "variant": "v6"]),
      descriptor(.ociManifest, platform: ["os": "linux", "architecture": "arm", "variant": "v7"]),
      descriptor(.ociManifest, platform: ["os": "linux", "architecture": "amd64"]),
    ])
    guard case .index(let value) = try ManifestDocument(parsing: bytes, declared: .ociIndex) else {
      Issue.record("not an index")
      return
    }
    #expect(value.manifest(for: try Platform(parsing: "linux/amd64"))?.platform?.architecture == "amd64")
    #expect(value.manifest(for: try Platform(parsing: "linux/arm/v7"))?.platform?.variant == "v7")
    #expect(value.manifest(for: try Platform(parsing: "linux/arm/v6"))?.platform?.variant == "v6")
    #expect(value.manifest(for: try Platform(parsing: "linux/arm/v5")) == nil)
    #expect(value.manifest(for: try Platform(parsing: "linux/s390x")) == nil)
    #expect(value.platforms.count == 3)
  }

  @Test func `a sole entry without a platform is taken`() throws {
    guard
      case .index(let value) = try ManifestDocument(parsing: index([descriptor(.ociManifest)]), declared: nil)
    else {
      Issue.record("not an index")
      return
    }
    #expect(value.manifest(for: .host) != nil)
  }

  @Test func `an artifact says what it is`() throws {
    let bytes = manifest { $0["config"] = descriptor(.empty) }
    guard case .manifest(let value) = try ManifestDocument(parsing: bytes, declared: nil) else {
      Issue.record("not a manifest")
      return
    }
    #expect(value.artifactKind == MediaType.empty.rawValue)
  }
}
