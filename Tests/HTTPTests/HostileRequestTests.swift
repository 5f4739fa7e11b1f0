import Glibc
import HTTP
import LinuxKernel
import Testing

/// What a client may send that a server must not take (RFC 9112, request smuggling).
struct HostileRequestTests {
  static let host = "Host: a\r\n"

  static let refused: [(String, String)] = [
    ("hello\r\n\r\n", "400"),
    ("GET /\r\n\r\n", "400"),
    ("GET / HTTP/2.0\r\n\(host)\r\n", "505"),
    ("GET / HTTP/1.1\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\n\(host)\(host)\r\n", "400"),
    ("GET  / HTTP/1.1\r\n\(host)\r\n", "400"),
    ("GET / HTTP/1.1 \r\n\(host)\r\n", "400"),
    ("G\u{1}T / HTTP/1.1\r\n\(host)\r\n", "400"),
    ("GET(x) / HTTP/1.1\r\n\(host)\r\n", "400"),
    ("GET etc HTTP/1.1\r\n\(host)\r\n", "400"),
    ("GET ftp://a/ HTTP/1.1\r\n\(host)\r\n", "400"),
    ("GET /a#b HTTP/1.1\r\n\(host)\r\n", "400"),
    ("CONNECT a:443 HTTP/1.1\r\n\(host)\r\n", "400"),
    ("GET / HTTP/1.1\n\(host)\n", "400"),
    ("POST / HTTP/1.1\r\n\(host)Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\n\(host)Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\n\(host)Transfer-Encoding: identity\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\n\(host)Content-Length: 3\r\n folded\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\n\(host)Content-Length : 3\r\n\r\nabc", "400"),
    ("GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\n\(host)\r\n", "414"),
    ("GET / HTTP/1.1\r\n\(host)A: " + String(repeating: "a", count: 70_000) + "\r\n\r\n", "431"),
    ("GET / HTTP/1.1\r\n\(host)" + String(repeating: "A: b\r\n", count: 201) + "\r\n", "431"),
  ]

  @Test(arguments: refused)
  func `is answered with its status and the connection ends`(_ request: String, _ status: String) throws {
    let (ours, theirs) = try connectedSockets()
    let connection = HTTPServerConnection(OwnedDescriptor(owning: ours))
    let handed = theirs
    let answer = Handed(value: Box())
    let thread = TestThread {
      let bytes = Array((request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").utf8)
      _ = send(handed, bytes, bytes.count, Int32(MSG_NOSIGNAL))
      shutdown(handed, Int32(SHUT_WR))
      answer.value.text = readToEnd(handed)
      close(handed)
    }
    let failed = failure { while let request = try connection.nextRequest() { try request.respond(200) } }
    thread.join()
    #expect(failed != nil)
    #expect(answer.value.text.hasPrefix("HTTP/1.1 \(status) "), "\(answer.value.text.prefix(80))")
    #expect(answer.value.text.contains("200 OK") == false)
    #expect(try connection.nextRequest() == nil)
  }

  final class Box: @unchecked Sendable { var text = "" }

  /// Sends `input` to a server that answers as `serve` does; everything it said.
  private func talk(_ input: String, _ serve: (HTTPServerRequest) throws -> Void) throws -> String {
    let (ours, theirs) = try connectedSockets()
    let connection = HTTPServerConnection(
      OwnedDescriptor(owning: ours), settings: HTTPServerSettings(idleTimeout: .seconds(5)))
    defer { close(theirs) }
    let bytes = Array(input.utf8)
    _ = send(theirs, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    shutdown(theirs, Int32(SHUT_WR))
    while let request = try connection.nextRequest() { try serve(request) }
    return readToEnd(theirs)
  }

  @Test func `requests in a row are answered in a row`() throws {
    var seen: [String] = []
    let answer = try talk(
      "POST /a?x=%41&y HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        + "PUT http://other/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
        + "HEAD /c HTTP/1.1\r\nHost: a\r\n\r\nGET /d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    ) { request in
      let body = String(decoding: try request.readAll(limit: 10), as: UTF8.self)
      let query = request.query.map { $0.name + "=" + $0.value }.joined(separator: "&")
      seen.append("\(request.method) \(request.path) \(query) \(body)")
      try request.respond(200, ["X-A": "b"], .bytes(Array("ok".utf8)))
    }
    #expect(seen == ["POST /a x=A&y= abc", "PUT /b  de", "HEAD /c  ", "GET /d  "])
    #expect(answer.components("HTTP/1.1 200 OK\r\n") == 4)
    #expect(answer.components("\r\n\r\nok") == 3)
    #expect(answer.components("Content-Length: 2\r\n") == 4)
    #expect(answer.components("Connection: close") == 1)
  }

  @Test func `a body nobody read does not become the next request`() throws {
    var paths: [String] = []
    _ = try talk(
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n  "
        + "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
    ) { request in
      paths.append(request.path)
      try request.respond(403)
    }
    #expect(paths == ["/a", "/b"])
  }

  @Test func `100 Continue is sent only to who waits and only when the body is wanted`() throws {
    let head = "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    let wanted = try talk(head + "abc") { request in
      _ = try request.readAll(limit: 3)
      try request.respond(201)
    }
    #expect(wanted.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n"))
    let unwanted = try talk(head) { request in try request.respond(401) }
    #expect(unwanted.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
    #expect(unwanted.contains("Connection: close"))
  }

  @Test func `HTTP 1.0 gets a stream without chunks`() throws {
    let answer = try talk("GET / HTTP/1.0\r\n\r\n") { request in
      var parts = [Array("he".utf8), Array("llo".utf8)]
      try request.respond(
        200, [:],
        .stream(length: nil) { space in
          guard !parts.isEmpty else { return 0 }
          let part = parts.removeFirst()
          space.copyBytes(from: part)
          return part.count
        })
    }
    #expect(answer.hasSuffix("\r\n\r\nhello"))
    #expect(!answer.contains("chunked"))
  }

  @Test func `a header of ours cannot carry a line end`() throws {
    let (ours, theirs) = try connectedSockets()
    defer { close(theirs) }
    let connection = HTTPServerConnection(OwnedDescriptor(owning: ours))
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    _ = send(theirs, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    let request = try #require(try connection.nextRequest())
    #expect(failure { try request.respond(200, ["Location": "a\r\nSet-Cookie: b"]) }?.kind == .malformed)
    let client = HTTPClient()
    let bad = try HTTPRequest("GET", WebAddress(parsing: "http://127.0.0.1:1/"), headers: ["A": "b\nc"])
    let server = try LoopbackServer { request in try request.respond(200) }
    var other = bad
    other.address = try server.address()
    #expect(failure { _ = try client.send(other) }?.kind == .malformed)
  }
}

extension String {
  /// How often `part` is in it.
  func components(_ part: String) -> Int {
    var count = 0
    var rest = self[...].utf8
    while !rest.isEmpty {
      if rest.starts(with: part.utf8) { count += 1 }
      rest = rest.dropFirst()
    }
    return count
  }
}
