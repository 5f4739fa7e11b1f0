internal import Basics
import HTTP

/// Requests to one endpoint: authenticated, redirected without giving credentials away, and repeated when that helps.
final class RegistrySession {
  private(set) var endpoint: RegistryEndpoint
  let retry: RetryPolicy
  private let authentication: Authentication
  /// For the endpoint's own origin.
  private let client: HTTPClient
  /// For where it sends us: none of the endpoint's client certificates, headers and exceptions.
  private let elsewhere: HTTPClient
  private let redirectRule: RedirectRule?

  init(
    _ endpoint: RegistryEndpoint, settings: HTTPClientSettings, retry: RetryPolicy, tokens: TokenCache,
    credentials: any CredentialSource, login: LoginExchange? = nil, redirectRule: RedirectRule? = nil
  ) {
    self.endpoint = endpoint
    self.redirectRule = redirectRule
    self.retry = retry
    var own = settings
    own.trust = endpoint.trust
    client = HTTPClient(own)
    var other = settings
    other.trust = endpoint.trust.elsewhere
    other.headers = [:]
    elsewhere = HTTPClient(other)
    authentication = Authentication(
      endpoint, credentials: credentials, tokens: tokens, login: login, client: client, elsewhere: elsewhere)
  }

  /// `/v2/` and what follows it, at this endpoint.
  func address(_ path: String) throws(RegistryError) -> WebAddress { try resolve("/v2/" + path, endpoint.base) }

  /// `/v2/NAME/` and what follows it.
  func repositoryAddress(_ path: String) throws(RegistryError) -> WebAddress {
    try address("\(endpoint.repository)/\(path)")
  }

  func resolve(_ location: String, _ base: WebAddress) throws(RegistryError) -> WebAddress {
    do throws(HTTPFailure) { return try base.resolving(location) } catch {
      throw RegistryError(.malformed, "", "\(endpoint.name) names an address that is none: \(safeText(error.text))")
    }
  }

  /// Sends a request until it is answered, and answers the address that did at last.
  /// - Throws: `RegistryError` for every status that is none of `call.answers`.
  func send(_ call: RegistryCall) throws(RegistryError) -> (response: HTTPResponse, address: WebAddress) {
    var call = call
    var failures = 0
    while true {
      let failure: RegistryError
      let isWorthRepeating: Bool
      var attempts = retry.attempts
      switch Result(catching: { () throws(Interruption) in try authenticated(call) }) {
      case .success(let answer):
        if call.answers.contains(answer.response.status) { return answer }
        failure = answerError(answer.response, answer.address, call)
        isWorthRepeating = failure.isWorthRepeating
      case .failure(.final(let error)):
        failure = error
        isWorthRepeating = error.isWorthRepeating
      case .failure(.transport(let error, let address)):
        if goPlain(after: error, at: address) {
          call.address = inTheClear(call.address)
          continue
        }
        failure = transportError(error, address, call)
        isWorthRepeating = error.isRetryable
        // A registry that is not there is told of soon: often its name is wrong.
        if error.kind == .refused || error.kind == .resolve { attempts = min(attempts, 3) }
      }
      failures += 1
      guard isWorthRepeating, call.isRepeatable, failures < attempts,
        (failure.retryAfter ?? 0) <= RegistryLimits.retryAfter
      else { throw failure }
      retry.wait(after: failures, retryAfter: failure.retryAfter)
    }
  }

  /// A registry that is marked insecure and speaks no TLS is asked in the clear from then on; never any other
  /// (SECURITY B5).
  private func goPlain(after failure: HTTPFailure, at address: WebAddress) -> Bool {
    guard failure.kind == .tls(.notTLS), address.origin == endpoint.base.origin, let plain = endpoint.plainBase else {
      return false
    }
    endpoint.base = plain
    authentication.endpoint.base = plain
    return true
  }

  /// An address of this endpoint from before `goPlain`.
  private func inTheClear(_ address: WebAddress) -> WebAddress {
    guard address.host == endpoint.base.host else { return address }
    var plain = address
    plain.scheme = endpoint.base.scheme
    plain.port = endpoint.base.port
    return plain
  }

  /// Why a request did not come to an answer.
  enum Interruption: Error {
    case transport(HTTPFailure, WebAddress)
    case final(RegistryError)
  }

  /// Sends a request, and once more with what the registry's challenge asks for.
  private func authenticated(
    _ call: RegistryCall
  ) throws(Interruption) -> (response: HTTPResponse, address: WebAddress) {
    // Of another origin, such as an upload's Location, it is none of the registry's business who we are there.
    let isOwn = call.address.origin == endpoint.base.origin
    let first = isOwn ? try authentication.header(for: call.scopes) : nil
    let answer = try follow(call, authorization: first?.value)
    guard answer.response.status == 401, isOwn, answer.address.origin == endpoint.base.origin,
      let second = try authentication.header(
        after: answer.response, to: first, for: call.scopes, asked: call.asked)
    else { return answer }
    return try follow(call, authorization: second.value)
  }

  /// Sends a request where it is redirected to. Authorization stays with the first origin and does not come back
  /// (SECURITY B4, CVE-2020-15157, CVE-2021-41092).
  private func follow(
    _ call: RegistryCall, authorization: String?
  ) throws(Interruption) -> (response: HTTPResponse, address: WebAddress) {
    var address = call.address
    var authorization = authorization
    for _ in 0...RegistryLimits.redirects {
      var request = HTTPRequest(
        call.method, address, headers: call.headers, body: call.body, answerTimeout: call.answerTimeout,
        isRepeatable: call.isRepeatable)
      if let authorization { request.headers.set("Authorization", authorization) }
      let response: HTTPResponse
      do throws(HTTPFailure) { response = try client(for: address).send(request) } catch {
        throw .transport(error, address)
      }
      guard let location = redirection(response, of: call) else { return (response, address) }
      response.discard()
      let next: WebAddress
      do throws(RegistryError) { next = try resolve(location, address) } catch { throw .final(error) }
      guard next.scheme == .https || address.scheme == .http else {
        throw .final(
          RegistryError(
            .refused, call.asked, "\(address.host) redirects from https to plain http at \(next.host), which is refused"
          ))
      }
      if next.origin != address.origin {
        authorization = nil
        do throws(EngineError) { try redirectRule?(next.authority) } catch {
          throw .final(
            RegistryError(.refused, call.asked, "\(address.host) redirects there: \(error.reason)", hint: error.hint))
        }
      }
      address = next
    }
    throw .final(RegistryError(.limit, call.asked, "more than \(RegistryLimits.redirects) redirects"))
  }

  private func redirection(_ response: HTTPResponse, of call: RegistryCall) -> String? {
    switch response.status {
    case 307, 308: break
    case 301, 302, 303: guard call.method == "GET" || call.method == "HEAD" else { return nil }
    default: return nil
    }
    guard !call.answers.contains(response.status) else { return nil }
    return response.headers.first("Location")
  }

  private func client(for address: WebAddress) -> HTTPClient {
    address.origin == endpoint.base.origin ? client : elsewhere
  }
}

extension TLSTrust {
  /// The trust in a host that a registry sends us to: its own authorities count there too, its exceptions do not.
  var elsewhere: TLSTrust {
    var trust = self
    trust.verify = true
    trust.clientCertificate = nil
    return trust
  }
}
