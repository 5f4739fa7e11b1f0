/// What the caller's flags say about talking to registries; nil means that the files decide.
package struct RegistryAccess: Equatable, Sendable {
  /// `--tls-verify`.
  package var verifiesTLS: Bool?
  /// `--cert-dir`.
  package var certificateDirectory: String?
  /// `--authfile`.
  package var authFile: String?
  /// `--creds`, for the registry that is named and no mirror of it.
  package var user: String?
  package var password: String?
  /// `--retry`: attempts after the first one.
  package var retries: Int?
  /// `--retry-delay`, in milliseconds.
  package var retryPause: Int64?

  package init() {}
}

/// What `push` sends, and how.
package struct PushRequest: Sendable {
  /// The image as typed.
  package var image: String
  /// Where it goes when that is another name than the image's (podman's second operand).
  package var destination: String?
  /// Every tag of the repository.
  package var allTags = false
  package var platform: String?
  package var access = RegistryAccess()
  /// `--compression-format`; nil leaves compressed layers as they are, and compresses the others with gzip.
  package var compression: LayerCompression?
  package var compressionLevel: Int?
  /// Also layers that are compressed otherwise already.
  package var forcesCompression = false
  /// `--format`; nil leaves the manifest's types as they are.
  package var manifestFormat: ManifestFormat?
  /// Also what refers to the image: signatures, bills of materials.
  package var withReferrers = false

  package init(image: String) { self.image = image }
}

/// How layers are compressed on their way to a registry.
package enum LayerCompression: String, Sendable, CaseIterable { case gzip, zstd }

/// The two families of media types a manifest can have.
package enum ManifestFormat: String, Sendable { case oci, docker }

/// A manifest that a registry has by a tag now.
package struct PushedImage: Equatable, Sendable {
  /// The normalized name.
  package var name: String
  package var tag: String
  /// `sha256:…` of what was stored under the tag: a manifest, or an index with all its platforms.
  package var digest: String
  /// Bytes of that document.
  package var size: Int64
  /// What the person should know, a sentence each.
  package var notes: [String] = []
}
