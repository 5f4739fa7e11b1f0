package import Basics

/// `volume create`.
package struct VolumeRequest: Sendable {
  /// Nil is a name of our own, and the volume is anonymous.
  package var name: String?
  package var labels: [(String, String)] = []
  /// `type`, `o` and `device` of the driver `local`.
  package var options: [(String, String)] = []

  package init() {}
}

/// A volume as lists and `inspect` show it.
package struct VolumeSummary: Sendable {
  package var name: String
  package var created: Timestamp
  package var labels: [(String, String)]
  package var options: [(String, String)]
  package var isAnonymous: Bool
  /// Absolute path of the data.
  package var mountpoint: String
  /// Ids of the containers that have it, running or not.
  package var users: [String]
}

/// What becomes of an image's VOLUME for which nothing else is mounted (`--image-volume`).
package enum ImageVolumes: String, CaseIterable, Sendable {
  /// A volume of its own, as docker does.
  case anonymous
  /// A tmpfs.
  case tmpfs
  /// Nothing: the image's directory is used.
  case ignore
}
