import Testing

@testable import Networking

struct NetlinkTests {
  @Test func `a message has its length, type, flags and number, and attributes at borders of four bytes`() {
    var message = NetlinkMessage(type: 16, flags: NetlinkMessage.Flag.acknowledge)
    message.append([1, 2, 3, 4])
    message.attribute(3, "eth0")
    message.nest(18) { $0.attribute(1, "veth") }
    let bytes = message.finished(sequence: 7)
    #expect(readInteger(bytes[...], at: 0) == UInt32(bytes.count))
    #expect(readInteger(bytes[...], at: 4) == UInt16(16))
    #expect(readInteger(bytes[...], at: 6) == UInt16(5))
    #expect(readInteger(bytes[...], at: 8) == UInt32(7))
    let attributes = NetlinkReply(type: 16, payload: Array(bytes.dropFirst(16))).attributes(after: 4)
    #expect(attributes.map(\.type) == [3, 18])
    #expect(attributes[0].text == "eth0")
    #expect(attributes[1].nested.first?.text == "veth")
    #expect(bytes.count % 4 == 0)
  }

  @Test(arguments: [
    [UInt8](), [0], [0, 0, 0, 0], [3, 0, 1, 0], [255, 255, 1, 0, 9], [8, 0, 1, 0, 1, 2, 3], [4, 0],
  ])
  func `damaged attributes end the list`(bytes: [UInt8]) {
    #expect(NetlinkAttribute.list(bytes[...]).isEmpty)
  }

  @Test func `whatever comes, attributes are read without harm`() {
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0...64)).map { _ in UInt8.random(in: 0...255) }
      for attribute in NetlinkAttribute.list(bytes[...]) { _ = attribute.nested.map(\.text) }
    }
  }

  @Test func `the loopback interface is listed, with its address`() throws {
    let socket = try NetlinkSocket()
    let loopback = try #require(try socket.links().first { $0.name == "lo" })
    #expect(loopback.index == 1)
    #expect(try socket.link(named: "lo") == loopback)
    #expect(try socket.link(named: "nosuch0") == nil)
  }
}

struct DNSMessageTests {
  private func query(_ name: String, kind: UInt16 = 1, id: UInt16 = 0x1234) -> [UInt8] {
    [UInt8(id >> 8), UInt8(id & 255), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + DNSQuestion.encoded(name)
      + [UInt8(kind >> 8), UInt8(kind & 255), 0, 1]
  }

  @Test func `a question is read, in lower case and with its own bytes kept`() throws {
    let question = try #require(DNSQuestion(query("WeB.MyNet", kind: 28)))
    #expect(question.name == "web.mynet")
    #expect(question.kind == DNSQuestion.Kind.aaaa)
    #expect(question.id == 0x1234)
    #expect(question.recursionDesired)
    #expect(question.section.contains(UInt8(ascii: "W")))
  }

  @Test func `an answer repeats the question and has the records`() throws {
    let question = try #require(DNSQuestion(query("web")))
    let answer = question.answer(.success, [(1, [10, 0, 0, 2]), (1, [10, 0, 0, 3])])
    #expect(Array(answer.prefix(4)) == [0x12, 0x34, 0x85, 0x80])
    #expect(Array(answer[4..<12]) == [0, 1, 0, 2, 0, 0, 0, 0])
    #expect(Array(answer.suffix(4)) == [10, 0, 0, 3])
  }

  @Test func `what is no question of one name is none`() {
    let good = query("web")
    #expect(DNSQuestion([UInt8]()) == nil)
    #expect(DNSQuestion(good.prefix(11)) == nil)
    #expect(DNSQuestion(good.dropLast(1)) == nil)
    var response = good
    response[2] |= 0x80
    #expect(DNSQuestion(response) == nil)
    var two = good
    two[5] = 2
    #expect(DNSQuestion(two) == nil)
    // A name that points at itself (SECURITY G6).
    #expect(DNSQuestion(Array(good.prefix(12)) + [0xC0, 0x0C, 0, 1, 0, 1]) == nil)
    let long = (0..<6).map { _ in String(repeating: "x", count: 63) }.joined(separator: ".")
    #expect(DNSQuestion(query(long)) == nil)
  }

  @Test func `whatever comes, a question is read without harm`() {
    for _ in 0..<3000 {
      var bytes = query("some.name.of.ours", kind: 12)
      for _ in 0..<Int.random(in: 1...6) { bytes[Int.random(in: 0..<bytes.count)] = UInt8.random(in: 0...255) }
      _ = DNSQuestion(bytes.prefix(Int.random(in: 0...bytes.count)))?.reversedAddress
    }
  }

  @Test(arguments: ["10.1.2.3", "fd00::1:2"])
  func `the address of a PTR question is that of its name`(text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(DNSQuestion(query(address.reverseName, kind: 12))?.reversedAddress == address)
  }

  @Test func `names that are no reverse names have no address`() {
    for name in ["1.2.3.in-addr.arpa", "300.1.1.1.in-addr.arpa", "x.ip6.arpa", "web"] {
      #expect(DNSQuestion(query(name, kind: 12))?.reversedAddress == nil)
    }
  }
}

struct ForwardTargetTests {
  private func target(six: Bool) -> ForwardTarget {
    ForwardTarget(
      address: IPAddress("172.17.0.2"), address6: six ? IPAddress("fd00::2") : nil, port: 80,
      gateway: IPAddress("172.17.0.1"), gateway6: six ? IPAddress("fd00::1") : nil,
      ownSubnets: [Subnet("172.17.0.0/16"), Subnet("fd00::/64")].compactMap { $0 })
  }

  @Test(arguments: [
    // client, container with IPv6, destination, source shown, client's own
    ("192.0.2.7", false, "172.17.0.2", "192.0.2.7", true), ("::ffff:192.0.2.7", false, "172.17.0.2", "192.0.2.7", true),
    ("127.0.0.1", false, "172.17.0.2", "172.17.0.1", false), ("127.8.8.8", true, "172.17.0.2", "172.17.0.1", false),
    ("::1", false, "172.17.0.2", "172.17.0.1", false), ("::1", true, "fd00::2", "fd00::1", false),
    ("2001:db8::7", true, "fd00::2", "2001:db8::7", true), ("2001:db8::7", false, "172.17.0.2", "172.17.0.1", false),
    ("172.17.0.9", false, "172.17.0.2", "172.17.0.1", false), ("fe80::1", true, "fd00::2", "fd00::1", false),
  ])
  func `a client's address is kept where the container can answer to it, never one of loopback`(
    client: String, six: Bool, destination: String, source: String, isKept: Bool
  ) throws {
    let address = try #require(IPAddress(client))
    let route = try #require(target(six: six).route(for: address))
    #expect(route.to.ip == IPAddress(destination))
    #expect(route.from?.ip == IPAddress(source))
    #expect(route.isTransparent == isKept)
  }
}
