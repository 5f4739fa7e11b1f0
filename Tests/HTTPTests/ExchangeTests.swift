import Glibc
import HTTP
import LinuxKernel
import Synchronization
import Testing

/// Our client and our server with each other, in the clear and over TLS.
struct ExchangeTests {
  enum Wire: String, Sendable, CaseIterable { case plain, tls }

  static func server(
    _ wire: Wire, settings: HTTPServerSettings = HTTPServerSettings(),
    _ serve: @escaping @Sendable (HTTPServerConnection) throws -> Void
  ) throws -> LoopbackServer {
    try LoopbackServer(tls: wire == .tls ? TestCertificates.shared().server : nil, settings: settings, serve)
  }

  static func client(_ wire: Wire, idle: Duration = .seconds(10)) throws -> HTTPClient {
    let trust = wire == .tls ? TLSTrust(extraAuthorities: [try TestCertificates.shared().authority]) : TLSTrust()
    return HTTPClient(HTTPClientSettings(trust: trust, idleTimeout: idle))
  }

  static func address(_ server: LoopbackServer, _ wire: Wire, _ target: String = "/") throws -> WebAddress {
    try server.address(target, scheme: wire == .tls ? .https : .http)
  }

  static func echo(_ connection: HTTPServerConnection) throws {
    while let request = try connection.nextRequest() {
      let body = try request.readAll(limit: 1 << 26)
      try request.respond(200, ["X-Length": request.contentLength.map(String.init) ?? "chunks"], .bytes(body))
    }
  }

