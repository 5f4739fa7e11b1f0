package import Basics
package import OCI
package import Storage

/// What a build was asked for, complete and checked; a pure value. The files come from a `BuildContext`.
package struct BuildSettings: Sendable {
  /// `--build-arg`, those without a value resolved already.
  package var arguments: [String: String] = [:]
  package var target: String?
  /// `--platform`; nil is the host's.
  package var platform: Platform?
  package var noCache = false
  /// `--no-cache-filter`: names of stages.
  package var uncachedStages: Set<String> = []
  /// How programs of RUN are held: network, hosts, limits, security options, capabilities.
  package var sandbox = ContainerSettings()
  package var secrets: [BuildSecret] = []
  package var agents: [BuildAgent] = []
  /// `--allow`: `network.host`, `security.insecure`.
  package var allowed: Set<String> = []
  /// `--build-context NAME=…` by name.
  package var contexts: [String: NamedContext] = [:]
  /// Of SOURCE_DATE_EPOCH, `--timestamp`: the time of the image, and of all files younger than that.
  package var epoch: Timestamp?
  /// Programs of RUN at a time.
  package var jobs: Int?

  package init() {}
}

/// `--secret`: where its value is, never the value.
package struct BuildSecret: Sendable, Equatable {
  package enum Source: Sendable, Equatable { case file(String), environment(String) }
  package var id: String
  package var source: Source

  package init(id: String, source: Source) {
    self.id = id
    self.source = source
  }
}

/// `--ssh`: the socket of an agent.
package struct BuildAgent: Sendable, Equatable {
  package var id: String
  package var socket: String

  package init(id: String, socket: String) {
    self.id = id
    self.socket = socket
  }
}

/// `--build-context`: what a name stands for.
package enum NamedContext: Sendable, Equatable {
  case directory(String)
  case image(String)
}

/// An image that a stage begins with or takes files from.
package struct BuildBase: Sendable {
  package var config: ImageConfig
  /// With the manifest's descriptors, bottom first.
  package var layers: [BuildLayer]

  package init(config: ImageConfig, layers: [BuildLayer]) {
    self.config = config
    self.layers = layers
  }
}

package struct BuildLayer: Sendable, Equatable {
  package var diffID: Digest
  package var blob: Descriptor

  package init(diffID: Digest, blob: Descriptor) {
    self.diffID = diffID
    self.blob = blob
  }
}

/// What a build came to; its content is published.
package struct BuildResult: Sendable {
  package var config: ImageConfig
  package var layers: [BuildLayer]
  /// How many of them are the base's.
  package var baseLayers: Int
}
