internal import Basics
internal import HTTP
internal import OCI
internal import Registry
internal import Storage

extension Engine {
  /// What the machine's and the user's files and the caller's flags say about registries. Before any namespace is entered.
  func registryConfiguration(_ access: RegistryAccess = RegistryAccess()) throws(EngineError) -> RegistryConfiguration {
    var options = RegistryOptions(
      verifiesTLS: access.verifiesTLS, certificateDirectory: access.certificateDirectory, authFile: access.authFile)
    if let user = access.user { options.credential = .basic(user: user, secret: access.password ?? "") }
    return try RegistryConfiguration(RegistryEnvironment(account: account), options: options)
  }

  /// A client for the repository of a reference: mirrors first when it is for pulling.
  func registryClient(
    for reference: Reference, actions: [RegistryAction] = [.pull], access: RegistryAccess = RegistryAccess()
  ) throws(EngineError) -> RegistryClient {
    let configuration = try registryConfiguration(access)
    let endpoints = try configuration.endpoints(for: reference, actions == [.pull] ? .pull : .push)
    for warning in endpoints.compactMap(\.warning) { tellOnce(warning) }
    var retry = RetryPolicy()
    if let retries = access.retries { retry.attempts = retries + 1 }
    if let pause = access.retryPause { retry.firstPause = pause }
    let credentials: any CredentialSource =
      access.user == nil
      ? configuration.credentials
      : CommandLineCredentials(
        registry: reference.domain, access: access, others: configuration.credentials)
    return RegistryClient(
      endpoints, actions: actions, credentials: credentials,
      settings: HTTPClientSettings(proxy: configuration.proxy, headers: configuration.headers), retry: retry,
      redirectRule: configuration.checkNotBlocked)
  }
}

/// `--creds`: for the registry that was named, and for no mirror of it (SECURITY B4).
private struct CommandLineCredentials: CredentialSource {
  let registry: String
  let access: RegistryAccess
  let others: CredentialStore

  func credential(for registry: String, repository: String) throws -> Credential? {
    guard registry == self.registry, let user = access.user else {
      return try others.credential(for: registry, repository: repository)
    }
    return .basic(user: user, secret: access.password ?? "")
  }
}
