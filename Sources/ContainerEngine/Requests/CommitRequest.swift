/// What `commit` makes of a container.
package struct CommitRequest: Sendable {
  /// Name or id of the container.
  package var container: String
  /// Nil makes an image without a name.
  package var reference: String?
  package var author = ""
  package var message = ""
  /// Dockerfile instructions of `--change`, checked by the operation.
  package var changes: [String] = []
  /// A running container stands still meanwhile.
  package var pauses = true

  package init(container: String) { self.container = container }
}
