/// Where credentials come from.
package protocol CredentialSource {
  /// The credential for a registry, and within it for a repository if there is one of its own; nil when there is none.
  /// - Parameters:
  ///   - registry: `host[:port]` as references have it, `docker.io` for Docker Hub.
  ///   - repository: the path within the registry.
  func credential(for registry: String, repository: String) throws -> Credential?
}

/// No credentials, or the one given on the command line.
package struct FixedCredentials: CredentialSource {
  package let credential: Credential?

  package init(_ credential: Credential? = nil) { self.credential = credential }

  package func credential(for registry: String, repository: String) throws -> Credential? { credential }
}
