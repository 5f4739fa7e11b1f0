package import OCI

/// Every path we own, as functions: relative to the root directory, or, in `Run`, to the runtime directory.
///
/// Ids are checked (`Identifier.isID`) and digests typed before they come here.
package enum StatePath {
  package static let layoutMarker = "oci-layout"
  package static let index = "index.json"
  /// What is known about the filesystem and the id map the layers were made with.
  package static let storeRecord = "store.json"

  package static let blobs = "blobs"
  package static func blobs(_ algorithm: Digest.Algorithm) -> String { "blobs/\(algorithm.rawValue)" }
  package static func blob(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

  /// Blobs that are being fetched from a registry; the directory is made with the first.
  package static let downloads = "downloads"
  package static func download(_ digest: Digest) -> String { "downloads/\(digest.algorithm.rawValue)-\(digest.hex)" }

  /// Manifest lists on their way to a registry; the directory is made with the first.
  static let manifestLists = "lists"
  static func manifestList(_ name: String) -> String { "lists/\(name).json" }

  package static let layers = "layers"
  package static func layer(_ diffID: Digest) -> String { "layers/\(diffID.hex)" }
  /// The tree of a layer as a lower directory of overlay.
  package static func layerTree(_ diffID: Digest) -> String { "layers/\(diffID.hex)/\(layerTreeName)" }
  package static func layerRecord(_ diffID: Digest) -> String { "layers/\(diffID.hex)/\(layerRecordName)" }
  package static let layerTreeName = "fs"
  package static let layerRecordName = "layer.json"
  /// The tree of a layer once more, with the owners of another id map: in the layer's directory, so that it goes
  /// with it.
  static func shiftedLayer(_ diffID: Digest, _ key: String) -> String {
    "layers/\(diffID.hex)/\(shiftedLayerPrefix)\(key)"
  }
  package static func shiftedTree(_ diffID: Digest, _ key: String) -> String {
    "\(shiftedLayer(diffID, key))/\(layerTreeName)"
  }
  /// Says that the blob of that digest has the content of the layer.
  static func layerSource(_ diffID: Digest, _ blob: Digest) -> String {
    "layers/\(diffID.hex)/\(layerSourceName(blob))"
  }
  /// What the layer's blob became when it was compressed for a registry.
  static func compressedLayer(_ diffID: Digest, _ how: String) -> String {
    "layers/\(diffID.hex)/compressed-\(how).json"
  }
  static func layerSourceName(_ blob: Digest) -> String { "from-\(blob.algorithm.rawValue)-\(blob.hex)" }
  static let shiftedLayerPrefix = "shifted-"
  static let shiftedRecordName = "map.json"

  package static let containers = "containers"
  package static func container(_ id: String) -> String { "containers/\(id)" }
  package static func containerRecord(_ id: String) -> String { "containers/\(id)/\(ContainerFile.record)" }
  package static func startRecord(_ id: String) -> String { "containers/\(id)/\(ContainerFile.start)" }
  package static func exitRecord(_ id: String) -> String { "containers/\(id)/\(ContainerFile.exit)" }
  /// The writable layer.
  package static func containerUpper(_ id: String) -> String { "containers/\(id)/\(ContainerFile.upper)" }
  static func containerSnapshots(_ id: String) -> String { "containers/\(id)/\(ContainerFile.snapshots)" }
  package static func containerLock(_ id: String) -> String { "containers/\(id)/\(ContainerFile.lock)" }

  static func containerStopped(_ id: String) -> String { "containers/\(id)/\(ContainerFile.stopped)" }

  /// Frozen writable layers, which several containers may share.
  package static let snapshots = "snapshots"
  static func snapshot(_ id: String) -> String { "snapshots/\(id)" }
  package static func snapshotTree(_ id: String) -> String { "snapshots/\(id)/\(snapshotTreeName)" }
  static let snapshotTreeName = "fs"

  /// A link whose target is the id of the container that has the name.
  package static let names = "names"
  package static func name(_ name: String) -> String { "names/\(name)" }

  package static let volumes = "volumes"
  package static func volume(_ name: String) -> String { "volumes/\(name)" }
  package static func volumeRecord(_ name: String) -> String { "volumes/\(name)/record.json" }
  package static func volumeData(_ name: String) -> String { "volumes/\(name)/data" }
  /// There once a container has had the volume.
  package static func volumeUsed(_ name: String) -> String { "volumes/\(name)/used" }
  /// There while what an image has is copied into the volume.
  package static func volumeCopying(_ name: String) -> String { "volumes/\(name)/copying" }
  package static func volumeLock(_ name: String) -> String { "volumes/\(name)/lock" }

  /// What builds made before, and what their cache mounts keep; made with the first build.
  package static let buildCache = "build-cache"
  package static let buildSteps = "build-cache/steps"
  package static func buildStep(_ key: String) -> String { "build-cache/steps/\(key).json" }
  package static let buildMounts = "build-cache/mounts"
  package static func buildMount(_ name: String) -> String { "build-cache/mounts/\(name)" }
  package static let buildContexts = "build-cache/contexts"
  package static func buildContext(_ name: String) -> String { "build-cache/contexts/\(name)" }
  /// Small facts that were costly to find: digests of other stages' files, times of commits.
  package static let buildFacts = "build-cache/facts"
  package static func buildFact(_ key: String) -> String { "build-cache/facts/\(key).json" }
  /// A file for each network; the directory is made with the first.
  package static let networks = "networks"
  package static func network(_ name: String) -> String { "networks/\(name).json" }

  package static let staging = "staging"
  package static func staging(_ id: String) -> String { "staging/\(id)" }
  package static let trash = "trash"
  package static func trash(_ id: String) -> String { "trash/\(id)" }
  /// What happened lately, and before that.
  package static let events = "events.log"
  package static let eventsBefore = "events.log.1"

  package static let locks = "locks"
  package static func lock(_ name: String) -> String { "locks/\(name)" }

  /// Directories made with the store; the digest algorithms' below `blobs` are part of it.
  static let skeleton: [String] =
    [blobs] + Digest.Algorithm.allCases.map(blobs) + [layers, containers, names, volumes, staging, trash, locks]

  /// All we ever make at the top of the root directory; the marker last, so that a reset cut short can be done again.
  package static let allAtTop: [String] = [
    containers, names, volumes, networks, index, index + ".new", index + ".damaged", blobs, downloads, manifestLists,
    layers,
    snapshots, buildCache, staging, trash, locks, events, eventsBefore, storeRecord, storeRecord + ".new",
    layoutMarker + ".new", layoutMarker,
  ]

  /// Files in a container's directory.
  package enum ContainerFile {
    package static let record = "record.json"
    /// The OCI runtime spec.
    package static let spec = "config.json"
    package static let start = "start.json"
    package static let exit = "exit.json"
    /// Taken by whoever changes the container.
    package static let lock = "lock"
    package static let upper = "upper"
    package static let work = "work"
    /// What the writable layer can be rolled back to.
    package static let snapshots = "snapshots.json"
    /// What was changed in mounts with `:O` since the last start.
    package static let overlays = "overlays"
    package static let log = "container.log"
    /// There when somebody stopped or killed the container since its last start: its restart policy rests.
    package static let stopped = "stopped"
  }

  /// Paths below the runtime directory, which does not outlive the boot.
  package enum Run {
    package static let containers = "containers"
    package static func container(_ id: String) -> String { "containers/\(id)" }
    package static func state(_ id: String) -> String { "containers/\(id)/state.json" }
    /// Held by the monitor for its life.
    package static func monitorLock(_ id: String) -> String { "containers/\(id)/lock" }
    static func health(_ id: String) -> String { "containers/\(id)/health.json" }
    /// What the container has of networks, beside its state.
    package static func network(_ id: String) -> String { "containers/\(id)/network.json" }
    /// Of the process that serves the user's networks: its lock and its socket.
    package static let networkProcess = "network"
    /// Held by whoever starts that process.
    package static let networkStart = "network.start"
    /// Made by the first sweep after a boot.
    package static let swept = "swept"
    /// All we ever make at the top of the runtime directory.
    package static let allAtTop: [String] = [containers, networkProcess, networkStart, swept]
  }
}
