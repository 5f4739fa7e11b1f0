internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Bridges, and what is on them.
extension NetworkProcess {
  /// The network with its bridge, made when it is not there.
  func network(_ record: NetworkRecord, doing: String) throws(EngineError) -> LiveNetwork {
    if let live = networks[record.id], live.isMade { return live }
    let live = networks[record.id] ?? LiveNetwork(record)
    do throws(SystemError) {
      if let link = try route.link(named: record.bridge) {
        live.index = link.index
      } else {
        try route.createBridge(record.bridge, mac: .random(), mtu: record.mtu)
        live.index = try route.link(named: record.bridge)?.index ?? 0
      }
      if record.ipv6 == nil {
        Self.writeSetting("net/ipv6/conf/\(record.bridge)/disable_ipv6", "1")
      } else {
        Self.writeSetting("net/ipv6/conf/\(record.bridge)/accept_ra", "0")
        if !isRootless { Self.writeSetting("net/ipv6/conf/all/forwarding", "1") }
      }
      for entry in record.subnets {
        try route.addAddress(entry.gateway, prefix: entry.subnet.prefix, to: live.index)
      }
      try route.setUp(live.index, name: record.bridge)
    } catch {
      throw EngineError(
        .internal, doing, "network \(record.name): \(error.description)",
        hint: error.errno == EOPNOTSUPP ? "the kernel has no bridges: sudo modprobe bridge veth" : nil)
    }
    live.isMade = true
    networks[record.id] = live
    applyFilter()
    startNameServer(live)
    return live
  }

  private func startNameServer(_ live: LiveNetwork) {
    guard live.nameServer == nil else { return }
    do throws(SystemError) {
      live.nameServer = try NameServer(
        loop: loop, host: host, addresses: live.gateways, bridge: live.record.bridge
      ) { [unowned self, unowned live] address in self.nameClient(live, address) }
      live.nameServerProblem = nil
    } catch {
      live.nameServerProblem =
        "names do not resolve on network \(live.record.name): \(error.description)"
    }
  }

  /// What forwards and hides the containers' addresses, written whole at each change.
  func applyFilter() {
    let all = networks.values.filter(\.isMade).map(\.record).sorted { $0.name < $1.name }
    var hiding: [NetfilterRule] = []
    var forwarding: [NetfilterRule] = []
    for network in all {
      for entry in network.subnets where !network.isInternal && network.masquerades {
        hiding.append(NetfilterRule().from(entry.subnet).outgoing(network.bridge, false).masquerade())
      }
      let inside = NetfilterRule().incoming(network.bridge).outgoing(network.bridge)
      forwarding.append(network.connectsContainers ? inside.accept() : inside.drop())
      if network.isInternal { forwarding.append(NetfilterRule().incoming(network.bridge).reject()) }
      // From other networks and from outside come answers alone: what is to be reached is published.
      if !network.isInternal { forwarding.append(NetfilterRule().outgoing(network.bridge).established().accept()) }
      forwarding.append(NetfilterRule().outgoing(network.bridge).drop())
    }
    do throws(SystemError) {
      try NetlinkSocket(.netfilter).replaceTable(
        filterTable,
        [
          NetfilterChain("hide", kind: "nat", hook: .postrouting, priority: 100, rules: hiding),
          NetfilterChain("forward", kind: "filter", hook: .forward, priority: 0, rules: forwarding),
        ])
      filterProblem = nil
    } catch {
      filterProblem = "the kernel takes no nf_tables rules: \(error.description)"
      // Without rules nothing keeps networks apart: then nothing goes between them at all.
      if isRootless { Self.writeSetting("net/ipv4/ip_forward", "0") }
    }
  }

  func removeNetwork(_ id: String) {
    guard let live = networks.removeValue(forKey: id) else { return }
    live.nameServer?.stop()
    // Gone already is what is wanted.
    try? route.removeLink(live.index, name: live.record.bridge)
    applyFilter()
  }

