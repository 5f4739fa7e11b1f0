internal import Glibc
package import LinuxKernel

/// One rule of a chain as the expressions that nf_tables runs one after the other (linux/netfilter/nf_tables.h). A rule
/// whose comparison fails ends there.
package struct NetfilterRule: Sendable {
  fileprivate var expressions: [(name: String, data: NetlinkMessage)] = []

  package init() {}

  private static func data() -> NetlinkMessage { NetlinkMessage(type: 0, flags: 0) }

  private mutating func add(_ name: String, _ fill: (inout NetlinkMessage) -> Void) {
    var data = Self.data()
    fill(&data)
    expressions.append((name, data))
  }

  /// The first register of 16 bytes.
  private static let register = UInt32(1).bigEndian

  private mutating func compare(_ bytes: [UInt8], equal: Bool) {
    add("cmp") {
      $0.attribute(1, Self.register)
      $0.attribute(2, UInt32(equal ? 0 : 1).bigEndian)
      $0.nest(3) { value in value.attribute(1, bytes) }
    }
  }

  private mutating func meta(_ key: UInt32) {
    add("meta") {
      $0.attribute(1, Self.register)
      $0.attribute(2, key.bigEndian)
    }
  }

  private mutating func payload(base: UInt32, offset: UInt32, length: UInt32) {
    add("payload") {
      $0.attribute(1, Self.register)
      $0.attribute(2, base.bigEndian)
      $0.attribute(3, offset.bigEndian)
      $0.attribute(4, length.bigEndian)
    }
  }

  /// The packet comes in by (or does not come in by) this interface.
  package func incoming(_ name: String, _ equal: Bool = true) -> NetfilterRule { interface(6, name, equal) }
  /// The packet goes out by this interface.
  package func outgoing(_ name: String, _ equal: Bool = true) -> NetfilterRule { interface(7, name, equal) }

  private func interface(_ key: UInt32, _ name: String, _ equal: Bool) -> NetfilterRule {
    var rule = self
    rule.meta(key)
    let text = Array(name.utf8.prefix(15))
    rule.compare(text + [UInt8](repeating: 0, count: 16 - text.count), equal: equal)
    return rule
  }

  /// The packet is of this family.
  private mutating func family(isIPv6: Bool) {
    meta(15)
    compare([isIPv6 ? 10 : 2], equal: true)
  }

  package func from(_ subnet: Subnet) -> NetfilterRule { member(subnet, offset: subnet.isIPv6 ? 8 : 12) }
  package func to(_ subnet: Subnet) -> NetfilterRule { member(subnet, offset: subnet.isIPv6 ? 24 : 16) }

  private func member(_ subnet: Subnet, offset: UInt32) -> NetfilterRule {
    var rule = self
    rule.family(isIPv6: subnet.isIPv6)
    let size = subnet.isIPv6 ? 16 : 4
    rule.payload(base: 1, offset: offset, length: UInt32(size))
    let mask = (0..<size).map { index in
      UInt8(truncatingIfNeeded: 0xFF00 >> min(8, max(0, Int(subnet.prefix) - index * 8)))
    }
    rule.add("bitwise") {
      $0.attribute(1, Self.register)
      $0.attribute(2, Self.register)
      $0.attribute(3, UInt32(size).bigEndian)
      $0.nest(4) { value in value.attribute(1, mask) }
      $0.nest(5) { value in value.attribute(1, [UInt8](repeating: 0, count: size)) }
    }
    rule.compare(subnet.base.bytes, equal: true)
    return rule
  }

  /// Of a transport (IPPROTO of tcp or udp) to a port.
  package func to(port: UInt16, transport: UInt8) -> NetfilterRule {
    var rule = self
    rule.meta(16)
    rule.compare([transport], equal: true)
    rule.payload(base: 2, offset: 2, length: 2)
    rule.compare([UInt8(port >> 8), UInt8(port & 255)], equal: true)
    return rule
  }

  /// Belongs to a conversation that was allowed before.
  package func established() -> NetfilterRule {
    var rule = self
    rule.add("ct") {
      $0.attribute(1, Self.register)
      $0.attribute(2, UInt32(0).bigEndian)
    }
    let states = UInt32(2 | 4)  // established, related
    rule.add("bitwise") {
      $0.attribute(1, Self.register)
      $0.attribute(2, Self.register)
      $0.attribute(3, UInt32(4).bigEndian)
      $0.nest(4) { value in value.attribute(1, withUnsafeBytes(of: states) { Array($0) }) }
      $0.nest(5) { value in value.attribute(1, [0, 0, 0, 0]) }
    }
    rule.compare([0, 0, 0, 0], equal: false)
    return rule
  }

  package func masquerade() -> NetfilterRule {
    var rule = self
    rule.add("masq") { _ in }
    return rule
  }

  package func accept() -> NetfilterRule { verdict(1) }
  package func drop() -> NetfilterRule { verdict(0) }

  private func verdict(_ code: UInt32) -> NetfilterRule {
    var rule = self
    rule.add("immediate") {
      $0.attribute(1, UInt32(0).bigEndian)
      $0.nest(2) { value in value.nest(2) { verdict in verdict.attribute(1, code.bigEndian) } }
    }
    return rule
  }

  /// The sender is told at once, by ICMP's "administratively prohibited".
  package func reject() -> NetfilterRule {
    var rule = self
    rule.add("reject") {
      $0.attribute(1, UInt32(2).bigEndian)  // NFT_REJECT_ICMPX_UNREACH
      $0.attribute(2, UInt8(3))  // NFT_REJECT_ICMPX_ADMIN_PROHIBITED
    }
    return rule
  }
}

