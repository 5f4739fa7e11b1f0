package import Basics

/// Text or a document from outside that is no valid value of the OCI specifications (or is beyond a limit of ours).
package struct OCIFormatError: Error, Equatable, Sendable {
  /// `invalidInput`, `limitReached` or `unsupported`.
  package var kind: EngineError.Kind
  /// What was read, such as "image manifest" or "digest \"md5:0\"".
  package var subject: String
  package var reason: String

  package init(_ subject: String, _ reason: String, kind: EngineError.Kind = .invalidInput) {
    self.kind = kind
    self.subject = subject
    self.reason = reason
  }

  /// The error for the person at the prompt, in the context of what was being done.
  package func engineError(doing: String, hint: String? = nil) -> EngineError {
    EngineError(kind, doing, "\(subject): \(reason)", hint: hint)
  }
}

/// The limits on documents from outside (SECURITY B7). Every reader of the bytes checks `documentBytes` before it reads.
package enum OCILimits {
  /// Manifest, index or config, in bytes.
  package static let documentBytes = 4 << 20
  package static let layers = 500
  package static let indexEntries = 1000
  package static let historyEntries = 4096
  /// Entries of any list or map of an image config.
  package static let configEntries = 4096
  /// One string handed to execve(2) as argument or environment: the kernel's MAX_ARG_STRLEN, 32 pages, less the NUL.
  package static let argumentBytes = 131_071
  /// Annotations of one object, in entries.
  package static let annotations = 1000
}

extension JSON {
  /// Parses a document of the image format within `OCILimits.documentBytes`.
  package init(document bytes: [UInt8], subject: String) throws(OCIFormatError) {
    guard bytes.count <= OCILimits.documentBytes else {
      throw OCIFormatError(subject, "is larger than \(OCILimits.documentBytes >> 20) MiB", kind: .limitReached)
    }
    do {
      try self.init(parsing: bytes)
    } catch {
      throw OCIFormatError(subject, "is no JSON: \(error.reason) at byte \(error.offset)")
    }
  }
}

extension OCIFormatError {
  init(_ error: JSONShapeError) {
    self.init(error.path, error.reason)
  }
}