  /// A file of `count` bytes that does not repeat itself at any power of two.
  static func file(_ count: Int) throws -> (descriptor: Int32, bytes: [UInt8]) {
    var template = Array("/tmp/dhow-http-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    unlink(template)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 251) }
    var done = 0
    while done < count { done += bytes[done...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } }
    return (descriptor, bytes)
  }

  @Test(arguments: Wire.allCases) func `every kind of body arrives whole`(_ wire: Wire) throws {
    let server = try ExchangeTests.server(wire, ExchangeTests.echo)
    let client = try ExchangeTests.client(wire)
    let (descriptor, bytes) = try ExchangeTests.file(3_000_001)
    defer { close(descriptor) }
    var progress: [Int64] = []
    var left = bytes[...]
    let read: (UnsafeMutableRawBufferPointer) -> Int = { space in
      let part = left.prefix(min(space.count, 50_001))
      space.copyBytes(from: part)
      left = left.dropFirst(part.count)
      return part.count
    }
    let bodies: [(HTTPBody, [UInt8], String)] = [
      (.none, [], "0"), (.bytes([]), [], "0"), (.bytes([1, 2, 3]), [1, 2, 3], "3"), (.bytes(bytes), bytes, "3000001"),
      (
        .file(descriptor: descriptor, offset: 0, count: 3_000_001, onProgress: { progress.append($0) }), bytes,
        "3000001"
      ),
      (
        .file(descriptor: descriptor, offset: 1_000_001, count: 70_000, onProgress: nil),
        Array(bytes[1_000_001..<1_070_001]),
        "70000"
      ),
      (.stream(length: nil, read: read), bytes, "chunks"),
      (.stream(length: 3_000_001, read: read), bytes, "3000001"),
    ]
    for (body, wanted, length) in bodies {
      left = bytes[...]
      let answer = try client.send(HTTPRequest("PUT", ExchangeTests.address(server, wire), body: body))
      #expect(answer.headers.first("X-Length") == length)
      #expect(try answer.readAll(limit: 1 << 26) == wanted)
    }
    #expect(progress.last == 3_000_001 && progress == progress.sorted())
    #expect(server.connections == 1, "one connection carries them all")
  }

  @Test(arguments: Wire.allCases) func `files and streams are answered whole`(_ wire: Wire) throws {
    let (descriptor, bytes) = try ExchangeTests.file(3_000_001)
    defer { close(descriptor) }
    let server = try ExchangeTests.server(wire) { connection in
      while let request = try connection.nextRequest() {
        if request.path == "/file" {
          try request.respond(200, [:], .file(descriptor: descriptor, offset: 1, count: 3_000_000, onProgress: nil))
        } else {
          let left = Atomic(bytes.count)
          try request.respond(
            200, [:],
            .stream(length: nil) { space in
              let count = min(left.load(ordering: .relaxed), space.count)
              space.copyBytes(from: bytes[(bytes.count - left.load(ordering: .relaxed))...].prefix(count))
              left.subtract(count, ordering: .relaxed)
              return count
            })
        }
      }
    }
    let client = try ExchangeTests.client(wire)
    let file = try client.send(HTTPRequest("GET", ExchangeTests.address(server, wire, "/file")))
    #expect(file.length == 3_000_000)
    #expect(try file.readAll(limit: 3_000_000) == Array(bytes[1...]))
    let stream = try client.send(HTTPRequest("GET", ExchangeTests.address(server, wire, "/stream")))
    #expect(stream.length == nil)
    #expect(try stream.readAll(limit: 4_000_000) == bytes)
    let head = try client.send(HTTPRequest("HEAD", ExchangeTests.address(server, wire, "/file")))
    #expect(head.length == 3_000_000)
    #expect(try head.readAll(limit: 0) == [])
    #expect(server.connections == 1)
  }

  @Test(arguments: Wire.allCases) func `a kept connection that was closed costs one more attempt`(_ wire: Wire) throws {
    let settings = HTTPServerSettings(keepAliveTimeout: .milliseconds(50))
    let server = try ExchangeTests.server(wire, settings: settings, ExchangeTests.echo)
    let client = try ExchangeTests.client(wire)
    for count in 1...3 {
      let answer = try client.send(
        HTTPRequest("POST", ExchangeTests.address(server, wire), body: .bytes([UInt8(count)])))
      #expect(try answer.readAll(limit: 1) == [UInt8(count)])
      usleep(120_000)
    }
    #expect(server.connections == 3)
  }

  @Test func `a connection that closes on the request itself is tried again once, and a stream never is`() throws {
    // Answers one request of each connection, then closes when the next has come.
    let server = try LoopbackServer { connection in
      if let request = try connection.nextRequest() { try request.respond(200, [:], .bytes([1])) }
      _ = try connection.nextRequest()
      connection.close()
    }
    let client = HTTPClient()
    for _ in 1...2 { #expect(try client.send(HTTPRequest("GET", server.address())).readAll(limit: 1) == [1]) }
    #expect(server.connections == 2)
    let failed = failure {
      _ = try client.send(
        HTTPRequest(
          "PUT", server.address(),
          body: .stream(length: 1) {
            $0[0] = 1; return 1
          }))
    }
    #expect(failed?.kind == .closed && failed?.isRetryable == true)
    let dead = try LoopbackServer { connection in
      _ = try connection.nextRequest()
      connection.close()
    }
    #expect(failure { _ = try client.send(HTTPRequest("GET", dead.address())) }?.kind == .closed)
    #expect(dead.connections == 1, "a fresh connection is not tried again here")
  }

  @Test(arguments: Wire.allCases) func `an answer in the middle of an upload is heard`(_ wire: Wire) throws {
    let server = try ExchangeTests.server(wire) { connection in
      while let request = try connection.nextRequest() { try request.respond(413, [:], .bytes(Array("too big".utf8))) }
    }
    let client = try ExchangeTests.client(wire)
    let (descriptor, bytes) = try ExchangeTests.file(40_000_000)
    defer { close(descriptor) }
    var sent = 0
    let bodies: [HTTPBody] = [
      .bytes(bytes), .file(descriptor: descriptor, offset: 0, count: 40_000_000, onProgress: nil),
      .stream(length: nil) { space in
        sent += space.count
        return sent > 400_000_000 ? 0 : space.count
      },
    ]
    for body in bodies {
      let answer = try client.send(HTTPRequest("PUT", ExchangeTests.address(server, wire), body: body))
      #expect(answer.status == 413)
      #expect(String(decoding: try answer.readAll(limit: 100), as: UTF8.self) == "too big")
    }
    #expect(sent < 400_000_000, "the upload stops")
    #expect(server.connections == 3, "half a request spoils its connection")
  }

  @Test func `an unread answer costs its connection, a short rest does not`() throws {
    let server = try LoopbackServer { request in
      try request.respond(200, [:], .bytes([UInt8](repeating: 1, count: request.path == "/short" ? 1000 : 1_000_000)))
    }
    let client = HTTPClient()
    try client.send(HTTPRequest("GET", server.address("/short"))).discard()
    try client.send(HTTPRequest("GET", server.address("/short"))).discard()
    #expect(server.connections == 1)
    try client.send(HTTPRequest("GET", server.address("/long"))).discard()
    _ = try client.send(HTTPRequest("GET", server.address("/short"))).readAll(limit: 1000)
    #expect(server.connections == 2)
  }

  @Test func `redirects are shown, not followed`() throws {
    let server = try LoopbackServer { request in try request.respond(307, ["Location": "http://other.invalid/x"]) }
    let answer = try HTTPClient().send(HTTPRequest("GET", server.address("/a/b")))
    #expect(answer.status == 307)
    #expect(try answer.address.resolving(answer.headers.first("Location") ?? "").text == "http://other.invalid/x")
  }

  @Test func `a body's own failure is handed through`() throws {
    struct Broken: Error {}
    let server = try LoopbackServer { request in
      _ = try request.readAll(limit: 100)
      try request.respond(200)
    }
    let failed = failure {
      _ = try HTTPClient().send(
        HTTPRequest("PUT", server.address(), body: .stream(length: nil) { _ in throw Broken() }))
    }
    #expect(failed?.kind == .body && failed?.cause is Broken && failed?.isRetryable == false)
    let short = failure {
      _ = try HTTPClient().send(HTTPRequest("PUT", server.address(), body: .stream(length: 5) { _ in 0 }))
    }
    #expect(short?.kind == .body)
  }

  @Test func `nobody listening is refused at once`() throws {
    let server = try HTTPServer(.tcp(host: "127.0.0.1", port: 0))
    let port = server.port
    server.close()
    let failed = failure {
      _ = try HTTPClient().send(HTTPRequest("GET", WebAddress(scheme: .http, host: "localhost", port: port)))
    }
    #expect(failed?.kind == .refused && failed?.isRetryable == false)
    #expect(failed?.text == "localhost:\(port): connection refused")
  }

  @Test func `localhost is also the IPv6 loopback`() throws {
    let server: HTTPServer
    do { server = try HTTPServer(.tcp(host: "::1", port: 0)) } catch { return }  // A machine without IPv6.
    let handed = Handed(value: server)
    let thread = TestThread {
      let connection = try? handed.value.accept(timeout: .seconds(5))
      try? connection?.nextRequest()?.respond(204)
    }
    let address = try WebAddress(scheme: .http, host: "localhost", port: server.port)
    #expect(try HTTPClient().send(HTTPRequest("GET", address)).status == 204)
    thread.join()
  }

  @Test func `a unix socket serves and is taken over with what was read ahead`() throws {
    let path = "/tmp/dhow-http-\(getpid()).sock"
    defer { unlink(path) }
    let server = try HTTPServer(.unix(path: path, mode: 0o660))
    #expect(try File.status(path).mode == 0o660)
    #expect(failure { _ = try HTTPServer(.unix(path: path, mode: 0o600)) }?.kind == .system, "somebody listens there")
    let handed = Handed(value: server)
    let thread = TestThread {
      // The first who connected was the server that looked whether anybody listens.
      var taken = try? handed.value.accept(timeout: .seconds(5))
      if (try? taken?.nextRequest()) == nil {
        taken = try? handed.value.accept(timeout: .seconds(5))
        guard (try? taken?.nextRequest()) != nil else { return }
      }
      guard let connection = taken else { return }
      try? connection.send(raw: Array("HTTP/1.1 101 UPGRADED\r\n\r\n".utf8))
      guard let (socket, readAhead) = try? connection.takeOver() else { return }
      writeAll(socket, "<" + String(decoding: readAhead, as: UTF8.self) + ">")
      close(socket)
    }
    let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(client) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(client, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(connected == 0)
    writeAll(client, "POST /attach HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\nraw bytes")
    #expect(readToEnd(client) == "HTTP/1.1 101 UPGRADED\r\n\r\n<raw bytes>")
    thread.join()
    server.close()
    // What a dead server left is no obstacle.
    #expect(try HTTPServer(.unix(path: path, mode: 0o600)).port == 0)
  }
}
