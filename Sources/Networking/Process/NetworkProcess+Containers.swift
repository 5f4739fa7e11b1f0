internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Containers on networks.
extension NetworkProcess {
  /// Gives a container its addresses and binds its ports: everything that can be refused is refused here.
  /// - Parameter pid: of the monitor, which asks.
  func reserve(
    _ request: NetworkRequest, _ records: [NetworkRecord], pid: pid_t
  ) throws(EngineError) -> ContainerNetwork {
    let doing = "starting \(request.name)"
    guard let monitor = ProcessIdentity(of: pid) else {
      throw EngineError(.internal, doing, "process \(pid) is gone")
    }
    reap()
    release(request.id)
    uplink?.ensure()
    let watch = try watchMonitor(monitor, request.id, doing: doing)
    let container = LiveContainer(
      ContainerNetwork(
        id: request.id, name: request.name, hostname: request.hostname, domainname: request.domainname,
        monitor: monitor, endpoints: [], ports: [], links: request.links, dnsServers: request.dnsServers,
        namespace: namespaceInode), watch: watch)
    containers[request.id] = container
    do throws(EngineError) {
      for attachment in request.attachments {
        guard let record = records.first(where: { $0.name == attachment.network }) else {
          throw EngineError(.internal, doing, "network \(attachment.network) has no record")
        }
        let live = try network(record, doing: doing)
        container.network.endpoints.append(try endpoint(container, attachment, live, doing: doing))
      }
      for port in request.ports { try bind(port, container, doing: doing) }
    } catch {
      release(request.id)
      throw error
    }
    return container.network
  }

  private func watchMonitor(
    _ monitor: ProcessIdentity, _ id: String, doing: String
  ) throws(EngineError) -> OwnedDescriptorBox {
    do throws(SystemError) {
      guard let pidfd = try monitor.open() else { throw SystemError("pidfd_open", errno: ESRCH) }
      let watch = OwnedDescriptorBox(pidfd)
      try loop.watch(watch.raw, .readable) { [unowned self] _ in self.release(id, ifWatchedBy: watch.raw) }
      return watch
    } catch { throw error.engineError(doing) }
  }

  private func release(_ id: String, ifWatchedBy raw: Int32) {
    if containers[id]?.watch.raw == raw { release(id) } else { loop.forget(raw) }
  }

  /// Lets go of what containers had whose end we have not looked at yet.
  private func reap() {
    for container in Array(containers.values) where dhow_wait_readable(container.watch.raw, 0) > 0 {
      release(container.network.id)
    }
  }

  private func endpoint(
    _ container: LiveContainer, _ attachment: NetworkRequest.Attachment, _ live: LiveNetwork, doing: String
  ) throws(EngineError) -> Endpoint {
    let id = container.network.id
    let record = live.record
    let used = Set(container.network.endpoints.map(\.interface))
    guard let number = (0..<64).first(where: { !used.contains("eth\($0)") }) else {
      throw EngineError(.limitReached, doing, "a container can be on 64 networks at most")
    }
    if let mac = attachment.mac,
      let other = containers.values.first(where: { other in
        other.network.id != id
          && other.network.endpoints.contains { $0.networkID == record.id && $0.mac == mac }
      })
    {
      throw EngineError(
        .inUse, doing, "MAC address \(mac) on network \(record.name) belongs to container \(other.network.name)")
    }
    var endpoint = Endpoint(
      id: hexText((0..<32).map { _ in UInt8.random(in: 0...255) }), networkID: record.id, networkName: record.name,
      interface: "eth\(number)", port: "v\(id.prefix(10))\(number)", mac: attachment.mac ?? .random(),
      aliases: attachment.aliases, isInternal: record.isInternal, mtu: record.mtu)
    endpoint.requested = (attachment.ip?.description, attachment.ip6?.description)
    if attachment.ip6 != nil, record.ipv6 == nil {
      throw EngineError(
        .invalidInput, doing, "network \(record.name) has no IPv6 subnet",
        hint: "dhow network create --ipv6 makes one that has")
    }
    if attachment.ip != nil, record.ipv4 == nil {
      throw EngineError(.invalidInput, doing, "network \(record.name) has no IPv4 subnet")
    }
    let name: (String) -> String = { [unowned self] in self.containers[$0]?.network.name ?? Identifier.short($0) }
    do throws(EngineError) {
      for index in live.ledgers.indices {
        let entry = live.ledgers[index].subnet
        let isIPv6 = entry.subnet.isIPv6
        let address: IPAddress
        if let wanted = isIPv6 ? attachment.ip6 : attachment.ip, entry.subnet.contains(wanted) {
          try live.ledgers[index].take(wanted, for: id, network: record.name, doing: doing, name: name)
          address = wanted
        } else if isIPv6 ? endpoint.address6 == nil : endpoint.address == nil {
          address = try live.ledgers[index].takeNext(for: id, network: record.name, doing: doing)
        } else {
          continue
        }
        if isIPv6 {
          (endpoint.address6, endpoint.prefix6) = (address, entry.subnet.prefix)
          endpoint.gateway6 = entry.gateway
        } else {
          (endpoint.address, endpoint.prefix) = (address, entry.subnet.prefix)
          endpoint.gateway = entry.gateway
        }
      }
      for wanted in [attachment.ip, attachment.ip6].compactMap({ $0 }) where !endpoint.addresses.contains(wanted) {
        throw EngineError(
          .invalidInput, doing,
          "address \(wanted) is in no subnet of network \(record.name) (\(record.subnets.map { $0.subnet.description }.joined(separator: ", ")))"
        )
      }
    } catch {
      giveBack(endpoint, of: id)
      throw error
    }
    return endpoint
  }

