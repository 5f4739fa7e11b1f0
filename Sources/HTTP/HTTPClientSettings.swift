internal import Basics

/// Whom a TLS client believes, and with what it proves itself. TLS 1.2 is the least; names and IP addresses are always
/// checked when `verify` is true (SECURITY B5).
package struct TLSTrust: Sendable, Hashable {
  package struct ClientCertificate: Sendable, Hashable {
    /// PEM files.
    package var certificate: String
    package var key: String

    package init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }

  /// False only for hosts the user marked insecure.
  package var verify: Bool
  /// PEM files of further authorities.
  package var extraAuthorities: [String]
  /// $SSL_CERT_DIR and $SSL_CERT_FILE, else the system's hashed directory, else its bundle.
  package var systemAuthorities: Bool
  package var clientCertificate: ClientCertificate?

  package init(
    verify: Bool = true, extraAuthorities: [String] = [], systemAuthorities: Bool = true,
    clientCertificate: ClientCertificate? = nil
  ) {
    self.verify = verify
    self.extraAuthorities = extraAuthorities
    self.systemAuthorities = systemAuthorities
    self.clientCertificate = clientCertificate
  }
}

package struct HTTPClientSettings: Sendable {
  package var trust: TLSTrust
  package var proxy: ProxySettings
  /// For a whole connection: all addresses and the TLS handshake.
  package var connectTimeout: Duration
  /// Longest time in which no byte moves.
  package var idleTimeout: Duration
  /// A body that moves fewer bytes than this in `idleTimeout` of waiting has stalled (SECURITY B8).
  package var leastBytesPerIdleTimeout: Int
  package var userAgent: String
  /// Sent with every request, after its own: `HttpHeaders` of docker's config.json.
  package var headers: HTTPHeaders

  package init(
    trust: TLSTrust = TLSTrust(), proxy: ProxySettings = .none, connectTimeout: Duration = .seconds(15),
    idleTimeout: Duration = .seconds(30), leastBytesPerIdleTimeout: Int = 4096,
    userAgent: String = "dhow/" + ProductVersion.text, headers: HTTPHeaders = [:]
  ) {
    self.trust = trust
    self.proxy = proxy
    self.connectTimeout = connectTimeout
    self.idleTimeout = idleTimeout
    self.leastBytesPerIdleTimeout = leastBytesPerIdleTimeout
    self.userAgent = userAgent
    self.headers = headers
  }
}
