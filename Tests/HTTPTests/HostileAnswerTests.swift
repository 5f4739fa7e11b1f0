import Glibc
import HTTP
import Testing

/// What a server may send that a client must not take (SECURITY B7, RFC 9112).
struct HostileAnswerTests {
  struct Answer: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    var kind: HTTPFailure.Kind
    var testDescription: String { name }

    init(_ name: String, _ text: String, _ kind: HTTPFailure.Kind) {
      self.name = name
      self.bytes = Array(text.utf8)
      self.kind = kind
    }
  }

  static let ok = "HTTP/1.1 200 OK\r\n"
  static let chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"

  static let answers = [
    Answer("nothing", "", .closed),
    Answer("no HTTP", "220 ftp.example ready\r\n\r\n", .malformed),
    Answer("HTTP/2", "HTTP/2 200 OK\r\n\r\n", .malformed),
    Answer("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", .malformed),
    Answer("a status of letters", "HTTP/1.1 +20 OK\r\n\r\n", .malformed),
    Answer("a status over 599", "HTTP/1.1 999 No\r\n\r\n", .malformed),
    Answer("half a head", ok + "Content-Le", .closed),
    Answer("bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", .malformed),
    Answer("one bare LF among others", ok + "A: b\nContent-Length: 0\r\n\r\n", .malformed),
    Answer("a bare CR", ok + "A: b\rc\r\nContent-Length: 0\r\n\r\n", .malformed),
    Answer("a NUL", ok + "A: b\0c\r\n\r\n", .malformed),
    Answer("a folded field", ok + "A: b\r\n c\r\n\r\n", .malformed),
    Answer("a folded first field", ok + " A: b\r\n\r\n", .malformed),
    Answer("a space before the colon", ok + "Content-Length : 0\r\n\r\n", .malformed),
    Answer("a field without a name", ok + ": b\r\n\r\n", .malformed),
    Answer("a field without a colon", ok + "Content-Length\r\n\r\n", .malformed),
    Answer("a length twice", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", .malformed),
    Answer("a list of lengths", ok + "Content-Length: 2, 2\r\n\r\nab", .malformed),
    Answer("a negative length", ok + "Content-Length: -1\r\n\r\n", .malformed),
    Answer("a length with a sign", ok + "Content-Length: +2\r\n\r\nab", .malformed),
    Answer("a hexadecimal length", ok + "Content-Length: 0x2\r\n\r\nab", .malformed),
    Answer("a length over 63 bits", ok + "Content-Length: 9223372036854775808\r\n\r\n", .malformed),
    Answer("length and chunks", ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .malformed),
    Answer("an unknown coding", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", .malformed),
    Answer("chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .malformed),
    Answer("a head of a megabyte", ok + "A: " + String(repeating: "b", count: 1 << 20) + "\r\n\r\n", .limit),
    Answer("300 fields", ok + String(repeating: "A: b\r\n", count: 300) + "\r\n", .limit),
    Answer("20 interim answers", String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 20), .limit),
    Answer("a cut body", ok + "Content-Length: 10\r\n\r\nabc", .closed),
    Answer("a cut chunk", chunked + "a\r\nabc", .closed),
    Answer("no last chunk", chunked + "3\r\nabc\r\n", .closed),
    Answer("a chunk size that overflows", chunked + "ffffffffffffffff\r\nabc", .malformed),
    Answer("a chunk size of 17 digits", chunked + "00000000000000003\r\nabc\r\n0\r\n\r\n", .malformed),
    Answer("a negative chunk size", chunked + "-3\r\nabc\r\n0\r\n\r\n", .malformed),
    Answer("an empty chunk size", chunked + "\r\nabc\r\n", .malformed),
    Answer("a chunk size of letters", chunked + "xyz\r\nabc\r\n", .malformed),
    Answer("a chunk longer than it says", chunked + "3\r\nabcdef\r\n0\r\n\r\n", .malformed),
    Answer("a chunk line without CR", chunked + "3\nabc\r\n0\r\n\r\n", .malformed),
    Answer("an endless chunk extension", chunked + "3;" + String(repeating: "x", count: 1 << 17), .limit),
    Answer("an endless trailer", chunked + "0\r\n" + String(repeating: "A: b\r\n", count: 1000), .limit),
  ]

  @Test(arguments: answers)
  func `is refused for what it is`(_ answer: Answer) throws {
    let server = try LoopbackServer(raw: answer.bytes)
    let client = HTTPClient()
    let failed = failure {
      _ = try client.send(HTTPRequest("GET", server.address())).readAll(limit: 1 << 20)
    }
    #expect(failed?.kind == answer.kind, "\(failed?.text ?? "taken")")
  }

  static let good: [(String, String)] = [
    (ok + "Content-Length: 5\r\n\r\nhello", "hello"),
    (ok + "content-length:5\t\r\nX: \r\n\r\nhello", "hello"),
    ("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    (ok + "\r\nhello", "hello"),
    ("HTTP/1.0 200 OK\r\n\r\nhello", "hello"),
    (chunked + "3;name=value\r\nhel\r\n2 \r\nlo\r\n0\r\nTrailer: x\r\n\r\n", "hello"),
    (chunked + "000003\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"),
    ("HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "hello"),
    ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", ""),
  ]

  @Test(arguments: good)
  func `good answers are taken in all their forms`(_ bytes: String, _ body: String) throws {
    let server = try LoopbackServer(raw: Array(bytes.utf8))
    let answer = try HTTPClient().send(HTTPRequest("GET", server.address()))
    #expect(String(decoding: try answer.readAll(limit: 100), as: UTF8.self) == body)
  }

  @Test func `an answer over the limit is not read to its end`() throws {
    let server = try LoopbackServer { request in
      try request.respond(200, [:], .stream(length: nil) { space in space.count })
    }
    let told = try LoopbackServer { request in try request.respond(200, [:], .bytes([1, 2, 3, 4, 5])) }
    for (address, limit) in [(try server.address(), 1 << 20), (try told.address(), 4)] {
      let failed = failure { _ = try HTTPClient().send(HTTPRequest("GET", address)).readAll(limit: limit) }
      #expect(failed?.kind == .limit)
      #expect(failed?.text.contains("\(limit) bytes") == true)
    }
    #expect(try HTTPClient().send(HTTPRequest("GET", told.address())).readAll(limit: 5) == [1, 2, 3, 4, 5])
  }

  @Test func `a silent and a trickling server end in time`() throws {
    let silent = try LoopbackServer { connection in
      _ = try connection.nextRequest()
      usleep(600_000)
    }
    // One byte now and then keeps a plain idle time-out happy for ever.
    let trickling = try LoopbackServer { connection in
      _ = try connection.nextRequest()
      try connection.send(raw: Array("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".utf8))
      while true {
        try connection.send(raw: [0x61])
        usleep(20_000)
      }
    }
    let slowHead = try LoopbackServer { connection in
      _ = try connection.nextRequest()
      while true {
        try connection.send(raw: Array("HTTP/1.1 100 Continue\r\n\r".utf8))
        usleep(30_000)
        try connection.send(raw: [0x0A])
      }
    }
    let settings = HTTPClientSettings(idleTimeout: .milliseconds(300))
    for server in [silent, trickling, slowHead] {
      let failed = failure {
        _ = try HTTPClient(settings).send(HTTPRequest("GET", server.address())).readAll(limit: 1 << 20)
      }
      #expect(failed?.kind == .timeout || failed?.kind == .limit, "\(failed?.text ?? "taken")")
    }
  }
}
