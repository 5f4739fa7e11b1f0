package import Basics
internal import Glibc
internal import LinuxKernel

/// What `network create` is asked for.
package struct NetworkPlan: Sendable {
  package struct SubnetRequest: Sendable {
    package var subnet: Subnet
    package var gateway: IPAddress?
    package var range: Subnet?

    package init(subnet: Subnet, gateway: IPAddress? = nil, range: Subnet? = nil) {
      self.subnet = subnet
      self.gateway = gateway
      self.range = range
    }
  }

  package var name: String
  package var subnets: [SubnetRequest] = []
  package var isInternal = false
  package var hasIPv6 = false
  package var hasIPv4 = true
  package var labels: [String: String] = [:]
  package var options: [String: String] = [:]

  package init(name: String) { self.name = name }

  /// The record, with subnets that are free.
  /// - Parameter others: the networks there are.
  func record(besides others: [NetworkRecord], doing: String) throws(EngineError) -> NetworkRecord {
    let id = hexText((0..<32).map { _ in UInt8.random(in: 0...255) })
    let routes = Self.hostRoutes()
    var chosen: [NetworkSubnet] = []
    for request in subnets {
      for other in others {
        if let clash = other.subnets.first(where: { $0.subnet.overlaps(request.subnet) }) {
          throw EngineError(
            .alreadyExists, doing,
            "Pool overlaps with other one on this address space: \(request.subnet) and \(clash.subnet) of network \(other.name)",
            hint: "choose another --subnet, or leave it out")
        }
      }
      if let clash = chosen.first(where: { $0.subnet.overlaps(request.subnet) }) {
        throw EngineError(.invalidInput, doing, "subnets \(clash.subnet) and \(request.subnet) overlap")
      }
      chosen.append(try subnet(request, doing: doing))
    }
    if hasIPv4, !chosen.contains(where: { !$0.subnet.isIPv6 }) {
      chosen.insert(try Self.free(AddressPools.ipv4, others, routes, doing: doing), at: 0)
    }
    if hasIPv6, !chosen.contains(where: \.subnet.isIPv6) {
      chosen.append(try Self.free(AddressPools.ipv6(), others, routes, doing: doing))
    }
    let bridge = options["com.docker.network.bridge.name"] ?? "br-" + id.prefix(12)
    guard !bridge.isEmpty, bridge.utf8.count < 16, bridge.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x2F })
    else { throw EngineError(.invalidInput, doing, "\(safeText(bridge)) is no name for an interface") }
    if let other = others.first(where: { $0.bridge == bridge }) {
      throw EngineError(.alreadyExists, doing, "network \(other.name) has the bridge \(bridge) already")
    }
    return NetworkRecord(
      id: id, name: name, created: .now, subnets: chosen, isInternal: isInternal, hasIPv6: hasIPv6, labels: labels,
      options: options, bridge: bridge)
  }

  private func subnet(_ request: SubnetRequest, doing: String) throws(EngineError) -> NetworkSubnet {
    let subnet = request.subnet
    guard subnet.prefix <= (subnet.isIPv6 ? 126 : 30) else {
      throw EngineError(.invalidInput, doing, "subnet \(subnet) has no room for a gateway and a container")
    }
    guard !subnet.base.isMulticast, !subnet.base.isLoopback, !subnet.base.isUnspecified else {
      throw EngineError(.invalidInput, doing, "\(subnet) is no subnet for a network")
    }
    if let gateway = request.gateway, !subnet.contains(gateway) {
      throw EngineError(.invalidInput, doing, "no matching subnet for gateway \(gateway)")
    }
    if let range = request.range, !subnet.contains(range.base) || range.prefix < subnet.prefix {
      throw EngineError(.invalidInput, doing, "no matching subnet for range \(range)")
    }
    // The first address of the range, or of the subnet, is the gateway's, as in docker.
    guard let gateway = request.gateway ?? subnet.base.advanced(by: 1) else {
      throw EngineError(.invalidInput, doing, "subnet \(subnet) has no room for a gateway")
    }
    return NetworkSubnet(subnet: subnet, gateway: gateway, range: request.range)
  }

  private static func free(
    _ pool: some Sequence<Subnet>, _ others: [NetworkRecord], _ routes: [Subnet], doing: String
  ) throws(EngineError) -> NetworkSubnet {
    for candidate in pool {
      let isTaken =
        others.contains { $0.subnets.contains { $0.subnet.overlaps(candidate) } }
        || routes.contains { $0.overlaps(candidate) }
      if !isTaken, let gateway = candidate.base.advanced(by: 1) {
        return NetworkSubnet(subnet: candidate, gateway: gateway)
      }
    }
    throw EngineError(
      .limitReached, doing, "all predefined address pools have been fully subnetted",
      hint: "remove networks with dhow network prune, or choose one with --subnet")
  }

  /// Where this host can reach others without its default route: such addresses must not become a network's.
  static func hostRoutes() -> [Subnet] {
    // A host that does not tell its routes has none that we could keep clear of.
    guard let routes = try? NetlinkSocket().routes() else { return [] }
    return routes.filter { $0.destination.prefix > 0 && $0.table == 254 }.map(\.destination)
  }
}

/// Where subnets come from when none is asked for.
package enum AddressPools {
  /// docker's: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 to 192.168.240.0/20.
  package static var ipv4: [Subnet] {
    (17...31).compactMap { Subnet(IPAddress(172, UInt8($0), 0, 0), prefix: 16) }
      + stride(from: 0, to: 256, by: 16).compactMap { Subnet(IPAddress(192, 168, UInt8($0), 0), prefix: 20) }
  }

  /// Unique local subnets (RFC 4193) of this host's choice: 40 random bits each.
  package static func ipv6() -> [Subnet] {
    (0..<8).compactMap { _ in
      Subnet(
        IPAddress(isIPv6: true, high: 0xFD00_0000_0000_0000 | UInt64.random(in: 0..<(1 << 40)) << 16, low: 0),
        prefix: 64)
    }
  }
}
