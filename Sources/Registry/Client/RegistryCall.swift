import HTTP

/// One request to a registry, before it is known who must authenticate and where it is redirected.
struct RegistryCall {
  var method: String
  var address: WebAddress
  var headers: HTTPHeaders = [:]
  var body = HTTPBody.none
  /// What the token must be good for.
  var scopes: [TokenScope]
  /// What is asked, for errors.
  var asked: String
  /// Statuses that are an answer; every other is an error.
  var answers: Set<Int>
  /// False for what may not be sent twice when it is not known whether it arrived.
  var isRepeatable = true
  var answerTimeout: Duration?
}
