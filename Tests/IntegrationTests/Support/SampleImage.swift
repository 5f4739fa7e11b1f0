import Basics
import OCI
import TestSupport

/// An image made in memory, honest or not, to be put into a registry or to be played by a double.
struct SampleImage {
  struct Blob {
    var digest: Digest
    var bytes: [UInt8]
    var mediaType: MediaType
    var descriptor: Descriptor { Descriptor(mediaType: mediaType, digest: digest, size: Int64(bytes.count)) }
  }

  var layers: [Blob] = []
  /// Digests of the tars inside, as the config has them.
  var diffIDs: [Digest] = []
  var config: Blob
  var manifest: Blob
  /// The index that leads to the manifest, if there is one; its other manifests are nowhere.
  var index: Blob?

  /// - Parameters:
  ///   - archives: the layers' tars.
  ///   - diffIDs: what the config says of them, when that is not the truth.
  init(
    _ archives: [[UInt8]], platform: Platform = .host, compression: String? = "gzip", diffIDs: [Digest]? = nil,
    command: [String] = ["sh"]
  ) throws {
    for archive in archives {
      switch compression {
      case nil: layers.append(Self.blob(archive, .ociLayer))
      case "zstd": layers.append(Self.blob(try Self.filter(["zstd", "-qc"], archive), .ociLayerZstd))
      default: layers.append(Self.blob(try Self.filter(["gzip", "-nc"], archive), .ociLayerGzip))
      }
    }
    self.diffIDs = diffIDs ?? archives.map { SHA256Stream.digest($0) }
    var defaults = ContainerDefaults()
    defaults.command = command
    let config = ImageConfig(
      created: Timestamp(seconds: 1_700_000_000), platform: platform, defaults: defaults, diffIDs: self.diffIDs,
      history: [])
    self.config = Self.blob(config.json.bytes(), .ociConfig)
    manifest = Self.blob(
      ImageManifest(config: self.config.descriptor, layers: layers.map(\.descriptor)).json.bytes(), .ociManifest)
  }

  private static func filter(_ command: [String], _ bytes: [UInt8]) throws -> [UInt8] {
    try mustRun(command, input: bytes).stdout
  }

  static func blob(_ bytes: [UInt8], _ type: MediaType) -> Blob {
    Blob(digest: SHA256Stream.digest(bytes), bytes: bytes, mediaType: type)
  }

  /// An index of images, and of what is to pass as an attestation.
  static func index(_ images: [(SampleImage, Platform)], attestation: SampleImage? = nil) -> Blob {
    var entries = images.map { image, platform in
      var entry = image.manifest.descriptor
      entry.platform = platform
      return entry
    }
    if var entry = attestation?.manifest.descriptor {
      entry.platform = Platform(os: "unknown", architecture: "unknown")
      entry.annotations = [("vnd.docker.reference.type", "attestation-manifest")]
      entries.append(entry)
    }
    return blob(ImageIndex(manifests: entries).json.bytes(), .ociIndex)
  }

  /// A tar of one file of that many bytes which no compression makes smaller.
  static func archive(_ name: String, _ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    let content = (0..<count).map { _ -> UInt8 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
    var tar = TarBuilder()
    tar.file(Array(name.utf8), content)
    return tar.ended
  }

  /// The root file system of busybox.
  static func busybox() throws -> [UInt8] { try readBytes(try ImageFixture.busyboxLayer()) }
}

extension RegistryFixture {
  /// Puts a blob and what is in it into a repository, by curl: whoever reads it later is another program.
  func put(_ blob: SampleImage.Blob, in repository: String) throws {
    let script = """
      base="http://\(authority)/v2/\(repository)"
      place=$(curl -fsS -X POST -D - -o /dev/null "$base/blobs/uploads/" | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
      case $place in *\\?*) join='&' ;; *) join='?' ;; esac
      curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary @- "$place${join}digest=\(blob.digest)"
      """
    try mustRun(["sh", "-c", script], input: blob.bytes)
  }

  func put(manifest: SampleImage.Blob, in repository: String, as name: String) throws {
    try mustRun(
      [
        "curl", "-fsS", "-X", "PUT", "-H", "Content-Type: \(manifest.mediaType.rawValue)", "--data-binary", "@-",
        "http://\(authority)/v2/\(repository)/manifests/\(name)",
      ], input: manifest.bytes)
  }

  /// Puts a whole image there; without a tag it is known by its digest.
  func put(_ image: SampleImage, in repository: String, tag: String?) throws {
    for blob in image.layers + [image.config] { try put(blob, in: repository) }
    try put(manifest: image.manifest, in: repository, as: tag ?? image.manifest.digest.description)
  }
}

extension RegistryDouble {
  /// The routes of an image in a repository; `replacing` are blobs whose bytes are others than they should be.
  static func routes(
    _ image: SampleImage, in repository: String, tag: String, replacing: [Digest: [UInt8]] = [:]
  ) -> [JSON] {
    var routes: [JSON] = [["path": "/v2/", "text": "{}"]]
    func manifest(_ blob: SampleImage.Blob, _ name: String) {
      routes.append([
        "path": .string("/v2/\(repository)/manifests/\(name)"),
        "headers": [
          "Content-Type": .string(blob.mediaType.rawValue), "Docker-Content-Digest": .string(blob.digest.description),
        ],
        "text": .string(String(decoding: replacing[blob.digest] ?? blob.bytes, as: UTF8.self)),
      ])
    }
    let top = image.index ?? image.manifest
    manifest(top, tag)
    manifest(top, top.digest.description)
    if image.index != nil { manifest(image.manifest, image.manifest.digest.description) }
    for blob in image.layers + [image.config] {
      routes.append([
        "path": .string("/v2/\(repository)/blobs/\(blob.digest)"), "ranges": true,
        "base64": .string(base64(replacing[blob.digest] ?? blob.bytes)),
      ])
    }
    return routes
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for position in 0..<4 {
        text.append(position <= group.count ? letters[word >> (18 - 6 * position) & 63] : "=")
      }
    }
    return text
  }
}
