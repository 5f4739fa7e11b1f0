package import HTTP

/// One server to ask for one repository, with what is allowed in talking to it.
package struct RegistryEndpoint: Sendable, Hashable {
  /// What `/v2/` follows: scheme, host and port, target `/`. https unless a setting says http.
  package var base: WebAddress
  /// The repository's name at this server, such as `library/busybox`.
  package var repository: String
  /// TLS with a certificate nobody vouches for, and plain http where TLS is not spoken, are allowed: somebody marked
  /// this one registry so, or it is on this machine.
  package var isInsecure: Bool
  package var trust: TLSTrust
  package var isMirror: Bool
  /// `host[:port]` as references and stored credentials have it: `docker.io` for Docker Hub.
  package var name: String
  /// What the user should be told before this endpoint is used, nil when all is well (SECURITY B5).
  package var warning: String?

  package init(
    base: WebAddress, repository: String, isInsecure: Bool, trust: TLSTrust, isMirror: Bool, name: String,
    warning: String? = nil
  ) {
    self.base = base
    self.repository = repository
    self.isInsecure = isInsecure
    self.trust = trust
    self.isMirror = isMirror
    self.name = name
    self.warning = warning
  }

  /// The address to try when the server does not speak TLS; nil unless that is allowed.
  package var plainBase: WebAddress? {
    guard isInsecure, base.scheme == .https else { return nil }
    var plain = base
    plain.scheme = .http
    if base.port == WebAddress.Scheme.https.defaultPort { plain.port = plain.scheme.defaultPort }
    return plain
  }
}

/// What an endpoint is wanted for: mirrors and moved locations hold for pulling only (containers-registries.conf(5)).
package enum RegistryPurpose: Sendable { case pull, push }
