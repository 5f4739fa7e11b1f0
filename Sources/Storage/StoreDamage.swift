package import OCI

/// One thing that is wrong in the store, as `system check` names it.
package struct StoreDamage: Equatable, Sendable {
  package enum Kind: String, Sendable, CaseIterable {
    /// `index.json` is missing or unreadable.
    case index = "damaged-index"
    case missingBlob = "missing-blob"
    /// The bytes are not those of the digest.
    case corruptBlob = "corrupt-blob"
    /// A file among the blobs whose name is no digest.
    case foreignFile = "foreign-file"
    /// A manifest or config that cannot be what the index says.
    case image = "damaged-image"
    case missingLayer = "missing-layer"
    /// The tree differs from the blob it came from.
    case corruptLayer = "corrupt-layer"
    case containerRecord = "damaged-container"
    /// A layer that a container needs and no image can give again.
    case containerLayer = "missing-container-layer"
    case staleName = "stale-name"
    /// A container that its name does not lead to.
    case missingName = "missing-name"
    case volumeRecord = "damaged-volume"
    /// A directory of the store that others can reach, or that is not ours.
    case permissions = "open-directory"
  }

  package enum Remedy: Equatable, Sendable {
    /// Made whole again, nothing is lost.
    case mend
    /// The damaged thing itself is removed, after saying so.
    case remove
    /// Only the person can decide.
    case none
  }

  package var kind: Kind
  /// The object in words: `image busybox:latest`, `layer 5f70bf18a086`.
  package var object: String
  package var detail: String
  package var remedy: Remedy
  /// What `repair` works on.
  var target: Target

  enum Target: Equatable, Sendable {
    case index
    case blob(Digest)
    case path(String)
    case image(Digest)
    case layer(Digest)
    case container(String)
    case name(String, id: String?)
    case volume(String)
  }
}

/// A layer and where it can be had from again.
package struct LayerSource: Sendable {
  package var diffID: Digest
  package var blob: Digest
  /// The image it was found by.
  package var manifest: Digest
  /// Diff ids of the layers below it in the image, bottom first.
  package var lower: [Digest]
}
