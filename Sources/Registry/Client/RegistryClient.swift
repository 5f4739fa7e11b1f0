package import Basics
package import HTTP
package import OCI

/// A repository in a registry, over the OCI distribution protocol 1.1. Blocking, without threads; a forked worker takes
/// `forWorker()`.
///
/// Mirrors come before the registry itself: the first endpoint that has what is asked for is asked first from then on.
package final class RegistryClient {
  package let endpoints: [RegistryEndpoint]
  package let actions: [RegistryAction]
  private let credentials: any CredentialSource
  private let settings: HTTPClientSettings
  let retryPolicy: RetryPolicy
  private let tokens: TokenCache
  private let login: LoginExchange?
  private let redirectRule: RedirectRule?
  private var sessions: [Int: RegistrySession] = [:]
  /// The registry answered that it has no referrers API.
  var lacksReferrers = false
  /// The endpoint that answered last.
  private var current = 0

  /// - Parameters:
  ///   - endpoints: mirrors first, then the registry; at least one.
  ///   - actions: what is going to be done: tokens are asked for that and nothing more.
  ///   - login: takes what the token service gives for the password; nil does not ask for it.
  ///   - redirectRule: asked before another host is.
  ///   - settings: proxy and headers for all endpoints; each endpoint has its own trust.
  package init(
    _ endpoints: [RegistryEndpoint], actions: [RegistryAction] = [.pull], credentials: any CredentialSource,
    settings: HTTPClientSettings = HTTPClientSettings(), retry: RetryPolicy = RetryPolicy(),
    tokens: TokenCache = TokenCache(), login: LoginExchange? = nil, redirectRule: RedirectRule? = nil
  ) {
    self.login = login
    precondition(!endpoints.isEmpty, "a repository is somewhere")
    self.endpoints = endpoints
    self.actions = actions
    self.credentials = credentials
    self.settings = settings
    self.retryPolicy = retry
    self.tokens = tokens
    self.redirectRule = redirectRule
  }

  /// The same repository, with the tokens there are and connections of its own: for a process that was forked, which must
  /// not use its parent's. It asks the endpoint first that answered here.
  package func forWorker() -> RegistryClient {
    let client = RegistryClient(
      endpoints, actions: actions, credentials: credentials, settings: settings, retry: retryPolicy, tokens: tokens,
      redirectRule: redirectRule)
    client.current = current
    return client
  }

  /// The endpoint that is asked first: the one that answered last.
  package var endpoint: RegistryEndpoint { endpoints[current] }

  /// The scope of the repository at an endpoint.
  func scopes(_ session: RegistrySession) -> [TokenScope] {
    [.repository(session.endpoint.repository, actions)]
  }

  /// Runs `body` with one endpoint after the other, beginning with the one that answered last, until one does.
  func trying<Value>(_ body: (RegistrySession) throws(RegistryError) -> Value) throws(RegistryError) -> Value {
    var failure: RegistryError?
    for index in [current] + endpoints.indices.filter({ $0 != current }) {
      do throws(RegistryError) {
        let value = try body(session(index))
        current = index
        return value
      } catch {
        guard mayGoOn(after: error, endpoints[index]) else { throw error }
        // What the registry itself says counts more than what a mirror says.
        if failure == nil || !endpoints[index].isMirror { failure = error }
      }
    }
    throw failure ?? RegistryError(.unavailable, "", "no endpoint")
  }

  /// A mirror that fails in any way is passed over; the registry itself only when there was no answer at all, which is how
  /// one marked insecure is found at plain http.
  private func mayGoOn(after error: RegistryError, _ endpoint: RegistryEndpoint) -> Bool {
    if error.kind == .local { return false }
    return endpoint.isMirror || error.status == 0
  }

  private func session(_ index: Int) -> RegistrySession {
    if let session = sessions[index] { return session }
    var policy = retryPolicy
    // Of several places one that is down is not waited for.
    if index + 1 < endpoints.count { policy.attempts = min(policy.attempts, 2) }
    let session = RegistrySession(
      endpoints[index], settings: settings, retry: policy, tokens: tokens, credentials: credentials,
      login: login, redirectRule: redirectRule)
    sessions[index] = session
    return session
  }

  /// Asks whether this is a registry that takes our credentials (`GET /v2/`, distribution spec end-1).
  package func ping() throws(RegistryError) {
    try trying { (session) throws(RegistryError) in
      var call = RegistryCall(
        method: "GET", address: try session.address(""), scopes: [],
        asked: "asking \(session.endpoint.name) who we are",
        answers: [200])
      call.headers.add("Accept", "application/json")
      do throws(RegistryError) { try session.send(call).response.discard() } catch {
        guard error.kind == .notFound else { throw error }
        throw RegistryError(
          .unsupported, call.asked, "it answers, and is no registry of images (no /v2/)", status: error.status)
      }
    }
  }
}

/// Refuses hosts that a registry must not send us to, given as `host[:port]` (SECURITY B15).
package typealias RedirectRule = (String) throws(EngineError) -> Void

/// What names a manifest in a repository.
package enum ManifestName: Hashable, Sendable, CustomStringConvertible {
  case tag(String)
  case digest(Digest)

  /// What a reference names: its digest if it has one (SECURITY B14), else its tag or `latest`.
  package init(_ reference: Reference) {
    self = reference.digest.map(ManifestName.digest) ?? .tag(reference.tag ?? Reference.defaultTag)
  }

  package var description: String {
    switch self {
    case .tag(let tag): tag
    case .digest(let digest): digest.description
    }
  }
}
