package import Basics

/// Which addresses of one subnet are in use.
package struct AddressLedger: Sendable {
  package let subnet: NetworkSubnet
  private var holders: [IPAddress: String] = [:]
  private var last: IPAddress?

  package init(_ subnet: NetworkSubnet) { self.subnet = subnet }

  package func holder(of address: IPAddress) -> String? { holders[address] }

  /// An address asked for.
  /// - Parameter name: of a holder, for people.
  package mutating func take(
    _ address: IPAddress, for holder: String, network: String, doing: String, name: (String) -> String
  ) throws(EngineError) {
    guard subnet.subnet.contains(address), address != subnet.subnet.base,
      subnet.subnet.isIPv6 || address != subnet.subnet.last
    else {
      throw EngineError(
        .invalidInput, doing, "address \(address) is not in subnet \(subnet.subnet) of network \(network)")
    }
    guard address != subnet.gateway else {
      throw EngineError(.inUse, doing, "address \(address) is the gateway of network \(network)")
    }
    if let other = holders[address], other != holder {
      throw EngineError(
        .inUse, doing, "Address already in use: \(address) of network \(network) belongs to container \(name(other))")
    }
    holders[address] = holder
  }

  /// The next free address after the one given last: a name that is looked up late meets its old bearer, not another's.
  package mutating func takeNext(for holder: String, network: String, doing: String) throws(EngineError) -> IPAddress {
    let area = subnet.range ?? subnet.subnet
    let first = area.base
    let end = area.last
    var candidate = last.flatMap { $0.advanced(by: 1) }.flatMap { area.contains($0) ? $0 : nil } ?? first
    // So many addresses are in use at most, beside the three nobody gets.
    for _ in 0..<(holders.count + 4) {
      let isReserved =
        candidate == subnet.gateway || candidate == subnet.subnet.base
        || (!area.isIPv6 && candidate == subnet.subnet.last) || holders[candidate] != nil
      if !isReserved {
        holders[candidate] = holder
        last = candidate
        return candidate
      }
      candidate = candidate == end ? first : candidate.advanced(by: 1) ?? first
    }
    throw EngineError(
      .limitReached, doing, "no available IPv\(area.isIPv6 ? 6 : 4) addresses on network \(network) (\(area))",
      hint: "remove containers of it, or make a larger network")
  }

  package mutating func release(_ address: IPAddress, of holder: String) {
    if holders[address] == holder { holders[address] = nil }
  }
}
