/// A media type of the image formats (OCI image spec 1.1 media-types.md; docker's image manifest v2 schema 2).
package struct MediaType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  package let rawValue: String

  package init(rawValue: String) { self.rawValue = rawValue }

  /// A type as an HTTP header has it: parameters are dropped, letters lowered.
  package init(header: String) {
    let essence = header.prefix { $0 != ";" }
    self.rawValue = String(essence).lowercased().filter { $0 != " " && $0 != "\t" }
  }

  package var description: String { rawValue }

  package static let ociIndex = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
  package static let ociManifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
  package static let ociConfig = MediaType(rawValue: "application/vnd.oci.image.config.v1+json")
  package static let ociLayer = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar")
  package static let ociLayerGzip = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+gzip")
  package static let ociLayerZstd = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+zstd")
  /// The config of an artifact that has none.
  package static let empty = MediaType(rawValue: "application/vnd.oci.empty.v1+json")

  package static let dockerManifestList = MediaType(
    rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")
  package static let dockerManifest = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v2+json")
  package static let dockerConfig = MediaType(rawValue: "application/vnd.docker.container.image.v1+json")
  package static let dockerLayer = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar")
  package static let dockerLayerGzip = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.gzip")
  package static let dockerLayerZstd = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.zstd")

  package static let dockerSchema1 = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v1+json")
  package static let dockerSchema1Signed = MediaType(
    rawValue: "application/vnd.docker.distribution.manifest.v1+prettyjws")

  /// What a document of this type is.
  /// A layer that registries are not to have ("foreign").
  package var isNotDistributed: Bool {
    rawValue.hasPrefix("application/vnd.oci.image.layer.nondistributable.")
      || rawValue.hasPrefix("application/vnd.docker.image.rootfs.foreign.")
  }

  package enum Kind: Sendable {
    case index, manifest, config, layer, schema1, other
  }

  package var kind: Kind {
    switch self {
    case .ociIndex, .dockerManifestList: .index
    case .ociManifest, .dockerManifest: .manifest
    case .ociConfig, .dockerConfig: .config
    case .dockerSchema1, .dockerSchema1Signed: .schema1
    default: isLayer ? .layer : .other
    }
  }

  /// True for a tar of a file system layer in any compression, also one that is not to be distributed ("foreign").
  private var isLayer: Bool {
    rawValue.hasPrefix("application/vnd.oci.image.layer.v1.tar")
      || rawValue.hasPrefix("application/vnd.oci.image.layer.nondistributable.v1.tar")
      || rawValue.hasPrefix("application/vnd.docker.image.rootfs.diff.tar")
      || rawValue.hasPrefix("application/vnd.docker.image.rootfs.foreign.diff.tar")
  }
}
