/// An error as the person at the prompt reads it: `dhow: <doing>: <reason>`, then `hint: <hint>`.
///
/// Context is added where a new object is named, not at every call. Exit codes and HTTP statuses are derived from
/// `kind` alone; nobody reads `reason` to decide anything.
package struct EngineError: Error, Equatable, Sendable {
  /// What sort of failure this is; the one input of the exit-code and HTTP-status tables.
  package enum Kind: String, Sendable, CaseIterable {
    case notFound, alreadyExists, inUse, invalidInput, unsupported, denied, wrongState, corrupt, unavailable
    case limitReached, cancelled, usage
    /// The container's program is not there (exit code 127).
    case commandNotFound
    /// The container's program is there and cannot be executed (exit code 126).
    case commandNotExecutable
    /// A broken promise of our own.
    case `internal`
  }

  package var kind: Kind
  /// A short present participle phrase with its object, such as "loading busybox.tar".
  package var doing: String
  /// The deepest true cause in plain words.
  package var reason: String
  /// At most one sentence with a command or a setting that helps.
  package var hint: String?

  package init(_ kind: Kind, _ doing: String, _ reason: String, hint: String? = nil) {
    self.kind = kind
    self.doing = doing
    self.reason = reason
    self.hint = hint
  }
}
