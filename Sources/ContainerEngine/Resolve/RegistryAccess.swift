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
    return RegistryClient(
      endpoints, actions: actions, credentials: configuration.credentials(for: reference),
      settings: configuration.clientSettings, retry: retry,
      redirectRule: configuration.checkNotBlocked)
  }
}
