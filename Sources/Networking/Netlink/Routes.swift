internal import CLinux
internal import Glibc
package import LinuxKernel

/// A route as the kernel lists it.
package struct Route: Equatable, Sendable {
  package var destination: Subnet
  package var gateway: IPAddress?
  package var interface: UInt32
  package var table: UInt32
  /// The source address that the kernel prefers for it.
  package var source: IPAddress?
}

/// A rule that chooses a routing table, or refuses (ip-rule(8)).
package struct RoutingRule: Equatable, Sendable {
  package enum Action: Equatable, Sendable {
    case table(UInt32)
    case unreachable
  }
  package var priority: UInt32
  package var action: Action
  package var isIPv6 = false
  /// Of packets that came in by this interface.
  package var incoming: String?
  package var source: Subnet?
  package var destination: Subnet?
  /// IPPROTO of tcp or udp.
  package var transport: UInt8?
  package var sourcePort: UInt16?

  package init(priority: UInt32, action: Action) {
    self.priority = priority
    self.action = action
  }
}

/// Addresses, routes and rules (rtnetlink(7)).
extension NetlinkSocket {
  private static let acknowledged = NetlinkMessage.Flag.acknowledge
  private static let made = NetlinkMessage.Flag.acknowledge | NetlinkMessage.Flag.create

  /// Gives an interface an address. One it has already is no failure.
  package func addAddress(_ address: IPAddress, prefix: UInt8, to index: UInt32) throws(SystemError) {
    var request = NetlinkMessage(type: 20, flags: Self.made | NetlinkMessage.Flag.replace)
    request.append(family(address))
    request.append(prefix)
    request.append(UInt8(address.isIPv6 ? 0x02 : 0))  // IFA_F_NODAD: nobody else chooses addresses of this subnet
    request.append(UInt8(0))
    request.append(index)
    request.attribute(2, address.bytes)  // IFA_LOCAL
    request.attribute(1, address.bytes)  // IFA_ADDRESS
    if !address.isIPv6, let last = Subnet(address, prefix: Int(prefix))?.last, prefix < 31 {
      request.attribute(4, last.bytes)  // IFA_BROADCAST
    }
    try perform(request, "address \(address)")
  }

  /// A default route through `gateway`; an existing one stays, with `replacing` it goes.
  package func addDefaultRoute(_ gateway: IPAddress, interface: UInt32, replacing: Bool = true) throws(SystemError) {
    var request = NetlinkMessage(type: 24, flags: Self.made | (replacing ? NetlinkMessage.Flag.replace : 0))
    request.append(route: family(gateway), prefix: 0, table: 254, type: 1, scope: 0)
    request.attribute(5, gateway.bytes)
    request.attribute(4, interface)
    try perform(request, "the default route")
  }

  package func removeDefaultRoute(isIPv6: Bool, interface: UInt32) throws(SystemError) {
    var request = NetlinkMessage(type: 25, flags: Self.acknowledged)
    request.append(route: isIPv6 ? 10 : 2, prefix: 0, table: 254, type: 1, scope: 0)
    request.attribute(4, interface)
    try perform(request, "the default route")
  }

  /// A route by which packets end here, whatever their address (local default), or end for good.
  package func addRoute(
    to destination: Subnet, table: UInt32, kind: SpecialRoute, loopback: UInt32 = 1
  ) throws(SystemError) {
    var request = NetlinkMessage(type: 24, flags: Self.made | NetlinkMessage.Flag.replace)
    request.append(
      route: family(destination.base), prefix: destination.prefix, table: 0, type: kind.rawValue,
      scope: kind == .local ? 254 : 0)
    if destination.prefix > 0 { request.attribute(1, destination.base.bytes) }
    if kind == .local { request.attribute(4, loopback) }
    request.attribute(15, table)
    try perform(request, "the route to \(destination)")
  }

  package func removeRoute(to destination: Subnet, table: UInt32, kind: SpecialRoute) throws(SystemError) {
    var request = NetlinkMessage(type: 25, flags: Self.acknowledged)
    request.append(
      route: family(destination.base), prefix: destination.prefix, table: 0, type: kind.rawValue,
      scope: kind == .local ? 254 : 0)
    if destination.prefix > 0 { request.attribute(1, destination.base.bytes) }
    request.attribute(15, table)
    try perform(request, "the route to \(destination)")
  }

  package enum SpecialRoute: UInt8, Sendable {
    case local = 2
    case unreachable = 7
  }