/// A chain that the kernel calls.
package struct NetfilterChain: Sendable {
  package enum Hook: UInt32, Sendable { case prerouting, input, forward, output, postrouting }
  package var name: String
  package var kind: String
  package var hook: Hook
  package var priority: Int32
  package var rules: [NetfilterRule]

  package init(_ name: String, kind: String, hook: Hook, priority: Int32, rules: [NetfilterRule]) {
    self.name = name
    self.kind = kind
    self.hook = hook
    self.priority = priority
    self.rules = rules
  }
}

/// Tables of nf_tables for both families of addresses (NFPROTO_INET), by nfnetlink: no nft(8) is needed.
extension NetlinkSocket {
  private static let inet: UInt8 = 1

  private func message(_ type: UInt16, _ flags: UInt16) -> NetlinkMessage {
    var message = NetlinkMessage(type: 10 << 8 | type, flags: flags)
    message.append([Self.inet, 0, 0, 0])
    return message
  }

  private func batch(_ messages: [NetlinkMessage], _ what: String) throws(SystemError) {
    func edge(_ type: UInt16) -> NetlinkMessage {
      var message = NetlinkMessage(type: type, flags: 0)
      message.append([0, 0, 0, 10])
      return message
    }
    try perform([edge(0x10)] + messages + [edge(0x11)], what)
  }

  /// Puts a table with these chains in the place of the one of that name, all at once.
  package func replaceTable(_ name: String, _ chains: [NetfilterChain]) throws(SystemError) {
    let create = NetlinkMessage.Flag.create | NetlinkMessage.Flag.acknowledge
    var messages: [NetlinkMessage] = []
    // Made, if it is not there, so that its removal cannot fail.
    for type in [0, 2, 0] as [UInt16] {
      var table = message(type, type == 0 ? create : NetlinkMessage.Flag.acknowledge)
      table.attribute(1, name)
      messages.append(table)
    }
    for chain in chains {
      var made = message(3, create)
      made.attribute(1, name)
      made.attribute(3, chain.name)
      made.nest(4) {
        $0.attribute(1, chain.hook.rawValue.bigEndian)
        $0.attribute(2, UInt32(bitPattern: chain.priority).bigEndian)
      }
      made.attribute(7, chain.kind)
      messages.append(made)
      for rule in chain.rules {
        var one = message(6, create | NetlinkMessage.Flag.append)
        one.attribute(1, name)
        one.attribute(2, chain.name)
        one.nest(4) { list in
          for (name, data) in rule.expressions {
            list.nest(1) { element in
              element.attribute(1, name)
              element.nest(2) { $0.append(Array(data.bytes.dropFirst(NetlinkMessage.headerSize))) }
            }
          }
        }
        messages.append(one)
      }
    }
    try batch(messages, "nf_tables")
  }

  package func removeTable(_ name: String) throws(SystemError) {
    var table = message(2, NetlinkMessage.Flag.acknowledge)
    table.attribute(1, name)
    do throws(SystemError) { try batch([table], "nf_tables") } catch { if error.errno != ENOENT { throw error } }
  }
}
