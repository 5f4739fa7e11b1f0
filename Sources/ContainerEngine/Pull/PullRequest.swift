/// What `pull` is asked for.
package struct PullRequest: Sendable {
  /// The image as typed: a name with a tag or a digest, or neither.
  package var name: String
  /// `os[/architecture[/variant]]`; nil is the host's.
  package var platform: String?
  /// When the registry is asked although the image is there.
  package var policy = PullPolicy.always
  package var access = RegistryAccess()
  /// Whether signatures and other manifests that refer to the image are brought with it.
  package var keepsReferrers = true

  package init(name: String) { self.name = name }
}

/// An image that is in the store after a pull.
package struct PulledImage: Equatable, Sendable {
  /// `sha256:…` of the config.
  package var id: String
  /// The normalized name it was pulled by, such as `docker.io/library/busybox:latest`.
  package var name: String
  /// False when it was there already.
  package var isNew: Bool
  /// What was left out of its layers, a sentence each.
  package var notes: [String] = []
}
