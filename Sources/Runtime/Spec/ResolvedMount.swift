/// A mount whose source is decided: a volume has its directory, a relative path is absolute.
package struct ResolvedMount: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// A file or directory of the host.
    case bind
    case tmpfs
    /// A file system that keeps what is changed apart from the source; its options are overlay's.
    case overlay
  }

  package enum Recursion: Equatable, Sendable {
    /// Submounts come along and share the read-only flag.
    case full
    /// Submounts come along and stay writable.
    case writable
    /// Only the mount itself.
    case none
  }

  package var kind: Kind
  /// Absolute host path; empty for tmpfs.
  package var source: String
  /// Absolute path in the container.
  package var destination: String
  package var readOnly: Bool
  /// `rprivate`, `rslave`, `rshared`, …
  package var propagation: String
  package var recursion: Recursion
  /// The source is where its path says or the start fails: no component of it is a link.
  package var refusesLinks = false
  /// Further words such as `nosuid` or `size=64m`.
  package var options: [String]

  package init(
    kind: Kind, source: String, destination: String, readOnly: Bool = false, propagation: String = "rprivate",
    recursion: Recursion = .full, options: [String] = []
  ) {
    self.kind = kind
    self.source = source
    self.destination = destination
    self.readOnly = readOnly
    self.propagation = propagation
    self.recursion = recursion
    self.options = options
  }
}
