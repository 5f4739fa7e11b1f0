package import Basics
package import Networking
package import Storage

/// A container as a list shows it.
package struct ContainerSummary: Sendable {
  package var id: String
  package var name: String
  /// The image as typed; empty with `--rootfs`.
  package var image: String
  /// `sha256:…` of the image's config; empty with `--rootfs`.
  package var imageID: String
  /// Diff ids of the image's layers, bottom first.
  package var layers: [String]
  /// The program and its arguments.
  package var command: [String]
  package var created: Timestamp
  package var state: State
  /// The image's labels and the container's own.
  package var labels: [(String, String)]
  package var network: String
  /// All of its networks.
  package var networks: [String] = []
  package var mounts: [MountRequest]
  /// Ports of the host that lead to it now.
  package var published: [PublishedPort] = []
  /// Ports it says it serves: `80/tcp`.
  package var exposed: [String] = []
  /// Bytes of the writable layer and of everything; nil unless asked for.
  package var sizes: (writable: Int64, root: Int64)?
  /// Of one that runs and is checked.
  package var health: HealthRecord.Status?
  package var restart = RestartPolicy()
  /// Its restart policy starts it after a boot.
  package var startsOnBoot = false

  package enum State: Equatable, Sendable {
    case created
    case running(since: Timestamp)
    case paused(since: Timestamp)
    /// It has ended and will be started again.
    case restarting(code: Int32, at: Timestamp)
    case exited(code: Int32, at: Timestamp)
    /// It ran and nobody wrote how it ended.
    case lost
    /// The record cannot be read; the reason.
    case damaged(String)
  }

  package init(
    id: String, name: String, image: String, imageID: String, layers: [String], command: [String], created: Timestamp,
    state: State, labels: [(String, String)], network: String, mounts: [MountRequest]
  ) {
    self.id = id
    self.name = name
    self.image = image
    self.imageID = imageID
    self.layers = layers
    self.command = command
    self.created = created
    self.state = state
    self.labels = labels
    self.network = network
    self.mounts = mounts
  }

  /// docker's word for the state: created, running, paused, restarting, exited or dead.
  package var stateName: String {
    switch state {
    case .created: "created"
    case .running: "running"
    case .paused: "paused"
    case .restarting: "restarting"
    case .exited, .lost: "exited"
    case .damaged: "dead"
    }
  }
}

/// Which part of a container's log is wanted, and in which form.
package struct LogRequest: Sendable {
  package var follow = false
  package var timestamps = false
  /// With the labels and variables chosen by `--log-opt`.
  package var details = false
  package var since: Timestamp?
  package var until: Timestamp?
  /// Lines from the end; nil is all.
  package var tail: Int?

  package init() {}
}

/// What a prune removed.
package struct PruneReport: Equatable, Sendable {
  /// Ids of containers, or `untagged: …` and `deleted: …` of images.
  package var removed: [String]
  package var reclaimedBytes: Int64
  /// What could not be removed, and why.
  package var failures: [EngineError]

  package init(removed: [String], reclaimedBytes: Int64, failures: [EngineError] = []) {
    self.removed = removed
    self.reclaimedBytes = reclaimedBytes
    self.failures = failures
  }
}