  private func giveBack(_ endpoint: Endpoint, of id: String) {
    guard let live = networks[endpoint.networkID] else { return }
    for index in live.ledgers.indices {
      for address in endpoint.addresses { live.ledgers[index].release(address, of: id) }
    }
  }

  // Plugging

  /// Makes the container's interfaces.
  /// - Parameter target: descriptor of its network namespace.
  /// - Returns: what does not work as it should, in sentences.
  func plug(_ id: String, namespace target: Int32) throws(EngineError) -> [String] {
    guard let container = containers[id] else {
      throw EngineError(.notFound, "plugging a container in", "container \(Identifier.short(id)) is not reserved")
    }
    let doing = "starting \(container.network.name)"
    do throws(SystemError) {
      for endpoint in container.network.endpoints { try plug(endpoint, container, target) }
    } catch {
      release(id)
      throw EngineError(
        error.errno == EPERM ? .denied : .internal, doing, error.description,
        hint: error.errno == EPERM
          ? "the container's network namespace belongs to another user namespace than the network process's" : nil)
    }
    container.isPlugged = true
    startForwarding(container)
    return container.network.endpoints.compactMap { networks[$0.networkID]?.nameServerProblem }
  }

  /// Only the first endpoint that leads out has the default route.
  private func hasDefaultRoute(_ endpoint: Endpoint, _ container: LiveContainer) -> Bool {
    !endpoint.isInternal && container.network.endpoints.first { !$0.isInternal }?.id == endpoint.id
  }

  private func plug(_ endpoint: Endpoint, _ container: LiveContainer, _ target: Int32) throws(SystemError) {
    guard let live = networks[endpoint.networkID] else {
      throw SystemError("plug", endpoint.networkName, errno: ENOENT)
    }
    do throws(SystemError) { try makePair(endpoint, live, target) } catch {
      guard error.errno == EEXIST else { throw error }
      // Of a container of this name that is gone and whose namespace the kernel has not ended yet.
      if let stale = try route.link(named: endpoint.port) { try route.removeLink(stale.index, name: endpoint.port) }
      try makePair(endpoint, live, target)
    }
    try inside(target) { () throws(SystemError) in
      let route = try NetlinkSocket()
      let index = dhow_interface_index(endpoint.interface)
      guard index > 0 else { throw SystemError("interface", endpoint.interface, errno: ENODEV) }
      Self.writeSetting("net/ipv6/conf/\(endpoint.interface)/accept_ra", "0")
      if endpoint.address6 == nil {
        Self.writeSetting("net/ipv6/conf/\(endpoint.interface)/disable_ipv6", "1")
      } else {
        Self.writeSetting("net/ipv6/conf/\(endpoint.interface)/disable_ipv6", "0")
      }
      if let address = endpoint.address { try route.addAddress(address, prefix: endpoint.prefix, to: index) }
      if let address = endpoint.address6 { try route.addAddress(address, prefix: endpoint.prefix6, to: index) }
      try route.setUp(index, name: endpoint.interface)
      guard self.hasDefaultRoute(endpoint, container) else { return }
      for gateway in [endpoint.gateway, endpoint.gateway6].compactMap({ $0 }) {
        try route.addDefaultRoute(gateway, interface: index)
      }
    }
  }

