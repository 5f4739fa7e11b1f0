/// What proves to a registry who we are.
package enum Credential: Sendable, Equatable {
  case password(user: String, secret: String)
  /// An OAuth2 refresh token for the registry's token service.
  case identityToken(String)
  /// A bearer token for the registry itself.
  case registryToken(String)
}

/// Where credentials come from.
package protocol CredentialSource {
  /// The credential for a registry, and within it for a repository if there is one of its own; nil when there is none.
  /// - Parameters:
  ///   - registry: host and port as the user writes it, `docker.io` for Docker Hub.
  ///   - repository: the path within the registry.
  func credential(for registry: String, repository: String) throws -> Credential?
}

/// No credentials, or the one given on the command line.
package struct FixedCredentials: CredentialSource {
  package let credential: Credential?

  package init(_ credential: Credential? = nil) { self.credential = credential }

  package func credential(for registry: String, repository: String) throws -> Credential? { credential }
}
