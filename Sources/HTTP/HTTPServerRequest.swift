internal import Basics
internal import Glibc

/// A request that a client of ours made; answered once.
package final class HTTPServerRequest {
  package let method: String
  /// As it was sent: path and query, still percent-encoded; an absolute form without its scheme and host.
  package let target: String
  package let headers: HTTPHeaders
  /// nil when the body comes in chunks; 0 without one.
  package let contentLength: Int64?

  private let connection: HTTPServerConnection
  private let isVersion10: Bool
  private var body: BodyReader
  /// The client waits for `100 Continue` before it sends its body.
  private var awaitsContinue: Bool
  private(set) var hasResponded = false
  /// Whether `respond` was called.
  package var isAnswered: Bool { hasResponded }
  private(set) var mustClose: Bool

  init(_ head: MessageHead, _ connection: HTTPServerConnection) throws(HTTPFailure) {
    let parts = head.startLine.split(separator: " ", omittingEmptySubsequences: false)
    func refused(_ reason: String, status: Int = 400) -> HTTPFailure {
      var failure = connection.channel.failed(.malformed, reason)
      failure.status = status
      return failure
    }
    guard parts.count == 3, !parts[0].isEmpty, parts[0].utf8.count <= 32, parts[0].utf8.allSatisfy(isTokenByte) else {
      throw refused("the first line is no request")
    }
    guard parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else {
      let isHTTP = parts[2].hasPrefix("HTTP/")
      throw refused(
        isHTTP ? "only HTTP/1.1 is spoken here" : "the first line is no request", status: isHTTP ? 505 : 400)
    }
    isVersion10 = parts[2] == "HTTP/1.0"
    method = String(parts[0])
    guard let target = HTTPServerRequest.target(parts[1], method: method) else {
      throw refused("the target of the request is neither a path nor an address")
    }
    guard target.utf8.count <= WebAddress.byteLimit else {
      throw refused("the target is longer than \(WebAddress.byteLimit) bytes", status: 414)
    }
    self.target = target
    headers = head.headers
    let hosts = headers.all("Host").count
    guard hosts == 1 || isVersion10 && hosts == 0 else { throw refused("not exactly one Host field") }
    do throws(MessageHead.Refusal) {
      let framing = try BodyFraming(headers, isVersion10: isVersion10) ?? .none
      body = BodyReader(framing)
      switch framing {
      case .length(let count): contentLength = count
      case .chunked: contentLength = nil
      default: contentLength = 0
      }
    } catch { throw refused("the head of the message has " + error.text) }
    self.connection = connection
    awaitsContinue = !isVersion10 && !body.isOver && headers.all("Expect").contains { sameToken($0, "100-continue") }
    mustClose = isVersion10 || HTTPServerRequest.names("close", headers.all("Connection"))
  }

  private static func target(_ text: Substring, method: String) -> String? {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else { return nil }
    if text.hasPrefix("/") { return String(text) }
    if text == "*" { return method == "OPTIONS" ? "*" : nil }
    // The form that proxies are asked in; servers must take it (RFC 9112 section 3.2.2).
    // Neither form: refused by the caller.
    return (try? WebAddress(parsing: String(text)))?.target
  }

  private static func names(_ token: String, _ values: [String]) -> Bool {
    values.contains { value in value.split(separator: ",").contains { sameToken($0.filter { $0 != " " }, token) } }
  }

  /// The target's path, still percent-encoded.
  package var path: String { target.firstIndex(of: "?").map { String(target[..<$0]) } ?? target }

  /// The query's parameters, decoded, in order; `+` is a plus. A broken encoding is left as it came.
  package var query: [(name: String, value: String)] {
    guard let mark = target.firstIndex(of: "?") else { return [] }
    return target[target.index(after: mark)...].split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let value = parts.count > 1 ? parts[1] : ""
      return (name: percentDecoded(parts[0]) ?? parts[0], value: percentDecoded(value) ?? value)
    }
  }

  /// Fills `buffer` from its front; 0 is the end. The first call sends `100 Continue` if the client waits for it.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(HTTPFailure) -> Int {
    if awaitsContinue {
      awaitsContinue = false
      try connection.channel.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
    }
    do throws(HTTPFailure) { return try body.read(connection.channel, into: buffer) } catch {
      // Where the next request would begin is not known any more.
      mustClose = true
      throw error
    }
  }

  /// The whole body; `.limit` when it is longer than `limit` bytes.
  package func readAll(limit: Int) throws(HTTPFailure) -> [UInt8] {
    try collect(limit: limit, expected: contentLength, peer: connection.peer) { (space) throws(HTTPFailure) in
      try self.read(into: space)
    }
  }

  /// Answers. `Content-Length`, `Date`, `Server` and `Connection` are written here; the body of an answer to HEAD gives
  /// the length only. A `Content-Length` in `headers` wins when `body` is none.
  package func respond(_ status: Int, _ headers: HTTPHeaders = [:], _ body: HTTPBody = .none) throws(HTTPFailure) {
    precondition(!hasResponded, "a request is answered once")
    hasResponded = true
    // A client that was never told to go on may send its body or not: nobody can tell what its next bytes are.
    if awaitsContinue { mustClose = true }
    var all = headers
    let told = all.first("Content-Length")
    all.remove("Transfer-Encoding")
    let isBodiless = status < 200 || status == 204 || status == 304
    var body = body
    if isBodiless {
      body = .none
      all.remove("Content-Length")
    } else if case .none = body, let told {
      all.set("Content-Length", told)
      if method != "HEAD", told != "0" { throw HTTPFailure(.system, "a length without a body") }
    } else if isVersion10, body.length == nil {
      all.remove("Content-Length")
    } else {
      MessageWriter.frame(body, &all)
    }
    if all.first("Date") == nil { all.add("Date", httpDate(Timestamp.now)) }
    if all.first("Server") == nil { all.add("Server", connection.settings.name) }
    if mustClose, status != 101 { all.set("Connection", "close") }
    let head = try MessageWriter.head("HTTP/1.1 \(status) \(reasonPhrase(status))", all)
    let isHead = method == "HEAD"
    do throws(HTTPFailure) {
      try send(head, isHead ? .none : body)
    } catch {
      mustClose = true
      connection.close()
      throw error
    }
  }

  private func send(_ head: [UInt8], _ body: HTTPBody) throws(HTTPFailure) {
    let channel = connection.channel
    if isVersion10, body.length == nil, case .stream(_, let read) = body {
      // HTTP/1.0 knows no chunks: the body ends with the connection.
      try channel.write(head)
      let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
      defer { block.deallocate() }
      while true {
        let count: Int
        do { count = try read(block) } catch {
          throw HTTPFailure(.body, "the body's source failed", isRetryable: false, cause: error)
        }
        if count == 0 { return }
        try channel.write(UnsafeRawBufferPointer(rebasing: block[..<count]))
      }
    }
    _ = try MessageWriter.send(channel, head: head, body: body, stoppingForInput: false)
  }

  /// What a client may still have to send of a body nobody wanted before its connection is given up.
  private static let drainLimit = 1 << 20

  /// Reads what is left of the body; false when that is too much.
  func finishBody() throws(HTTPFailure) -> Bool {
    if body.isOver { return true }
    guard body.leastLeft <= Int64(HTTPServerRequest.drainLimit) else { return false }
    let bin = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    defer { bin.deallocate() }
    var total = 0
    while total <= HTTPServerRequest.drainLimit {
      let count = try body.read(connection.channel, into: bin)
      if count == 0 { return true }
      total += count
    }
    return false
  }
}