  package func routes() throws(SystemError) -> [Route] {
    var request = NetlinkMessage(type: 26, flags: NetlinkMessage.Flag.dump)
    request.append(route: 0, prefix: 0, table: 0, type: 0, scope: 0)
    return try dump(request, "the routes").compactMap { reply in
      guard reply.type == 24, reply.payload.count >= 12, reply.payload[7] == 1 else { return nil }
      let isIPv6 = reply.payload[0] == 10
      var destination: IPAddress = isIPv6 ? .anyIPv6 : .anyIPv4
      var route = Route(
        destination: Self.everything(isIPv6), gateway: nil, interface: 0, table: UInt32(reply.payload[4]), source: nil)
      for attribute in reply.attributes(after: 12) {
        switch attribute.type {
        case 1: destination = IPAddress(bytes: attribute.payload) ?? destination
        case 4: route.interface = attribute.uint32 ?? 0
        case 5: route.gateway = IPAddress(bytes: attribute.payload)
        case 7: route.source = IPAddress(bytes: attribute.payload)
        case 15: route.table = attribute.uint32 ?? route.table
        default: break
        }
      }
      guard let subnet = Subnet(destination, prefix: Int(reply.payload[1])) else { return nil }
      route.destination = subnet
      return route
    }
  }

  static func everything(_ isIPv6: Bool) -> Subnet {
    guard let all = Subnet(isIPv6 ? .anyIPv6 : .anyIPv4, prefix: 0) else { preconditionFailure("0 bits are a prefix") }
    return all
  }

  /// Addresses of this namespace's interfaces, by index.
  package func addresses() throws(SystemError) -> [(interface: UInt32, address: IPAddress, prefix: UInt8)] {
    var request = NetlinkMessage(type: 22, flags: NetlinkMessage.Flag.dump)
    request.append([0, 0, 0, 0])
    request.append(UInt32(0))
    return try dump(request, "the addresses").compactMap { reply in
      guard reply.type == 20, reply.payload.count >= 8, let index = reply.integer(at: 4, as: UInt32.self) else {
        return nil
      }
      let attributes = reply.attributes(after: 8)
      guard let found = attributes.first(where: { $0.type == 2 }) ?? attributes.first(where: { $0.type == 1 }),
        let address = IPAddress(bytes: found.payload)
      else { return nil }
      return (index, address, reply.payload[1])
    }
  }

  package func addRule(_ rule: RoutingRule) throws(SystemError) {
    do throws(SystemError) {
      try perform(message(rule, type: 32, flags: Self.made | NetlinkMessage.Flag.exclusive), "a routing rule")
    } catch { if error.errno != EEXIST { throw error } }
  }

  package func removeRule(_ rule: RoutingRule) throws(SystemError) {
    try perform(message(rule, type: 33, flags: Self.acknowledged), "a routing rule")
  }

  private func message(_ rule: RoutingRule, type: UInt16, flags: UInt16) -> NetlinkMessage {
    var request = NetlinkMessage(type: type, flags: flags)
    request.append(UInt8(rule.isIPv6 ? 10 : 2))
    request.append(rule.destination?.prefix ?? 0)
    request.append(rule.source?.prefix ?? 0)
    request.append([0, 0, 0, 0])  // tos, table (in an attribute), reserved
    switch rule.action {
    case .table: request.append(UInt8(1))  // FR_ACT_TO_TBL
    case .unreachable: request.append(UInt8(7))
    }
    request.append(UInt32(0))
    if let destination = rule.destination { request.attribute(1, destination.base.bytes) }
    if let source = rule.source { request.attribute(2, source.base.bytes) }
    if let incoming = rule.incoming { request.attribute(3, incoming) }
    request.attribute(6, rule.priority)
    if case .table(let table) = rule.action { request.attribute(15, table) }
    if let transport = rule.transport { request.attribute(22, transport) }  // FRA_IP_PROTO
    if let port = rule.sourcePort {
      request.attribute(23, withUnsafeBytes(of: (port, port)) { Array($0) })  // FRA_SPORT_RANGE
    }
    return request
  }

  private func family(_ address: IPAddress) -> UInt8 { address.isIPv6 ? 10 : 2 }
}

extension NetlinkMessage {
  /// struct rtmsg.
  fileprivate mutating func append(route family: UInt8, prefix: UInt8, table: UInt8, type: UInt8, scope: UInt8) {
    append([family, prefix, 0, 0, table, 4, scope, type])  // RTPROT_STATIC
    append(UInt32(0))
  }
}
