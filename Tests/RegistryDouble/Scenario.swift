import Basics
import Glibc
import HTTP
import LinuxKernel

/// Says something on standard error.
func complain(_ text: String) {
  let line = Array("registry-double: \(text)\n".utf8)
  // Nobody is left to tell when standard error is gone.
  try? File.writeAll(2, line)
}

/// What a double does, read from one JSON file:
///
///     {"record": FILE, "port": N, "tls": {"certificate": FILE, "key": FILE}, "token": {…}, "routes": [ROUTE…]}
///
/// The first route that fits a request answers it; a request that fits none gets 404 with a registry's error.
struct Scenario {
  /// 0 takes a free one.
  var port: UInt16
  var record: String?
  var tls: TLSIdentity?
  var token: TokenIssuer?
  var routes: [Route]

  init(path: String) throws {
    let fields = try JSONFields(JSON(parsing: File.readAll(path, limit: 64 << 20)), "scenario")
    port = UInt16(try fields.optionalInteger("port") ?? 0)
    record = try fields.optionalString("record")
    if let tls = try fields.fields("tls") {
      self.tls = TLSIdentity(
        certificate: try tls.string("certificate"), key: try tls.string("key"),
        clientAuthorities: try tls.optionalString("clientAuthorities"))
    }
    token = try fields.fields("token").map(TokenIssuer.init)
    routes = try fields.objects("routes").map(Route.init)
  }
}

/// An answer, and the requests it is for.
struct Route {
  enum Body {
    case none
    case bytes([UInt8])
    case file(String)
    /// The bytes for ever, or that many times.
    case repeated([UInt8], times: Int64?)
  }

  // Which requests.
  var method: String?
  /// The path without its query; with `*` at its end all that begin so.
  var path: String
  /// Headers that must be there and begin so.
  var wanted: [(String, String)]
  /// Headers that must not be there.
  var unwanted: [String]
  /// How often this route answers; nil is always.
  var times: Int64?

  // The answer.
  var status: Int
  var headers: [(String, String)]
  var body: Body
  /// Answers `Range` with 206.
  var takesRanges: Bool
  /// `Content-Length` as it is told, whatever the body is.
  var claim: Int64?
  /// Sent in chunks without a length.
  var isChunked: Bool
  /// Bytes of the body after which the connection is cut.
  var cut: Int64?
  /// Bytes in a second.
  var rate: Int64?
  /// Milliseconds before the answer begins.
  var wait: Int64
  /// Sent in place of an answer.
  var raw: [UInt8]?
  /// The connection is cut without a word.
  var hangsUp: Bool

  init(_ fields: JSONFields) throws {
    method = try fields.optionalString("method")
    path = try fields.string("path")
    wanted = try fields.pairs("wanted")
    unwanted = try fields.strings("unwanted")
    times = try fields.optionalInteger("times")
    status = Int(try fields.optionalInteger("status") ?? 200)
    headers = try fields.pairs("headers")
    takesRanges = try fields.bool("ranges")
    claim = try fields.optionalInteger("claim")
    isChunked = try fields.bool("chunked")
    cut = try fields.optionalInteger("cut")
    rate = try fields.optionalInteger("rate")
    wait = try fields.optionalInteger("wait") ?? 0
    raw = try fields.optionalString("raw").map { Array($0.utf8) }
    hangsUp = try fields.bool("hangsUp")
    if let text = try fields.optionalString("text") {
      body = .bytes(Array(text.utf8))
    } else if let text = try fields.optionalString("base64") {
      guard let bytes = base64Decoded(text) else { throw fields.failure("base64", "is no base64") }
      body = .bytes(bytes)
    } else if let path = try fields.optionalString("file") {
      body = .file(path)
    } else if let text = try fields.optionalString("repeat") {
      body = .repeated(Array(text.utf8), times: try fields.optionalInteger("count"))
    } else {
      body = .none
    }
  }

  func fits(_ request: HTTPServerRequest) -> Bool {
    guard method == nil || method == request.method else { return false }
    let isFit = path.hasSuffix("*") ? request.path.hasPrefix(path.dropLast()) : request.path == path
    return isFit
      && wanted.allSatisfy { (name, start) in request.headers.first(name)?.hasPrefix(start) == true }
      && unwanted.allSatisfy { request.headers.first($0) == nil }
  }
}
