package import Basics

/// Why a registry did not do what was asked, or why its answer was not taken.
package struct RegistryError: Error, Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// The repository, tag, manifest or blob is not there, or is hidden from us.
    case notFound
    /// 401: no credentials, or wrong ones.
    case unauthorized
    /// 403: who we are is not enough.
    case denied
    /// 429.
    case rateLimited
    /// The registry cannot be reached, breaks off, or answers 5xx, after all attempts.
    case unavailable
    /// Bytes that are not those of their digest, or an answer that contradicts itself (SECURITY B1).
    case corrupt
    /// An answer that is none of the distribution protocol.
    case malformed
    /// The registry does not have this function.
    case unsupported
    /// More than a limit of ours (SECURITY B7).
    case limit
    /// Something on our side, such as a file that cannot be read.
    case local
    /// Refused by a rule about where credentials and connections may go (SECURITY B4, B5).
    case refused
  }

  package var kind: Kind
  /// What was asked, such as "fetching the manifest 3.20 of localhost:5000/alpine".
  package var asked: String
  /// The cause in plain words; the registry's own code and message when it gave them. Safe to show.
  package var reason: String
  package var hint: String?
  /// Status of the answer, 0 when there was none.
  package var status: Int
  /// The registry's error codes, such as `MANIFEST_UNKNOWN`.
  package var codes: [String]
  /// Seconds after which the registry wants to be asked again, when it said.
  package var retryAfter: Int64?

  package init(
    _ kind: Kind, _ asked: String, _ reason: String, hint: String? = nil, status: Int = 0, codes: [String] = [],
    retryAfter: Int64? = nil
  ) {
    self.kind = kind
    self.asked = asked
    self.reason = reason
    self.hint = hint
    self.status = status
    self.codes = codes
    self.retryAfter = retryAfter
  }
}

extension RegistryError: ExplainedError {
  /// The error for the person, in the context of what was being done.
  package func engineError(_ doing: String) -> EngineError {
    EngineError(engineKind, doing, asked.isEmpty ? reason : "\(asked): \(reason)", hint: hint)
  }

  private var engineKind: EngineError.Kind {
    switch kind {
    case .notFound: .notFound
    case .unauthorized, .denied, .refused: .denied
    case .rateLimited, .limit: .limitReached
    case .unavailable: .unavailable
    case .corrupt, .malformed: .corrupt
    case .unsupported: .unsupported
    case .local: .internal
    }
  }
}

/// The limits on what a registry sends (SECURITY B6, B7).
package enum RegistryLimits {
  /// Body of an error, of a token and of a page of a list, in bytes.
  static let answerBytes = 1 << 20
  /// Manifest or index, in bytes.
  static let manifestBytes = 4 << 20
  static let redirects = 5
  /// Pages of one list.
  static let pages = 1000
  /// Tags or repositories of one list.
  static let listEntries = 100_000
  /// Seconds a registry may make us wait by `Retry-After`; more is an error that says so.
  static let retryAfter: Int64 = 60
  /// Seconds a token is used at most, and at least.
  static let tokenSeconds: ClosedRange<Int64> = 60...3600
}
