/// Where credentials come from.
package protocol CredentialSource {
  /// The credential for a registry, and within it for a repository if there is one of its own; nil when there is none.
  /// - Parameters:
  ///   - registry: `host[:port]` as references have it, `docker.io` for Docker Hub.
  ///   - repository: the path within the registry.
  func credential(for registry: String, repository: String) throws -> Credential?
}

/// No credentials, or one given on the command line, which is for one registry and for nobody else (SECURITY B4).
package struct FixedCredentials: CredentialSource {
  package let credential: Credential?
  /// `host[:port]` as references have it; nil is any.
  package let registry: String?

  /// Asked for the other registries, such as mirrors.
  private let others: (any CredentialSource)?

  package init(_ credential: Credential? = nil, for registry: String? = nil, others: (any CredentialSource)? = nil) {
    self.credential = credential
    self.registry = registry
    self.others = others
  }

  package func credential(for registry: String, repository: String) throws -> Credential? {
    if self.registry == nil || self.registry == registry { return credential }
    return try others?.credential(for: registry, repository: repository)
  }
}
