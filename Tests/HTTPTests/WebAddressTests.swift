import HTTP
import Testing

struct WebAddressTests {
  static let good: [(String, String)] = [
    ("http://a", "http://a/"),
    ("HTTPS://Registry.Example/v2/", "https://registry.example/v2/"),
    ("https://a:443/x?y=z#fragment", "https://a/x?y=z"),
    ("http://a:443", "http://a:443/"),
    ("http://a?q", "http://a/?q"),
    ("http://[::1]:5000/v2/", "http://[::1]:5000/v2/"),
    ("http://[2001:DB8::1]", "http://[2001:db8::1]/"),
    ("http://127.0.0.1:5000/", "http://127.0.0.1:5000/"),
    ("https://a_b-c.d./%2e", "https://a_b-c.d./%2e"),
  ]

  @Test(arguments: good) func `an address is read and written`(_ text: String, _ canonical: String) throws {
    #expect(try WebAddress(parsing: text).text == canonical)
  }

  @Test(arguments: [
    "", "a", "/v2/", "//a/", "ftp://a/", "file:///etc/passwd", "http:a", "http:///x", "http://", "http://a:0/",
    "http://a:65536/", "http://a:/", "http://a:8o/", "http://a:-1/", "http://user@a/", "http://user:secret@a/",
    "http://a b/", "http://a/b c", "http://a/\r\nX: y", "http://a/\u{7f}", "http://a/ä", "http://ä/", "http://[::1/",
    "http://[::1]x/", "http://[1.2.3.4]/", "http://[fe80::1%25eth0]/", "http://127.1/", "http://0x7f000001/",
    "http://2130706433/", "http://1.2.3.4.5/", "http://a\\b/", "http://.a/", "javascript://a/",
    "http://" + String(repeating: "a", count: 254) + "/", "http://a/" + String(repeating: "a", count: 9000),
  ])
  func `what is no usable address is refused and not repeated`(_ text: String) {
    let failed = failure { _ = try WebAddress(parsing: text) }
    #expect(failed?.kind == .invalidAddress)
    #expect(failed?.text.contains("secret") == false)
  }

  /// RFC 3986 section 5.4, as far as http goes.
  static let references: [(String, String)] = [
    ("http://x/y", "http://x/y"), ("//g", "http://g/"), ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"),
    ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"),
    ("g;x=1/../y", "http://a/b/c/y"), ("#s", "http://a/b/c/d;p?q"), ("g#s", "http://a/b/c/g"),
    ("", "http://a/b/c/d;p?q"),
    (".", "http://a/b/c/"), ("..", "http://a/b/"), ("../g", "http://a/b/g"), ("../../../g", "http://a/g"),
    ("/./g", "http://a/g"), ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."), ("g?y/../x", "http://a/b/c/g?y/../x"),
    ("u?digest=sha256:ab", "http://a/b/c/u?digest=sha256:ab"), ("https://A:5/x", "https://a:5/x"),
  ]

  @Test(arguments: references) func `a location is resolved`(_ reference: String, _ wanted: String) throws {
    let base = try WebAddress(parsing: "http://a/b/c/d;p?q")
    #expect(try base.resolving(reference).text == wanted)
  }

  @Test func `an origin is scheme, host and port`() throws {
    let one = try WebAddress(parsing: "https://A/x").origin
    #expect(try one == WebAddress(parsing: "https://a:443/y?z").origin)
    for other in ["http://a/x", "https://a:444/x", "https://b/x", "http://a:443/x"] {
      #expect(try one != WebAddress(parsing: other).origin)
    }
  }

  @Test func `parameters are percent-encoded`() throws {
    let address = try WebAddress(parsing: "https://a/token?x=1").adding(query: [
      ("scope", "repository:a/b:pull,push"), ("q", "ä &"),
    ])
    #expect(address.target == "/token?x=1&scope=repository%3Aa%2Fb%3Apull%2Cpush&q=%C3%A4%20%26")
    #expect(percentDecoded("%C3%A4%20%26+") == "ä &+")
    for broken in ["%", "%4", "%zz", "%ff"] { #expect(percentDecoded(broken) == nil) }
  }

  static let loopback: [(String, Bool)] = [
    ("http://localhost", true), ("http://LOCALHOST:1", true), ("http://a.localhost", true), ("http://127.9.9.9", true),
    ("http://[::1]", true), ("http://127.a", false), ("http://localhost.a", false), ("http://128.0.0.1", false),
  ]

  @Test(arguments: loopback) func `loopback is recognised`(_ text: String, _ isLoopback: Bool) throws {
    #expect(try WebAddress(parsing: text).isLoopback == isLoopback)
  }
}
