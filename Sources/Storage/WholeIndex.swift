package import Basics
package import OCI

/// An index of a registry that is in the store with all it lists: manifests, configs and layers.
package struct WholeIndex: Equatable, Sendable {
  package var descriptor: Descriptor
  /// Its own digest and those of everything it leads to.
  package var blobs: [Digest]

  /// Indexes in indexes.
  package static let depth = 2
}

extension ImageStore {
  /// What an image was pulled as, so that `save` and `push` give back the same; nil when it was no index, or when not all
  /// platforms of it are here.
  package func wholeIndex(of image: StoredImage) throws(EngineError) -> WholeIndex? {
    let blobs = BlobStore(directory)
    for digest in image.digests.compactMap(\.digest) where digest != image.manifest.digest {
      guard let size = try blobs.size(digest), size <= Int64(OCILimits.documentBytes) else { continue }
      let document = try during("reading the index \(digest)") {
        try ManifestDocument(parsing: try blobs.read(digest), declared: nil)
      }
      guard case .index(let index) = document else { continue }
      var found = [digest]
      guard try addContent(of: index, depth: 1, to: &found) else { continue }
      return WholeIndex(descriptor: Descriptor(mediaType: index.mediaType, digest: digest, size: size), blobs: found)
    }
    return nil
  }

  /// - Returns: false when something is not in the store.
  private func addContent(of index: ImageIndex, depth: Int, to found: inout [Digest]) throws(EngineError) -> Bool {
    let blobs = BlobStore(directory)
    guard depth <= WholeIndex.depth else { return false }
    for entry in index.manifests {
      guard try blobs.contains(entry.digest) else { return false }
      found.append(entry.digest)
      let document = try during("reading the manifest \(entry.digest)") {
        try ManifestDocument(parsing: try blobs.read(entry.digest), declared: entry.mediaType)
      }
      switch document {
      case .index(let inner):
        guard try addContent(of: inner, depth: depth + 1, to: &found) else { return false }
      case .manifest(let manifest):
        for blob in [manifest.config.digest] + manifest.layers.map(\.digest) {
          guard try blobs.contains(blob) else { return false }
          found.append(blob)
        }
      }
    }
    return true
  }
}
