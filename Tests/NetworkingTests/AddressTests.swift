import Basics
import Networking
import Testing

struct AddressTests {
  @Test(arguments: [
    ("127.0.0.1", true), ("255.255.255.255", true), ("::1", true), ("fd00::1:2", true), ("1.2.3", false), ("", false),
    ("1.2.3.256", false), ("::g", false), ("01.2.3.4", false),
  ])
  func `an address is read as inet_pton reads it`(text: String, isOne: Bool) {
    let address = IPAddress(text)
    #expect((address != nil) == isOne)
    if isOne { #expect(address?.description == text) }
  }

  @Test(arguments: [
    ("10.1.2.3/16", "10.1.0.0/16", "10.1.255.255"), ("10.1.2.3/32", "10.1.2.3/32", "10.1.2.3"),
    ("10.1.2.3/0", "0.0.0.0/0", "255.255.255.255"), ("172.17.5.1/30", "172.17.5.0/30", "172.17.5.3"),
    ("fd00:1:2:3::5/64", "fd00:1:2:3::/64", "fd00:1:2:3:ffff:ffff:ffff:ffff"),
    ("fd00::5/126", "fd00::4/126", "fd00::7"),
    ("fd00::5/48", "fd00::/48", "fd00::ffff:ffff:ffff:ffff:ffff"),
  ])
  func `a subnet begins and ends where its prefix says`(text: String, shown: String, last: String) throws {
    let subnet = try #require(Subnet(text))
    #expect(subnet.description == shown)
    #expect(subnet.last.description == last)
    #expect(subnet.contains(subnet.base) && subnet.contains(subnet.last))
  }

  @Test(arguments: ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "fd00::/129", "/8", "10.0.0.0/8/8", "10.0.0.0/+8"])
  func `what is no subnet is none`(text: String) {
    #expect(Subnet(text) == nil)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.5.0.0/16", true), ("10.5.0.0/16", "10.0.0.0/8", true), ("10.5.0.0/16", "10.6.0.0/16", false),
    ("0.0.0.0/0", "10.6.0.0/16", true), ("0.0.0.0/0", "fd00::/8", false), ("fd00::/8", "fd12::/32", true),
  ])
  func `subnets overlap when one holds the other`(one: String, other: String, overlap: Bool) throws {
    let first = try #require(Subnet(one))
    let second = try #require(Subnet(other))
    #expect(first.overlaps(second) == overlap)
  }

  @Test func `addresses go on over byte borders and end with the last`() throws {
    #expect(try #require(IPAddress("10.0.0.255")).advanced(by: 1)?.description == "10.0.1.0")
    #expect(try #require(IPAddress("255.255.255.255")).advanced(by: 1) == nil)
    #expect(try #require(IPAddress("fd00::ffff:ffff:ffff:ffff")).advanced(by: 1)?.description == "fd00:0:0:1::")
  }

  @Test func `the reverse name of an address is that of its PTR record`() throws {
    #expect(try #require(IPAddress("10.1.2.3")).reverseName == "3.2.1.10.in-addr.arpa")
    #expect(
      try #require(IPAddress("fd00::1")).reverseName
        == "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa")
  }

  @Test(arguments: [
    ("92:d0:c6:0a:29:33", true), ("92-D0-C6-0A-29-33", true), ("01:00:5e:00:00:01", false), ("92:d0:c6:0a:29", false),
    ("00:00:00:00:00:00", false), ("92:d0:c6:0a:29:3g", false),
  ])
  func `a MAC address is that of one interface`(text: String, isOne: Bool) {
    #expect((MACAddress(text) != nil) == isOne)
  }

  @Test func `a MAC address made up is local and of one interface`() {
    for _ in 0..<50 {
      let mac = MACAddress.random()
      #expect(mac.bytes[0] & 3 == 2)
      #expect(MACAddress(mac.description) == mac)
    }
  }
}

struct AddressLedgerTests {
  private func ledger(_ subnet: String, gateway: String, range: String? = nil) throws -> AddressLedger {
    AddressLedger(
      NetworkSubnet(
        subnet: try #require(Subnet(subnet)), gateway: try #require(IPAddress(gateway)),
        range: range.flatMap { Subnet($0) }))
  }

  @Test func `addresses are given in turn, without gateway, base and broadcast, until there is none`() throws {
    var ledger = try ledger("10.0.0.0/29", gateway: "10.0.0.1")
    var given: [String] = []
    for index in 0..<5 { given.append(try ledger.takeNext(for: "\(index)", network: "net", doing: "").description) }
    #expect(given == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"])
    #expect(throws: EngineError.self) { try ledger.takeNext(for: "x", network: "net", doing: "") }
    ledger.release(try #require(IPAddress("10.0.0.4")), of: "2")
    #expect(try ledger.takeNext(for: "x", network: "net", doing: "").description == "10.0.0.4")
  }

  @Test func `an address let go is not the next one given`() throws {
    var ledger = try ledger("10.0.0.0/24", gateway: "10.0.0.1")
    let first = try ledger.takeNext(for: "a", network: "net", doing: "")
    ledger.release(first, of: "a")
    #expect(try ledger.takeNext(for: "b", network: "net", doing: "") != first)
  }

  @Test func `a range bounds what is given, not what is asked for`() throws {
    var ledger = try ledger("10.0.0.0/24", gateway: "10.0.0.254", range: "10.0.0.128/31")
    #expect(try ledger.takeNext(for: "a", network: "net", doing: "").description == "10.0.0.128")
    try ledger.take(try #require(IPAddress("10.0.0.7")), for: "b", network: "net", doing: "") { $0 }
    #expect(ledger.holder(of: try #require(IPAddress("10.0.0.7"))) == "b")
  }

  @Test(arguments: ["10.0.1.1", "10.0.0.0", "10.0.0.255", "10.0.0.1", "fd00::1"])
  func `addresses that nobody may have are refused`(text: String) throws {
    var ledger = try ledger("10.0.0.0/24", gateway: "10.0.0.1")
    #expect(throws: EngineError.self) {
      try ledger.take(try #require(IPAddress(text)), for: "a", network: "net", doing: "") { $0 }
    }
  }

  @Test func `whose address it is, is said to the second`() throws {
    var ledger = try ledger("10.0.0.0/24", gateway: "10.0.0.1")
    let address = try #require(IPAddress("10.0.0.9"))
    try ledger.take(address, for: "id1", network: "net", doing: "") { $0 }
    let error = #expect(throws: EngineError.self) {
      try ledger.take(address, for: "id2", network: "net", doing: "") { "name-of-\($0)" }
    }
    #expect(error?.reason.contains("name-of-id1") == true)
    ledger.release(address, of: "id2")
    #expect(ledger.holder(of: address) == "id1")
  }
}