  /// Root's bridges and rules are in the host's namespace and do not go by themselves.
  func removeAll() {
    for id in Array(networks.keys) { removeNetwork(id) }
    try? NetlinkSocket(.netfilter).removeTable(filterTable)
    for everything in [false, true] {
      try? route.removeRoute(to: NetlinkSocket.everything(everything), table: Self.localTable, kind: .local)
    }
  }

  // Names

  /// What the container with this address on this network may know.
  private func nameClient(_ network: LiveNetwork, _ address: IPAddress) -> NameClient? {
    guard
      let asker = containers.values.first(where: { container in
        container.network.endpoints.contains { $0.networkID == network.record.id && $0.addresses.contains(address) }
      })
    else { return nil }
    // Whoever has a way out by another of his networks may ask there.
    let isClosed = asker.network.endpoints.allSatisfy(\.isInternal)
    return NameClient(
      lookUp: { [unowned self] question in self.lookUp(question, asker) },
      upstream: isClosed ? [] : upstream(asker))
  }

  private func lookUp(_ question: DNSQuestion, _ asker: LiveContainer) -> NameClient.Answer {
    if let address = question.reversedAddress {
      for (container, endpoint) in visible(asker) where endpoint.addresses.contains(address) {
        return .name(container.network.name + "." + endpoint.networkName)
      }
      let isOurs = networks.values.contains { $0.record.subnets.contains { $0.subnet.contains(address) } }
      return isOurs && asker.network.endpoints.contains { self.networks[$0.networkID] != nil } && isOwn(address, asker)
        ? .addresses([]) : .unknown
    }
    var addresses: [IPAddress] = []
    for link in asker.network.links where link.alias.lowercased() == question.name {
      guard let target = containers[link.id] else { continue }
      for endpoint in target.network.endpoints
      where asker.network.endpoints.contains(where: { $0.networkID == endpoint.networkID }) {
        addresses += endpoint.addresses
      }
    }
    if addresses.isEmpty {
      for (container, endpoint) in visible(asker)
      where Self.names(of: container.network, on: endpoint).contains(where: {
        $0 == question.name || $0 + "." + endpoint.networkName.lowercased() == question.name
      }) { addresses += endpoint.addresses }
    }
    return addresses.isEmpty ? .unknown : .addresses(addresses.shuffled())
  }

  private func isOwn(_ address: IPAddress, _ asker: LiveContainer) -> Bool {
    asker.network.endpoints.contains { endpoint in
      networks[endpoint.networkID]?.record.subnets.contains { $0.subnet.contains(address) } ?? false
    }
  }

  /// Endpoints on networks that the asker is on, too; on the default network nobody has a name, as in docker.
  private func visible(_ asker: LiveContainer) -> [(LiveContainer, Endpoint)] {
    let shared = Set(asker.network.endpoints.filter { $0.networkName != NetworkRecord.defaultName }.map(\.networkID))
    return containers.values.flatMap { container in
      container.network.endpoints.filter { shared.contains($0.networkID) }.map { (container, $0) }
    }
  }

  static func names(of container: ContainerNetwork, on endpoint: Endpoint) -> [String] {
    ([container.name, String(container.id.prefix(Identifier.shortLength)), container.hostname] + endpoint.aliases)
      .map { $0.lowercased() }
  }

  /// The container's own servers, or the host's as its file names them now.
  private func upstream(_ asker: LiveContainer) -> [(server: IPAddress, isOurs: Bool)] {
    let chosen = asker.network.dnsServers.isEmpty ? hostServers() : asker.network.dnsServers
    return chosen.map { server in
      (server, networks.values.contains { $0.record.subnets.contains { $0.subnet.contains(server) } })
    }
  }

  private func hostServers() -> [IPAddress] {
    // A host without the file asks its own loopback (resolv.conf(5)).
    let bytes = (try? File.readAllIfPresent("/etc/resolv.conf", limit: 1 << 16)) ?? nil
    let servers = ResolvConf.servers(String(decoding: bytes ?? [], as: UTF8.self)).compactMap { IPAddress($0) }
    return servers.isEmpty ? [IPAddress(127, 0, 0, 1)] : servers
  }
}
