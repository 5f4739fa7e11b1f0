package import Basics
internal import LinuxKernel
internal import OCI
internal import Storage

/// What takes room in the store. All sizes are bytes on disk as du(1) counts them.
package struct DiskUsage: Sendable {
  package struct Image: Sendable {
    package var id: String
    package var tags: [String]
    package var created: Timestamp
    /// Of its layers and blobs.
    package var size: Int64
    /// What other images have as well.
    package var shared: Int64
    package var containers: Int
    package var unique: Int64 { size - shared }
  }

  package struct Container: Sendable {
    package var summary: ContainerSummary
    /// Of its directory: the writable layer, log and records.
    package var size: Int64
    package var isActive: Bool
  }

  package struct Volume: Sendable {
    package var name: String
    /// Containers that have it.
    package var links: Int
    package var size: Int64
  }

  package var images: [Image]
  package var volumes: [Volume]
  package var containers: [Container]
  package var snapshots: Int64
  /// Of blobs/, layers/ and downloads/ together: each counted once.
  package var imageBytes: Int64
  /// Of `imageBytes`, what no container needs.
  package var reclaimableImageBytes: Int64
}

extension Engine {
  /// Measures everything in the store.
  package func diskUsage() throws(EngineError) -> DiskUsage {
    // Trees of other ids' files are readable to root of the namespace only.
    try enterUserNamespace()
    let space = SpaceUsage(directory)
    let all = try listContainers(all: true, sizes: false)
    var containers: [DiskUsage.Container] = []
    for summary in all {
      containers.append(
        DiskUsage.Container(
          summary: summary, size: try space.allocated(StatePath.container(summary.id)),
          isActive: summary.stateName == "running" || summary.stateName == "paused"))
    }
    var sizes: [String: Int64] = [:]
    var parts: [(image: StoredImage, paths: Set<String>)] = []
    var users: [String: Int] = [:]
    for image in try images.list() {
      let paths = contents(of: image)
      for path in paths where sizes[path] == nil { sizes[path] = try space.allocated(path) }
      parts.append((image, paths))
      for path in paths { users[path, default: 0] += 1 }
    }
    var kept: Set<String> = []
    var rows: [DiskUsage.Image] = []
    for (image, paths) in parts {
      let count = all.count { $0.imageID == image.id.description }
      if count > 0 { kept.formUnion(paths) }
      let config = try? images.config(of: image)  // One that is damaged has no date.
      rows.append(
        DiskUsage.Image(
          id: image.id.description, tags: image.references.map(\.familiar),
          created: config?.created ?? Timestamp(seconds: 0),
          size: paths.reduce(0) { $0 + (sizes[$1] ?? 0) },
          shared: paths.reduce(0) { $0 + ((users[$1] ?? 0) > 1 ? sizes[$1] ?? 0 : 0) }, containers: count))
    }
    for layer in all.flatMap(\.layers) {
      if let digest = try? Digest(parsing: layer) { kept.insert(StatePath.layer(digest)) }
    }
    var keptBytes: Int64 = 0
    for path in kept {
      if let size = sizes[path] { keptBytes += size } else { keptBytes += try space.allocated(path) }
    }
    var total: Int64 = 0
    for path in [StatePath.blobs, StatePath.layers, StatePath.downloads] { total += try space.allocated(path) }
    var local: [DiskUsage.Volume] = []
    for volume in try listVolumes() {
      local.append(
        DiskUsage.Volume(
          name: volume.name, links: volume.users.count, size: try space.allocated(StatePath.volume(volume.name))))
    }
    return DiskUsage(
      images: rows, volumes: local, containers: containers, snapshots: try space.allocated(StatePath.snapshots),
      imageBytes: total,
      reclaimableImageBytes: max(0, total - keptBytes))
  }

  /// Paths of what an image consists of; of a damaged one what is known of it.
  func contents(of image: StoredImage) -> Set<String> {
    var paths: Set<String> = [StatePath.blob(image.manifest.digest), StatePath.blob(image.id)]
    // Loaded archives' layers are kept as trees, and as blobs where their bytes were stored.
    for layer in (try? images.manifest(of: image).layers) ?? [] { paths.insert(StatePath.blob(layer.digest)) }
    for layer in (try? images.config(of: image).diffIDs) ?? [] { paths.insert(StatePath.layer(layer)) }
    return paths
  }
}
