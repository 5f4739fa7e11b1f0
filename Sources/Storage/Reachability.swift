package import Basics
import LinuxKernel
package import OCI

/// The blobs and layers that something refers to: images of the index, containers, and who is just bringing them in.
/// Meaningful for removal only while the exclusive `content` lock is held.
package struct Reachability: Sendable {
  package private(set) var blobs: Set<Digest> = []
  package private(set) var layers: Set<Digest> = []

  /// - Throws: `corrupt` when something that refers to content cannot be read: then nobody knows what is garbage, and
  ///   nothing is removed until `system check --repair` has dealt with it.
  package init(of directory: StateDirectory) throws(EngineError) {
    try addImages(directory)
    let containers = ContainerStore(directory)
    for id in try containers.ids() {
      guard let record = try containers.record(id) else { continue }
      layers.formUnion(record.layers)
      try addImage(of: record, directory)
    }
    try addLists(directory)
    try addBuilds(directory)
    try addPins(directory)
  }

  /// What builds made is kept for the next ones, until `builder prune` or the budget takes it.
  private mutating func addBuilds(_ directory: StateDirectory) throws(EngineError) {
    for step in try BuildCache(directory).steps() {
      guard let layer = step.record.layer else { continue }
      layers.insert(layer.diffID)
      blobs.insert(layer.blob.digest)
    }
  }

  private mutating func addImages(_ directory: StateDirectory) throws(EngineError) {
    let images = ImageStore(directory)
    // Whole indexes keep their own blob; what they list is kept by entries of its own.
    blobs.formUnion(try images.index().entries.map(\.descriptor.digest))
    for image in try images.list() {
      // Of digests that an image is known by, those of indexes have a blob of their own.
      blobs.formUnion(image.digests.compactMap(\.digest))
      blobs.formUnion(try images.indexContent(of: image))
      let manifest = try images.manifest(of: image)
      blobs.insert(manifest.config.digest)
      blobs.formUnion(manifest.layers.map(\.digest))
      if manifest.artifactKind == nil { layers.formUnion(try images.config(of: image).diffIDs) }
    }
  }

  /// A container is the last to need an image that was removed: `commit` writes its layers into the new image's manifest.
  private mutating func addImage(of record: ContainerRecord, _ directory: StateDirectory) throws(EngineError) {
    guard let manifest = record.manifest, let id = record.imageID, !blobs.contains(manifest) else { return }
    let store = BlobStore(directory)
    guard try store.contains(manifest) else { return }
    blobs.formUnion([manifest, id])
    let bytes = try store.read(manifest)
    try during("reading the image of container \(Identifier.short(record.id))") {
      if case .manifest(let manifest) = try ManifestDocument(parsing: bytes, declared: nil) {
        blobs.formUnion(manifest.layers.map(\.digest))
      }
    }
  }

  /// Manifest lists are pushed some day with all that they list, as far as it is here.
  private mutating func addLists(_ directory: StateDirectory) throws(EngineError) {
    let store = BlobStore(directory)
    for list in try ManifestListStore(directory).all() {
      for entry in list.index.manifests where try store.contains(entry.digest) {
        blobs.insert(entry.digest)
        let bytes = try store.read(entry.digest)
        try during("reading manifest list \(list.name.familiar)") {
          if case .manifest(let manifest) = try ManifestDocument(parsing: bytes, declared: nil) {
            blobs.insert(manifest.config.digest)
            blobs.formUnion(manifest.layers.map(\.digest))
          }
        }
      }
    }
  }

  /// Pins of living staging areas. Those of dead ones count until they are swept, which does no harm.
  private mutating func addPins(_ directory: StateDirectory) throws(EngineError) {
    let areas = try during("listing the staging areas") {
      try File.listIfPresent(at: directory.root.raw, StatePath.staging)
    }
    for area in areas {
      let path = "\(StatePath.staging(area.name))/\(ContentIngest.pinsName)"
      guard
        let fields = try RecordFile.read(
          at: directory.root.raw, path, version: ContentIngest.pinsVersion, subject: "a staging area")
      else { continue }
      try during("reading the pins of a staging area") {
        blobs.formUnion(try fields.digests("blobs"))
        layers.formUnion(try fields.digests("layers"))
      }
    }
  }
}
