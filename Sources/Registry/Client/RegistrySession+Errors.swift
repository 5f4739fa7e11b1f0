internal import Basics
internal import HTTP
internal import OCI

extension RegistryError {
  /// Whether the same request may be answered later (SECURITY B8).
  var isWorthRepeating: Bool { [408, 429, 500, 502, 503, 504].contains(status) }
}

extension RegistrySession {
  /// The error of a status that is no answer, in the registry's own words when it has some
  /// (distribution spec, "Error codes").
  func answerError(_ response: HTTPResponse, _ address: WebAddress, _ call: RegistryCall) -> RegistryError {
    let status = response.status
    let told = RegistryComplaint(response)
    var reason = told.text
    if reason.isEmpty { reason = "\(shown(address)) answers \(status)\(words(status))" }
    let retryAfter = response.headers.first("Retry-After").flatMap(retryAfterSeconds)
    var error = RegistryError(
      kind(status, told.codes), call.asked, reason, status: status, codes: told.codes, retryAfter: retryAfter)
    switch error.kind {
    case .unauthorized: error.hint = "dhow login \(endpoint.name)"
    case .denied: error.hint = "the account may not do this; dhow login \(endpoint.name) uses another"
    case .rateLimited:
      if let retryAfter, retryAfter != .max { error.hint = "the registry asks to wait \(retryAfter) seconds" }
    case .limit:
      error.hint = "the registry, or a proxy before it, takes no request of that size: its limit can be raised there"
    default: break
    }
    return error
  }

  private func kind(_ status: Int, _ codes: [String]) -> RegistryError.Kind {
    switch status {
    case 401: return .unauthorized
    case 403: return .denied
    case 404: return .notFound
    case 405: return .unsupported
    case 429: return .rateLimited
    case 413: return .limit
    case 408, 500...599: return .unavailable
    default:
      // Some registries say 400 where the specification has 404.
      let absent: Set = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN"]
      if codes.contains(where: absent.contains) { return .notFound }
      if codes.contains("TOOMANYREQUESTS") { return .rateLimited }
      return codes.contains("UNSUPPORTED") ? .unsupported : .malformed
    }
  }

  private func words(_ status: Int) -> String {
    switch status {
    case 401: " (unauthorized)"
    case 403: " (forbidden)"
    case 404: " (not found)"
    case 429: " (too many requests)"
    case 500...599: " (the registry's own failure)"
    default: ""
    }
  }

  /// The error of a connection that failed.
  func transportError(_ failure: HTTPFailure, _ address: WebAddress, _ call: RegistryCall) -> RegistryError {
    var error = RegistryError(.unavailable, call.asked, safeText(failure.text))
    switch failure.kind {
    case .tls(let problem):
      error.kind = .refused
      let advice = hint(problem)
      error.hint = advice.isEmpty ? nil : advice
    case .malformed: error.kind = .malformed
    case .limit: error.kind = .limit
    case .invalidAddress: error.kind = .malformed
    case .body, .system: error.kind = .local
    case .resolve:
      error.hint = "is the name right, and the network there? dhow load -i FILE brings an image without one"
    case .refused: error.hint = "nothing listens there: is the port right, and the registry running?"
    case .timeout, .closed, .proxy: break
    }
    return error
  }

  private func hint(_ problem: HTTPFailure.TLSProblem) -> String {
    switch problem {
    case .notTLS: "the registry answers plain http; --tls-verify=false allows that, or insecure in registries.conf"
    case .untrusted, .wrongName, .expired, .notYetValid, .revoked:
      "--cert-dir names a directory with the registry's authority, *.crt; --tls-verify=false trusts it unseen"
    case .clientCertificate: "--cert-dir names a directory with NAME.cert and NAME.key"
    case .ownFiles, .version, .other: ""
    }
  }

  func malformed(_ asked: String, _ reason: String) -> RegistryError {
    RegistryError(.malformed, asked, "\(endpoint.name) \(reason)")
  }

  /// A host for people; the port is left out where everybody knows it.
  func shown(_ address: WebAddress) -> String { safeText(address.authority) }

  /// The whole body of an answer.
  func body(
    _ response: HTTPResponse, limit: Int, _ call: RegistryCall, _ address: WebAddress
  ) throws(RegistryError) -> [UInt8] {
    do throws(HTTPFailure) { return try response.readAll(limit: limit) } catch {
      if error.kind == .limit {
        throw RegistryError(.limit, call.asked, "\(shown(address)) answers with more than \(limit >> 20) MiB")
      }
      throw transportError(error, address, call)
    }
  }
}

/// What a registry says in the body of an error.
struct RegistryComplaint {
  var codes: [String] = []
  /// Safe to show; empty when it says nothing.
  var text = ""

  static let most = 5
  static let textBytes = 500

  /// Reads the body. One that is too long, cut or no JSON says nothing, which is no further error.
  init(_ response: HTTPResponse) {
    self.init(body: (try? response.readAll(limit: RegistryLimits.answerBytes)) ?? [])
  }

  init(body: [UInt8]) {
    guard !body.isEmpty, let json = try? JSON(parsing: body) else { return }  // No JSON: an error page for browsers.
    var sentences: [String] = []
    for error in (json["errors"]?.arrayValue ?? []).prefix(Self.most) {
      let code = error["code"]?.stringValue ?? ""
      let message = error["message"]?.stringValue ?? ""
      if !code.isEmpty { codes.append(safeText(String(code.prefix(64)))) }
      var sentence = [code, message].filter { !$0.isEmpty }.joined(separator: ": ")
      // Rate limits and denials say more here than in the message.
      if let detail = error["detail"]?.stringValue, !detail.isEmpty, detail != message { sentence += " (\(detail))" }
      if !sentence.isEmpty { sentences.append(sentence) }
    }
    if sentences.isEmpty {
      // Token services and old registries say it in one member.
      for name in ["details", "message", "error_description", "error"] {
        if let message = json[name]?.stringValue, !message.isEmpty {
          sentences = [message]
          break
        }
      }
    }
    text = safeText(String(sentences.joined(separator: "; ").prefix(Self.textBytes)))
  }
}
