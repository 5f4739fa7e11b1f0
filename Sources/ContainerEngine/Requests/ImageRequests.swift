package import Basics

/// An image as a list shows it.
package struct ImageSummary: Equatable, Sendable {
  /// `sha256:…` of the config.
  package var id: String
  /// `sha256:…` of the manifest.
  package var digest: String
  /// Familiar names with their tags, such as `busybox:latest`; empty for a dangling image.
  package var tags: [String]
  /// `repository@sha256:…` in familiar form, by which registries know it.
  package var repositoryDigests: [String]
  /// `os/architecture[/variant]`; empty when the config is damaged.
  package var platform: String
  package var created: Timestamp
  package var size: Int64
  package var labels: [String: String]

  package init(
    id: String, digest: String, tags: [String], repositoryDigests: [String] = [], platform: String = "",
    created: Timestamp, size: Int64, labels: [String: String]
  ) {
    self.id = id
    self.digest = digest
    self.tags = tags
    self.repositoryDigests = repositoryDigests
    self.platform = platform
    self.created = created
    self.size = size
    self.labels = labels
  }
}

/// A row of `history`, the newest first.
package struct HistoryRow: Equatable, Sendable {
  /// The image's id in the topmost row, `<missing>` in the rest.
  package var id: String
  package var created: Timestamp?
  package var createdBy: String
  package var comment: String
  package var size: Int64

  package init(id: String, created: Timestamp?, createdBy: String, comment: String, size: Int64) {
    self.id = id
    self.created = created
    self.createdBy = createdBy
    self.comment = comment
    self.size = size
  }
}

/// What `rmi` did, one line each.
package enum ImageRemoval: Equatable, Sendable {
  /// A name was taken away.
  case untagged(String)
  /// An image or a layer is gone.
  case deleted(String)
}

/// Where an archive is read from.
package enum ArchiveSource: Equatable, Sendable {
  case standardInput
  case file(String)
}

/// The layout of what `save` writes.
package enum ArchiveLayout: String, Sendable { case docker, oci }

/// What `import` makes of a tar archive.
package struct ImportRequest: Sendable {
  package var source: ArchiveSource
  /// Nil makes an image without a name.
  package var reference: String?
  package var message = ""
  /// Dockerfile instructions of `--change`, checked by the operation.
  package var changes: [String] = []
  package var platform: String?

  package init(source: ArchiveSource) { self.source = source }
}
