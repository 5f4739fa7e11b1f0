import HTTP
import Testing

struct ProxyTests {
  /// What a proxy on loopback was asked, head by head.
  final class Record: @unchecked Sendable { var lines: [String] = [] }

  static func settings(_ proxy: String, except exceptions: String = "") -> HTTPClientSettings {
    HTTPClientSettings(
      proxy: ProxySettings(http: proxy, https: proxy, exceptions: exceptions), connectTimeout: .seconds(5))
  }

  @Test func `http goes through in absolute form, with the proxy's own credentials`() throws {
    let record = Record()
    let proxy = try LoopbackServer { request in
      record.lines.append(
        request.target + " " + (request.headers.first("Host") ?? "") + " "
          + (request.headers.first("Proxy-Authorization") ?? "-") + " "
          + (request.headers.first("Authorization") ?? "-"))
      try request.respond(200, [:], .bytes(Array("through".utf8)))
    }
    let client = HTTPClient(ProxyTests.settings("http://me:p%40ss@127.0.0.1:\(proxy.port)/"))
    let address = try WebAddress(parsing: "http://registry.invalid:5000/v2/?a=b")
    let answer = try client.send(HTTPRequest("GET", address, headers: ["Authorization": "Bearer x"]))
    #expect(String(decoding: try answer.readAll(limit: 100), as: UTF8.self) == "through")
    #expect(record.lines == ["/v2/?a=b registry.invalid:5000 Basic bWU6cEBzcw== Bearer x"])
  }

  static let tunnels: [(String, HTTPFailure.Kind)] = [
    ("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", .proxy), ("HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", .proxy),
    ("", .proxy), ("SSH-2.0\r\n\r\n", .proxy), ("HTTP/1.1 200 OK\r\n\r\nearly", .proxy),
    ("HTTP/1.1 200 OK\r\n\r\n", .closed),
  ]

  @Test(arguments: tunnels)
  func `a tunnel that fails is the proxy's failure`(_ answer: String, _ kind: HTTPFailure.Kind) throws {
    let proxy = try LoopbackServer { connection in
      let socket = try connection.takeOver().socket
      defer { closeSocket(socket) }
      var head = ""
      while !head.hasSuffix("\r\n\r\n") { head += readSome(socket) }
      #expect(head.hasPrefix("CONNECT registry.invalid:443 HTTP/1.1\r\nHost: registry.invalid:443\r\n"))
      #expect(!head.contains("Authorization: Bearer"))
      writeAll(socket, answer)
    }
    let request = try HTTPRequest(
      "GET", WebAddress(parsing: "https://registry.invalid/"), headers: ["Authorization": "Bearer x"])
    let failed = failure { _ = try HTTPClient(ProxyTests.settings("127.0.0.1:\(proxy.port)")).send(request) }
    #expect(failed?.kind == kind, "\(failed?.text ?? "taken")")
  }

  static let exceptions: [(String, String, Bool)] = [
    ("", "http://a.example", false), ("*", "http://a.example", true), ("example", "http://a.example", true),
    ("a.example", "http://a.example", true), ("A.Example", "http://a.example", true),
    ("a.example", "http://ba.example", false), (".example", "http://a.example", true),
    (".a.example", "http://a.example", false),
    ("*.example", "http://a.example", true), ("b, a.example", "http://a.example", true),
    ("a.example:80", "http://a.example", true), ("a.example:81", "http://a.example", false),
    ("10.0.0.0/8", "http://10.9.8.7", true), ("10.0.0.0/8", "http://11.9.8.7", false),
    ("10.9.8.7", "http://10.9.8.7", true),
    ("10.9.8.7:80", "http://10.9.8.7", true), ("10.9.8.7:81", "http://10.9.8.7", false),
    ("fd00::/8", "http://[fd00::1]", true), ("fd00::/8", "http://[fe00::1]", false),
    ("fd00::/8", "http://10.9.8.7", false),
    ("", "http://localhost", true), ("", "http://127.0.0.1", true), ("", "http://[::1]", true),
  ]

  @Test(arguments: exceptions)
  func `exceptions are reached directly`(_ list: String, _ address: String, _ isDirect: Bool) throws {
    let settings = ProxySettings(http: "proxy.example:3128", https: nil, exceptions: list)
    let endpoint = try settings.endpoint(for: WebAddress(parsing: address))
    #expect(endpoint?.host == (isDirect ? nil : "proxy.example"))
  }

  @Test(arguments: ["socks5://user:secret@p", "https://user:secret@p", "http://user:secret@p:0", "http://user:secret@"])
  func `a proxy that cannot be used is refused without its password`(_ text: String) throws {
    let settings = ProxySettings(http: text)
    let failed = failure { _ = try settings.endpoint(for: WebAddress(parsing: "http://a.example")) }
    #expect(failed?.kind == .proxy)
    #expect(failed?.text.contains("secret") == false)
  }

  static let environments: [([String: String], ProxySettings)] = [
    ([:], .none),
    (["HTTP_PROXY": "a", "HTTPS_PROXY": "b", "NO_PROXY": "c"], ProxySettings(http: "a", https: "b", exceptions: "c")),
    (
      ["HTTP_PROXY": "A", "http_proxy": "a", "https_proxy": "", "HTTPS_PROXY": "b"],
      ProxySettings(http: "a", https: "b")
    ),
    (["ALL_PROXY": "a", "https_proxy": "b"], ProxySettings(http: "a", https: "b")),
    (["REQUEST_METHOD": "GET", "HTTP_PROXY": "a", "HTTPS_PROXY": "b"], ProxySettings(http: nil, https: "b")),
  ]

  @Test(arguments: environments)
  func `the environment names proxies`(_ variables: [String: String], _ wanted: ProxySettings) {
    #expect(ProxySettings(environment: { variables[$0] }) == wanted)
  }
}
