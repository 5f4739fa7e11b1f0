/// What `cp` copies, and how.
package struct CopyRequest: Sendable {
  /// Name or id of the container.
  package var container: String
  /// In the container, whose root it begins at with or without a slash.
  package var path: String
  /// On the host; nil is a tar stream.
  package var localPath: String?
  /// Owners are those of the source; otherwise those of who gets the files: the container's root, or the caller.
  package var keepsOwners = false
  /// A link as the source stands for what it leads to.
  package var followsLink = false

  package init(container: String, path: String, localPath: String?) {
    self.container = container
    self.path = path
    self.localPath = localPath
  }
}

/// What a copy did.
package struct CopyOutcome: Sendable {
  /// Of the archive that went over.
  package var bytes: Int64
  /// Sentences about what could not be copied.
  package var notes: [String]
}
