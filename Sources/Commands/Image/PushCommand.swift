internal import Basics
internal import ContainerEngine

/// `push`: an image to a registry.
enum PushCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] NAME[:TAG] [DESTINATION]", "Upload an image to a registry", .between(1, 2), completion: .images)

  struct Options: CommandOptions {
    var request = PushRequest(image: "")
    var registry = RegistryFlags()
    var quiet = false
    var digestFile: String?
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all-tags", "a", "Push all tags of an image to the repository") { $0.request.allTags = $1 },
      .text("compression-format", nil, "string", "Compression of layers that are not compressed (\"gzip\", \"zstd\")") {
        $0.request.compression = try compression($1)
      }.defaulting(to: "\"gzip\"").completed(by: .words(["gzip", "zstd"])),
      .integer("compression-level", nil, "int", "Compression level (gzip 1-9, zstd 1-22)") {
        $0.request.compressionLevel = Int(clamping: $1)
      },
      .text("digestfile", nil, "file", "Write the digest of what was pushed to the file") { $0.digestFile = $1 }
        .completed(by: .files),
      .toggle("force-compression", nil, "Compress layers again that are compressed otherwise") {
        $0.request.forcesCompression = $1
      },
      .text("format", "f", "string", "Manifest type (\"oci\", \"v2s2\"; default: as stored)") {
        $0.request.manifestFormat = try format($1)
      }.completed(by: .words(["oci", "v2s2"])),
      .toggle("referrers", nil, "Push signatures, SBOMs and whatever else refers to the image as well") {
        $0.request.withReferrers = $1
      },
      .text("platform", nil, "string", "Push one platform of the image only (e.g., \"linux/amd64\")") {
        $0.request.platform = try platform($1)
      },
      .toggle("quiet", "q", "Suppress verbose output") { $0.quiet = $1 },
      .toggle("disable-content-trust", nil, "Skip image signing") { _, isOff in
        guard isOff else { throw FlagValueError("Notary content trust is at its end of life; sign with cosign") }
      }.defaulting(to: "true").hidden,
      .toggle("remove-signatures", nil, "Leave out signatures, of which none are kept") { _, _ in }.hidden,
    ] + (RegistryFlags.flags + RegistryFlags.retryFlags).map { $0.on(\.registry) }
  }

  static var refusedFlags: [Flag<Options>] {
    ["sign-by", "sign-by-sigstore", "sign-by-sigstore-private-key", "sign-passphrase-file"].map {
      .refused($0, nil, "string", because: "images are not signed by push in this version; cosign signs them")
    }
      + ["encryption-key", "encrypt-layer"].map {
        .refused($0, nil, "string", because: "encrypted layers are not in this version")
      }
  }

  private static func compression(_ text: String) throws -> LayerCompression {
    guard let compression = LayerCompression(rawValue: text) else {
      throw FlagValueError("unknown compression: must be \"gzip\" or \"zstd\"")
    }
    return compression
  }

  /// podman's words for the two families of manifests.
  static func format(_ text: String) throws -> ManifestFormat {
    switch text {
    case "oci": return .oci
    case "v2s2", "docker": return .docker
    case "v2s1":
      throw EngineError(.unsupported, "--format v2s1", "Docker retired manifests of schema version 1 in 2017")
    default: throw FlagValueError("unknown format: must be \"oci\" or \"v2s2\"")
    }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var request = options.request
    request.image = operands[0]
    request.destination = operands.count > 1 ? operands[1] : nil
    request.access = options.registry.access
    if !options.quiet, !request.allTags, !hasTag(request.destination ?? request.image) {
      invocation.output.line("Using default tag: latest")
    }
    let observer = options.quiet ? SilentTransferView() : TransferView.make(invocation.output, .push)
    let pushed = try invocation.engine().pushImage(request, observer: observer)
    for image in pushed { for note in image.notes { invocation.warn(note) } }
    if options.quiet { for image in pushed { invocation.output.line(safeText(image.name)) } }
    if let path = options.digestFile, let last = pushed.last {
      try LocalFile.write(last.digest, to: path, doing: "writing the digest")
    }
    return .success
  }

  /// Whether a name says which image of the repository it means.
  private static func hasTag(_ name: String) -> Bool {
    name.contains("@") || (name.split(separator: "/").last ?? "").contains(":")
  }
}