  private func makePair(_ endpoint: Endpoint, _ live: LiveNetwork, _ target: Int32) throws(SystemError) {
    try route.createPair(
      endpoint.port, bridge: live.index, peer: endpoint.interface, namespace: target, mac: endpoint.mac,
      mtu: endpoint.mtu)
    // A port of a bridge has no address of its own.
    Self.writeSetting("net/ipv6/conf/\(endpoint.port)/disable_ipv6", "1")
  }

  /// Runs `body` in the network namespace of a container, and comes back.
  func inside(_ target: Int32, _ body: () throws(SystemError) -> Void) throws(SystemError) {
    try systemCall("setns", "the container's network namespace") { dhow_setns(target, Int32(DHOW_CLONE_NEWNET)) }
    var failure: SystemError?
    do throws(SystemError) { try body() } catch { failure = error }
    // Whoever cannot come back must not go on: the next step would happen in somebody else's network.
    guard dhow_setns(namespace.raw, Int32(DHOW_CLONE_NEWNET)) == 0 else { _exit(1) }
    if let failure { throw failure }
  }

  // The end

  func release(_ id: String) {
    guard let container = containers.removeValue(forKey: id) else { return }
    loop.forget(container.watch.raw)
    stopForwarding(container)
    for endpoint in container.network.endpoints { giveBack(endpoint, of: id) }
    if container.isPlugged { removePortsLater(container.network.endpoints.map(\.port)) }
    scheduleEnd()
  }

  /// A container's interfaces go with its namespace; only where somebody else holds that must we remove them, which
  /// takes the kernel 20 ms each.
  private func removePortsLater(_ names: [String]) {
    loop.after(nanoseconds: 1_000_000_000) { [weak self] in
      guard let self else { return }
      let inUse = Set(self.containers.values.flatMap { $0.network.endpoints.map(\.port) })
      // What cannot be listed or removed now goes with the bridge.
      for link in (try? self.route.links()) ?? [] where names.contains(link.name) && !inUse.contains(link.name) {
        try? self.route.removeLink(link.index, name: link.name)
      }
    }
  }

  // While it runs

  func connect(
    _ id: String, _ attachment: NetworkRequest.Attachment, _ record: NetworkRecord, namespace target: Int32
  ) throws(EngineError) -> ContainerNetwork {
    let doing = "connecting to network \(record.name)"
    guard let container = containers[id] else {
      throw EngineError(.wrongState, doing, "container \(Identifier.short(id)) is on no network that can be added to")
    }
    if container.network.endpoints.contains(where: { $0.networkID == record.id }) {
      throw EngineError(
        .alreadyExists, doing, "endpoint with name \(container.network.name) already exists in network \(record.name)")
    }
    let made = try endpoint(container, attachment, try network(record, doing: doing), doing: doing)
    container.network.endpoints.append(made)
    do throws(SystemError) { try plug(made, container, target) } catch {
      container.network.endpoints.removeLast()
      giveBack(made, of: id)
      throw error.engineError(doing)
    }
    stopForwarding(container, keepingListeners: true)
    startForwarding(container)
    return container.network
  }

  func disconnect(_ id: String, _ networkID: String) throws(EngineError) -> ContainerNetwork {
    guard let container = containers[id],
      let index = container.network.endpoints.firstIndex(where: { $0.networkID == networkID })
    else {
      throw EngineError(.notFound, "disconnecting a container", "container \(Identifier.short(id)) is not connected")
    }
    let endpoint = container.network.endpoints.remove(at: index)
    do throws(SystemError) {
      if let link = try route.link(named: endpoint.port) { try route.removeLink(link.index, name: endpoint.port) }
    } catch { throw error.engineError("disconnecting \(container.network.name) from \(endpoint.networkName)") }
    giveBack(endpoint, of: id)
    stopForwarding(container, keepingListeners: true)
    startForwarding(container)
    if let next = container.network.endpoints.first(where: { !$0.isInternal }) { routeAnew(next, container) }
    return container.network
  }

  /// The way out of a container that lost the interface it had it by.
  private func routeAnew(_ endpoint: Endpoint, _ container: LiveContainer) {
    guard let target = programNamespace(container.network.id) else { return }
    // A container that ends now needs no route.
    try? inside(target.raw) { () throws(SystemError) in
      let index = dhow_interface_index(endpoint.interface)
      let route = try NetlinkSocket()
      for gateway in [endpoint.gateway, endpoint.gateway6].compactMap({ $0 }) {
        try route.addDefaultRoute(gateway, interface: index)
      }
    }
  }
}
