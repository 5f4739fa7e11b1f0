import Testing

@testable import Networking

@Suite struct HostFilesTests {
  @Test func `extra hosts come before the container's own address`() {
    let text = HostsFile.text(addresses: [("10.88.0.2", ["abc", "web"])], extra: [("db", "10.0.0.1")])
    #expect(text.hasPrefix("127.0.0.1\tlocalhost\n::1\tlocalhost"))
    #expect(text.hasSuffix("10.0.0.1\tdb\n10.88.0.2\tabc web\n"))
  }

  @Test func `the host's hosts file keeps its last line`() {
    #expect(HostsFile.text(host: "127.0.0.1 me", extra: [("a", "1.2.3.4")]) == "127.0.0.1 me\n1.2.3.4\ta\n")
  }

  @Test(arguments: [
    ([], [], [], "nameserver 9.9.9.9\nsearch lan\noptions ndots:2\n"),
    (["1.1.1.1"], [], [], "nameserver 1.1.1.1\nsearch lan\noptions ndots:2\n"),
    ([], ["."], ["rotate"], "nameserver 9.9.9.9\noptions rotate\n"),
    ([], ["a.b", "c"], [], "nameserver 9.9.9.9\nsearch a.b c\noptions ndots:2\n"),
  ])
  func `flags replace the host's lists`(servers: [String], search: [String], options: [String], expected: String) {
    let host = "# made by x\nnameserver 127.0.0.53\nnameserver 9.9.9.9 ; second\nsearch lan\noptions ndots:2\n"
    #expect(
      ResolvConf.text(host: host, servers: servers, search: search, options: options, keepsLoopback: false) == expected)
  }

  @Test func `loopback servers stay when the host's network is shared`() {
    #expect(
      ResolvConf.text(host: "nameserver 127.0.0.53\n", servers: [], search: [], options: [], keepsLoopback: true)
        == "nameserver 127.0.0.53\n")
  }
}
