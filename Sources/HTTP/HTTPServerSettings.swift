/// Certificate and key of a server, PEM files; with `clientAuthorities`, clients must show a certificate they signed.
package struct TLSIdentity: Sendable {
  package var certificate: String
  package var key: String
  package var clientAuthorities: String?

  package init(certificate: String, key: String, clientAuthorities: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.clientAuthorities = clientAuthorities
  }
}

/// Where a server listens.
package enum ListenAddress: Sendable {
  /// An IP address or a name; port 0 takes a free one.
  case tcp(host: String, port: UInt16)
  /// A socket file of that mode; an old one nobody listens on is replaced.
  case unix(path: String, mode: UInt32)
}

package struct HTTPServerSettings: Sendable {
  /// Longest time in which no byte of a request or its answer moves.
  package var idleTimeout: Duration
  /// A body that moves fewer bytes than this in `idleTimeout` of waiting has stalled.
  package var leastBytesPerIdleTimeout: Int
  /// Longest wait for the next request on an open connection.
  package var keepAliveTimeout: Duration
  /// Longest time for a whole head, TLS handshake included.
  package var headTimeout: Duration
  /// The `Server` field.
  package var name: String

  package init(
    idleTimeout: Duration = .seconds(60), leastBytesPerIdleTimeout: Int = 4096,
    keepAliveTimeout: Duration = .seconds(60), headTimeout: Duration = .seconds(20), name: String = "dhow"
  ) {
    self.idleTimeout = idleTimeout
    self.leastBytesPerIdleTimeout = leastBytesPerIdleTimeout
    self.keepAliveTimeout = keepAliveTimeout
    self.headTimeout = headTimeout
    self.name = name
  }
}
