internal import Basics
import HTTP

/// How we answer one registry's challenges: Basic (RFC 7617), or Bearer with a token service (distribution,
/// token/spec and oauth). Credentials go to the registry's own origin and to the token service it names, and there only
/// when the service is reached as safely as the registry (SECURITY B4).
final class Authentication {
  /// An `Authorization` header and where it came from.
  struct Header {
    var value: String
    /// A new token or password would be the same again.
    var isFresh: Bool
  }

  private enum Scheme {
    case none, basic
    case bearer(realm: WebAddress, service: String)
  }

  /// Its scheme changes when the registry turns out to be one without TLS.
  var endpoint: RegistryEndpoint
  private let credentials: any CredentialSource
  private let tokens: TokenCache
  private let login: LoginExchange?
  private let client: HTTPClient
  private let elsewhere: HTTPClient
  private var scheme = Scheme.none
  private var looked = false
  private var found: Credential?

  init(
    _ endpoint: RegistryEndpoint, credentials: any CredentialSource, tokens: TokenCache, login: LoginExchange?,
    client: HTTPClient, elsewhere: HTTPClient
  ) {
    self.login = login
    self.endpoint = endpoint
    self.credentials = credentials
    self.tokens = tokens
    self.client = client
    self.elsewhere = elsewhere
  }

  /// What is known to be needed before a request is sent, nil when nothing is.
  func header(for scopes: [TokenScope]) throws(RegistrySession.Interruption) -> Header? {
    if let token = tokens.token(endpoint.base.origin, scopes) {
      return Header(value: "Bearer \(token)", isFresh: false)
    }
    switch scheme {
    case .none: return nil
    case .basic: return try basic()
    case .bearer(let realm, let service): return try fetch(realm, service, scopes)
    }
  }

  /// What to answer a 401 with; nil when there is nothing more to say, and the 401 stands.
  func header(
    after response: HTTPResponse, to sent: Header?, for scopes: [TokenScope], asked: String
  ) throws(RegistrySession.Interruption) -> Header? {
    if let sent {
      if sent.isFresh { return nil }
      tokens.drop(endpoint.base.origin, scopes)
    }
    let challenges = AuthChallenge.parse(response.headers.all("WWW-Authenticate"))
    if let bearer = challenges.first(where: { $0.scheme == "bearer" }) {
      response.discard()
      let realm = try realm(bearer, asked)
      let service = bearer.parameters["service"] ?? ""
      scheme = .bearer(realm: realm, service: service)
      return try fetch(realm, service, scopes)
    }
    if challenges.contains(where: { $0.scheme == "basic" }), let header = try basic() {
      response.discard()
      scheme = .basic
      return header
    }
    return nil
  }

  private func credential() throws(RegistrySession.Interruption) -> Credential? {
    if looked { return found }
    do {
      found = try credentials.credential(for: endpoint.name, repository: endpoint.repository)
    } catch let error as EngineError {
      throw .final(RegistryError(.local, error.doing, error.reason, hint: error.hint))
    } catch {
      throw .final(RegistryError(.local, "reading the credentials for \(endpoint.name)", "\(error)"))
    }
    looked = true
    return found
  }

  private func basic() throws(RegistrySession.Interruption) -> Header? {
    switch try credential() {
    case .basic(let user, let secret):
      return Header(value: "Basic \(base64Encoded(Array("\(user):\(secret)".utf8)))", isFresh: true)
    case .registryToken(let token): return Header(value: "Bearer \(token)", isFresh: true)
    case .identityToken, nil: return nil
    }
  }

  /// The token service's address: https, or for a registry that is marked insecure also plain http on the same host or
  /// on loopback. A challenge decides where a password goes, so that nothing else is followed (SECURITY B4).
  private func realm(
    _ challenge: AuthChallenge, _ asked: String
  ) throws(RegistrySession.Interruption) -> WebAddress {
    guard let text = challenge.parameters["realm"] else {
      throw .final(RegistryError(.malformed, asked, "\(endpoint.name) asks for a token and does not say of whom"))
    }
    let address: WebAddress
    do throws(HTTPFailure) { address = try WebAddress(parsing: text) } catch {
      throw .final(
        RegistryError(
          .refused, asked, "\(endpoint.name) names a token service that is no http address: \(safeText(error.text))"))
    }
    if address.scheme == .https { return address }
    let isNear = address.host == endpoint.base.host || address.isLoopback
    guard endpoint.isInsecure, isNear else {
      throw .final(
        RegistryError(
          .refused, asked,
          "\(endpoint.name) names a token service over plain http at \(safeText(address.authority)); credentials are not "
            + "sent there"))
    }
    return address
  }

  /// Asks the token service. Without credentials the token is an anonymous one.
  private func fetch(
    _ realm: WebAddress, _ service: String, _ scopes: [TokenScope]
  ) throws(RegistrySession.Interruption) -> Header {
    let credential = try credential()
    if case .registryToken(let token)? = credential { return Header(value: "Bearer \(token)", isFresh: true) }
    let isOwn = realm.origin == endpoint.base.origin
    let token = try TokenService(
      realm: realm, service: service, client: isOwn ? client : elsewhere, name: endpoint.name,
      wantsIdentity: login != nil
    )
    .token(scopes, credential: credential)
    if let identity = token.identity { login?.identityToken = identity }
    tokens.store(token.text, endpoint.base.origin, scopes, seconds: token.seconds)
    return Header(value: "Bearer \(token.text)", isFresh: true)
  }
}

/// A login under way: a token service may give a token of its own that stands for the password from then on.
package final class LoginExchange {
  package fileprivate(set) var identityToken: String?

  package init() {}
}
