package import HTTP

/// One place where a repository may be had: the registry its name says, or a mirror of it.
package struct RegistryEndpoint: Sendable, Hashable {
  /// Scheme, host and port, and a path when the registry does not begin at the root; `v2/` is resolved against it.
  package var base: WebAddress
  /// The repository's path at this endpoint.
  package var repository: String
  /// Marked by the user: plain http or unverified TLS is allowed.
  package var isInsecure: Bool
  package var trust: TLSTrust
  package var isMirror: Bool
  /// The host for people and for `dhow login`.
  package var name: String
  /// The host and port that credentials are stored for; docker.io for Docker Hub.
  package var credentialHost: String

  package init(
    base: WebAddress, repository: String, isInsecure: Bool = false, trust: TLSTrust = TLSTrust(),
    isMirror: Bool = false, name: String, credentialHost: String? = nil
  ) {
    self.base = base
    self.repository = repository
    self.isInsecure = isInsecure
    self.trust = trust
    self.isMirror = isMirror
    self.name = name
    self.credentialHost = credentialHost ?? name
  }
}
