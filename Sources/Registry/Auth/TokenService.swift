internal import Basics
internal import HTTP

/// A registry's token service (distribution, docs/spec/auth/token.md and oauth.md).
struct TokenService {
  let realm: WebAddress
  let service: String
  let client: HTTPClient
  /// The registry, for errors.
  let name: String
  /// Asks for a token to keep in the place of the password as well (token.md, `offline_token`).
  var wantsIdentity = false

  static let clientID = "dhow"
  static let tokenBytes = 32 << 10
  /// The service's own default.
  static let defaultSeconds: Int64 = 60

  struct Token {
    var text: String
    var seconds: Int64
    /// What the service gives for the password, when it was asked and does.
    var identity: String?
  }

  /// A token for these scopes: with a password by GET and Basic, with an identity token by OAuth2's POST, and else an
  /// anonymous one.
  func token(_ scopes: [TokenScope], credential: Credential?) throws(RegistrySession.Interruption) -> Token {
    var request: HTTPRequest
    switch credential {
    case .identityToken(let secret): request = post(scopes, refreshToken: secret)
    case .basic(let user, let secret):
      request = try get(scopes, account: user)
      request.headers.set("Authorization", "Basic \(base64Encoded(Array("\(user):\(secret)".utf8)))")
    case .registryToken, nil: request = try get(scopes, account: nil)
    }
    let response: HTTPResponse
    do throws(HTTPFailure) { response = try client.send(request) } catch { throw .transport(error, realm) }
    // Redirects are not followed: the request has a password in it.
    guard response.status == 200 else { throw .final(refusal(response, hadCredential: credential != nil)) }
    return try read(response)
  }

  private func get(_ scopes: [TokenScope], account: String?) throws(RegistrySession.Interruption) -> HTTPRequest {
    var query: [(name: String, value: String)] = []
    if let account { query.append(("account", account)) }
    if wantsIdentity, account != nil { query += [("client_id", Self.clientID), ("offline_token", "true")] }
    if !service.isEmpty { query.append(("service", service)) }
    query += scopes.map { ("scope", $0.text) }
    do throws(HTTPFailure) { return HTTPRequest("GET", try realm.adding(query: query)) } catch {
      throw .final(RegistryError(.malformed, asked, safeText(error.text)))
    }
  }

  private func post(_ scopes: [TokenScope], refreshToken: String) -> HTTPRequest {
    var form = [("grant_type", "refresh_token"), ("client_id", Self.clientID), ("refresh_token", refreshToken)]
    if !service.isEmpty { form.append(("service", service)) }
    if !scopes.isEmpty { form.append(("scope", scopes.map(\.text).joined(separator: " "))) }
    let text = form.map { "\(percentEncoded($0.0))=\(percentEncoded($0.1))" }.joined(separator: "&")
    return HTTPRequest(
      "POST", realm, headers: ["Content-Type": "application/x-www-form-urlencoded"], body: .bytes(Array(text.utf8)))
  }

  private var asked: String { "asking \(safeText(realm.authority)) for a token for \(name)" }

  private func read(_ response: HTTPResponse) throws(RegistrySession.Interruption) -> Token {
    let body: [UInt8]
    do throws(HTTPFailure) { body = try response.readAll(limit: RegistryLimits.answerBytes) } catch {
      if error.kind == .limit { throw .final(RegistryError(.limit, asked, "the answer is longer than 1 MiB")) }
      throw .transport(error, realm)
    }
    // No JSON has no member of the name.
    guard let json = try? JSON(parsing: body),
      let text = [json["token"], json["access_token"]].compactMap({ $0?.stringValue }).first(where: { !$0.isEmpty })
    else { throw .final(RegistryError(.malformed, asked, "the answer has no token")) }
    guard text.utf8.count <= Self.tokenBytes, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .final(RegistryError(.malformed, asked, "the answer's token is no word of a header"))
    }
    var token = Token(text: text, seconds: json["expires_in"]?.integerValue ?? Self.defaultSeconds)
    if wantsIdentity, let identity = json["refresh_token"]?.stringValue, !identity.isEmpty {
      guard identity.utf8.count <= Self.tokenBytes, identity.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
        throw .final(RegistryError(.malformed, asked, "the answer's identity token is no line of text"))
      }
      token.identity = identity
    }
    return token
  }

  private func refusal(_ response: HTTPResponse, hadCredential: Bool) -> RegistryError {
    let status = response.status
    let told = RegistryComplaint(response)
    let reason = told.text.isEmpty ? "it answers \(status)" : told.text
    switch status {
    case 401, 403:
      return RegistryError(
        status == 403 ? .denied : .unauthorized, asked, reason, hint: "dhow login \(name)", status: status,
        codes: told.codes)
    case 400 where hadCredential:
      // OAuth2 says this of a refresh token that is no longer good.
      return RegistryError(
        .unauthorized, asked, reason, hint: "dhow login \(name)", status: status, codes: told.codes)
    case 429:
      let retryAfter = response.headers.first("Retry-After").flatMap(retryAfterSeconds)
      return RegistryError(.rateLimited, asked, reason, status: status, codes: told.codes, retryAfter: retryAfter)
    case 408, 500...599: return RegistryError(.unavailable, asked, reason, status: status, codes: told.codes)
    default: return RegistryError(.malformed, asked, reason, status: status, codes: told.codes)
    }
  }
}