/// RFC 9110 section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
func httpDate(_ time: Timestamp) -> String {
  var seconds = time_t(time.seconds)
  var parts = tm()
  gmtime_r(&seconds, &parts)
  let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
  func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : String(number) }
  return days[Int(parts.tm_wday)] + ", " + two(parts.tm_mday) + " " + months[Int(parts.tm_mon)] + " "
    + String(parts.tm_year + 1900) + " " + two(parts.tm_hour) + ":" + two(parts.tm_min) + ":" + two(parts.tm_sec)
    + " GMT"
}

/// The words of RFC 9110 section 15 for the statuses used here.
func reasonPhrase(_ status: Int) -> String {
  switch status {
  case 101: "Switching Protocols"
  case 200: "OK"
  case 201: "Created"
  case 202: "Accepted"
  case 204: "No Content"
  case 206: "Partial Content"
  case 301: "Moved Permanently"
  case 302: "Found"
  case 304: "Not Modified"
  case 307: "Temporary Redirect"
  case 308: "Permanent Redirect"
  case 400: "Bad Request"
  case 401: "Unauthorized"
  case 403: "Forbidden"
  case 404: "Not Found"
  case 405: "Method Not Allowed"
  case 408: "Request Timeout"
  case 409: "Conflict"
  case 413: "Content Too Large"
  case 414: "URI Too Long"
  case 416: "Range Not Satisfiable"
  case 429: "Too Many Requests"
  case 431: "Request Header Fields Too Large"
  case 500: "Internal Server Error"
  case 501: "Not Implemented"
  case 503: "Service Unavailable"
  case 505: "HTTP Version Not Supported"
  default: status < 400 ? "OK" : "Error"
  }
}
