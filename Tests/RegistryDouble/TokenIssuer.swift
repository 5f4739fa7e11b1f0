import Basics
import COpenSSL
import Glibc
import HTTP
import LinuxKernel

/// A token service (distribution, "Docker Registry v2 authentication via central service", token and oauth) whose tokens
/// docker-registry takes:
///
///     {"path": "/token", "issuer": TEXT, "key": FILE, "certificate": FILE, "users": {NAME: PASSWORD},
///      "refresh": {TOKEN: NAME}, "expires": SECONDS, "noAnonymous": true}
///
/// Users get every action they ask for, anybody else `pull`.
struct TokenIssuer: Sendable {
  let path: String
  private let issuer: String
  private let signer: TokenSigner
  private let users: [String: String]
  private let refresh: [String: String]
  private let expires: Int64?
  private let refusesAnonymous: Bool

  init(_ fields: JSONFields) throws {
    path = try fields.string("path")
    issuer = try fields.string("issuer")
    signer = try TokenSigner(key: fields.string("key"), certificate: fields.string("certificate"))
    users = Dictionary(try fields.pairs("users"), uniquingKeysWith: { $1 })
    refresh = Dictionary(try fields.pairs("refresh"), uniquingKeysWith: { $1 })
    expires = try fields.optionalInteger("expires")
    refusesAnonymous = try fields.bool("noAnonymous")
  }

  /// Status and body for a GET with Basic authentication or none, or an OAuth 2 POST.
  func answer(_ request: HTTPServerRequest, _ body: [UInt8]) -> (Int, JSON) {
    let isPost = request.method == "POST"
    let parameters = isPost ? Self.form(String(decoding: body, as: UTF8.self)) : request.query
    func parameter(_ name: String) -> String? { parameters.first { $0.name == name }?.value }
    let user: String?
    if isPost {
      switch parameter("grant_type") {
      case "refresh_token": user = parameter("refresh_token").flatMap { refresh[$0] }
      case "password": user = known(parameter("username"), parameter("password"))
      default: return (400, ["error": "unsupported_grant_type"])
      }
      if user == nil { return (401, Self.refusal) }
    } else if let header = request.headers.first("Authorization") {
      guard let named = basic(header) else { return (401, Self.refusal) }
      user = named
    } else {
      if refusesAnonymous { return (401, Self.refusal) }
      user = nil
    }
    let scopes = parameters.filter { $0.name == "scope" }.flatMap { $0.value.split(separator: " ").map(String.init) }
    guard let token = try? signer.sign(claims(user, parameter("service") ?? "", scopes)) else {
      return (500, ["errors": [["code": "UNKNOWN", "message": "signing failed"]]])
    }
    var answer = JSONObject([(isPost ? "access_token" : "token", .string(token))])
    if let expires { answer["expires_in"] = .integer(expires) }
    if parameter("offline_token") == "true" || parameter("access_type") == "offline",
      let own = refresh.first(where: { $0.value == user })?.key
    {
      answer["refresh_token"] = .string(own)
    }
    return (200, .object(answer))
  }

  private static let refusal: JSON = ["details": "incorrect username or password"]

  private func known(_ user: String?, _ password: String?) -> String? {
    guard let user, let password, users[user] == password else { return nil }
    return user
  }

  private func basic(_ header: String) -> String? {
    guard header.hasPrefix("Basic "), let bytes = base64Decoded(String(header.dropFirst(6))) else { return nil }
    let pair = String(decoding: bytes, as: UTF8.self)
    guard let colon = pair.firstIndex(of: ":") else { return nil }
    return known(String(pair[..<colon]), String(pair[pair.index(after: colon)...]))
  }

  private func claims(_ user: String?, _ service: String, _ scopes: [String]) -> JSON {
    let now = Int64(time(nil))
    let access: [JSON] = scopes.compactMap { scope in
      // `repository:name:actions`; the name may hold a port.
      guard let first = scope.firstIndex(of: ":"), let last = scope.lastIndex(of: ":"), first < last else { return nil }
      let asked = scope[scope.index(after: last)...].split(separator: ",").map(String.init)
      let granted = user == nil ? asked.filter { $0 == "pull" } : asked
      return [
        "type": .string(String(scope[..<first])), "name": .string(String(scope[scope.index(after: first)..<last])),
        "actions": JSON(granted),
      ]
    }
    return [
      "iss": .string(issuer), "sub": .string(user ?? ""), "aud": .string(service), "exp": .integer(now + 3600),
      "nbf": .integer(now - 60), "iat": .integer(now), "jti": .string("\(now)-\(UInt64.random(in: 0 ... .max))"),
      "access": .array(access),
    ]
  }

  /// `a=b&c=d` of a form.
  private static func form(_ text: String) -> [(name: String, value: String)] {
    text.split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      func decoded(_ text: String) -> String {
        percentDecoded(String(text.map { $0 == "+" ? " " : $0 })) ?? text
      }
      return (decoded(parts[0]), parts.count > 1 ? decoded(parts[1]) : "")
    }
  }
}

/// Signs JSON web tokens with RS256 or ES256, as the key is, and names its certificate in them (RFC 7515, `x5c`).
struct TokenSigner: Sendable {
  private let keyText: [UInt8]
  private let certificate: String

  init(key: String, certificate: String) throws {
    keyText = try File.readAll(key, limit: 1 << 20)
    let text = String(decoding: try File.readAll(certificate, limit: 1 << 20), as: UTF8.self)
    self.certificate = text.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
  }

  struct Failure: Error {}

  func sign(_ claims: JSON) throws -> String {
    guard let source = BIO_new_mem_buf(keyText, Int32(keyText.count)) else { throw Failure() }
    defer { BIO_free(source) }
    guard let key = PEM_read_bio_PrivateKey(source, nil, nil, nil) else { throw Failure() }
    defer { EVP_PKEY_free(key) }
    let isElliptic = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC
    let header: JSON = ["typ": "JWT", "alg": isElliptic ? "ES256" : "RS256", "x5c": [.string(certificate)]]
    let text = Self.url(header.bytes()) + "." + Self.url(claims.bytes())
    let input = Array(text.utf8)
    guard let context = EVP_MD_CTX_new() else { throw Failure() }
    defer { EVP_MD_CTX_free(context) }
    var length = 0
    guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
      EVP_DigestSign(context, nil, &length, input, input.count) == 1
    else { throw Failure() }
    var signature = [UInt8](repeating: 0, count: length)
    guard EVP_DigestSign(context, &signature, &length, input, input.count) == 1 else { throw Failure() }
    signature.removeLast(signature.count - length)
    return text + "." + Self.url(isElliptic ? try Self.raw(signature) : signature)
  }

  private static func url(_ bytes: [UInt8]) -> String {
    String(
      base64Encoded(bytes).compactMap { $0 == "=" ? nil : $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
  }

  /// The two numbers of an ECDSA signature in 32 bytes each (RFC 7518 section 3.4), from their DER.
  private static func raw(_ der: [UInt8]) throws -> [UInt8] {
    var rest = der.dropFirst(2)
    var result: [UInt8] = []
    for _ in 0..<2 {
      guard rest.popFirst() == 2, let count = rest.popFirst(), rest.count >= Int(count) else { throw Failure() }
      let number = rest.prefix(Int(count)).drop { $0 == 0 }
      guard number.count <= 32 else { throw Failure() }
      result += [UInt8](repeating: 0, count: 32 - number.count) + number
      rest = rest.dropFirst(Int(count))
    }
    return result
  }
}
