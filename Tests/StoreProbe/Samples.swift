// Things to put into a store: for the tests in their own process, and for the probe in one that may be killed.
import Basics
import LinuxKernel
package import OCI
package import Storage

extension StateDirectory {
  /// Another opening of the same store, as another process would have it.
  package func reopened() throws -> StateDirectory { try StateDirectory(location) }

  /// Makes a container and lets go of its lock.
  @discardableResult
  package func makeContainer(
    _ name: String, layers: [Digest] = [], removesItself: Bool = false
  ) throws -> ContainerRecord {
    let draft = try ContainerStore(self).draft(removesItself: removesItself)
    try draft.claim(name)
    var settings = ContainerSettings()
    settings.autoRemove = removesItself
    let record = ContainerRecord(
      id: draft.id, name: name, created: .now, image: "busybox", layers: layers, settings: settings, command: ["sh"])
    _ = try draft.publish(record)
    return record
  }
}

package func digest(_ text: String) -> Digest { SHA256Stream.digest(Array(text.utf8)) }

extension StateDirectory {
  /// Adds an image of layers that hold one file each, with the text of the layer.
  @discardableResult
  package func addImage(
    _ name: String?, layers: [String], label: String = "", platform: Platform = .host, digests: [Reference] = []
  ) throws -> StoredImage {
    let ingest = try ContentIngest(self)
    var descriptors: [Descriptor] = []
    for text in layers {
      // The "archive" of such a layer is its text: what its bytes are is nothing to the store.
      let diffID = digest(text)
      let blob = try ingest.add(blob: Array(text.utf8))
      descriptors.append(Descriptor(mediaType: .ociLayer, digest: blob, size: Int64(text.utf8.count)))
      guard let draft = try ingest.layer(diffID) else { continue }
      try RecordFile.create(.string(text), at: draft.tree.raw, "file", durable: false)
      try draft.finish(archive: (diffID, Int64(text.utf8.count)), contentSize: 10, entries: 1)
    }
    var defaults = ContainerDefaults()
    defaults.labels = [("label", label)]
    let config = ImageConfig(
      created: Timestamp(seconds: 1), platform: platform, defaults: defaults, diffIDs: layers.map(digest),
      history: layers.map { History(created: nil, createdBy: $0) })
    let configBytes = config.json.bytes()
    let id = try ingest.add(blob: configBytes)
    let manifest = ImageManifest(
      config: Descriptor(mediaType: .ociConfig, digest: id, size: Int64(configBytes.count)), layers: descriptors)
    let manifestBytes = manifest.json.bytes()
    let manifestDigest = try ingest.add(blob: manifestBytes)
    try ingest.publish()
    let descriptor = Descriptor(
      mediaType: .ociManifest, digest: manifestDigest, size: Int64(manifestBytes.count), platform: platform)
    try ImageStore(self).add(
      manifest: descriptor, id: id, reference: name.map { try Reference(parsing: $0).withDefaultTag },
      digests: digests)
    let all = try ImageStore(self).list()
    guard let image = all.first(where: { $0.manifest.digest == manifestDigest }) else {
      throw EngineError(.internal, "adding a sample image", "it was not added")
    }
    return image
  }
}
