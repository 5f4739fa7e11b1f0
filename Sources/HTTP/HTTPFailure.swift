internal import LinuxKernel

/// Why an exchange over HTTP failed. `text` is for people and names the host; decisions read `kind` alone.
package struct HTTPFailure: Error, Sendable {
  package enum Kind: Equatable, Sendable {
    /// An address that cannot be used: no http or https, user-info, control bytes, over its limit.
    case invalidAddress
    /// The host's name leads to no address.
    case resolve
    /// No address of the host took the connection.
    case refused
    /// Nothing moved for too long, or too little.
    case timeout
    case tls(TLSProblem)
    /// The other side closed in the middle, or before it answered.
    case closed
    /// What came is not HTTP/1.1 as RFC 9112 has it.
    case malformed
    /// A named limit was passed; `text` names it.
    case limit
    /// The proxy refused or failed.
    case proxy
    /// The body's own source or the caller's closure failed; see `cause`.
    case body
    /// A system call failed that has nothing to do with the other side.
    case system
  }

  /// What is wrong with the TLS of the other side (SECURITY B5).
  package enum TLSProblem: Equatable, Sendable {
    /// Signed by nobody we trust.
    case untrusted
    case expired
    case notYetValid
    /// The certificate is for another host.
    case wrongName
    case revoked
    /// The other side speaks no TLS >= 1.2.
    case version
    /// The other side answered in the clear.
    case notTLS
    /// The server wants a client certificate, or refused ours.
    case clientCertificate
    /// Our own certificate, key or authority file cannot be used.
    case ownFiles
    case other
  }

  package var kind: Kind
  /// A phrase such as `registry.example:443: connection refused`, safe to show.
  package var text: String
  /// True when the same request, sent again, may well succeed.
  package var isRetryable: Bool
  /// The error of a body's source.
  package var cause: (any Error)?
  /// The status a server answers a malformed request with, where it is not 400.
  var status: Int?

  package init(_ kind: Kind, _ text: String, isRetryable: Bool? = nil, cause: (any Error)? = nil) {
    self.kind = kind
    self.text = text
    self.cause = cause
    self.isRetryable =
      isRetryable
      ?? {
        switch kind {
        case .timeout, .closed, .refused, .resolve: true
        default: false
        }
      }()
  }

  init(_ error: SystemError) { self.init(.system, error.description) }
}
