package import Basics
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
  package var mounts: [MountRequest]
  /// Bytes of the writable layer and of everything; nil unless asked for.
  package var sizes: (writable: Int64, root: Int64)?

  package enum State: Equatable, Sendable {
    case created
    case running(since: Timestamp)
    case paused(since: Timestamp)
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

  /// docker's word for the state: created, running, paused, exited or dead.
  package var stateName: String {
    switch state {
    case .created: "created"
    case .running: "running"
    case .paused: "paused"
    case .exited, .lost: "exited"
    case .damaged: "dead"
    }
  }
}

/// Which part of a container's log is wanted.
package struct LogRequest: Sendable {
  package var follow = false
  package var since: Timestamp?
  package var until: Timestamp?
  /// Lines from the end; nil is all.
  package var tail: Int?

  package init() {}
}

/// One line of a log as it was written; without a newline at its end when the program wrote none.
package struct LogLine: Sendable {
  package var isStderr: Bool
  package var time: Timestamp
  package var bytes: [UInt8]
  /// Labels and variables chosen with `--log-opt`, for `--details`.
  package var attributes: [(String, String)]

  package init(isStderr: Bool, time: Timestamp, bytes: [UInt8], attributes: [(String, String)] = []) {
    self.isStderr = isStderr
    self.time = time
    self.bytes = bytes
    self.attributes = attributes
  }
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
