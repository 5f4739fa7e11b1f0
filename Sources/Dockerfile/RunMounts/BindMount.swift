/// `type=bind`: a directory or file of the context, a stage, an image or a named context.
package struct BindMount: Equatable, Sendable {
  package var target: String
  /// Stage, image or named context; nil for the build's context.
  package var from: String?
  /// Below the root of that; `/` for all of it.
  package var source = "/"
  /// Writes are allowed and thrown away.
  package var writable = false
}

extension BindMount {
  init(_ options: MountOptions) throws(BuildDiagnostic) {
    try options.allow("from", "source", "target", "readonly", "readwrite")
    self.init(
      target: try options.target(), from: options.text("from"), source: options.text("source") ?? "/",
      writable: try options.writable(standard: false))
  }
}
