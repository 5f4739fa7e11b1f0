internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Published ports.
extension NetworkProcess {
  /// Binds one `-p` on the host; the listener waits until the container is plugged in.
  func bind(_ port: NetworkRequest.Port, _ container: LiveContainer, doing: String) throws(EngineError) {
    let hosts: [IPAddress] = port.host.map { [$0] } ?? [.anyIPv4, .anyIPv6]
    // Any free port: the kernel chooses for the first address, and the second must have the same.
    let isAny = port.first == 0
    let candidates = isAny ? Array(repeating: UInt16(0), count: 20) : Array(port.first...max(port.first, port.last))
    var failure: EngineError?
    for candidate in candidates {
      do throws(EngineError) {
        let bound = try bindAll(hosts, candidate, port, container, doing: doing)
        container.reserved += bound
        container.network.ports += bound.map(\.port)
        return
      } catch {
        failure = failure ?? error
        if error.kind != .inUse { throw error }
      }
    }
    throw failure ?? EngineError(.internal, doing, "no port was tried")
  }

  private func bindAll(
    _ hosts: [IPAddress], _ wanted: UInt16, _ port: NetworkRequest.Port, _ container: LiveContainer, doing: String
  ) throws(EngineError) -> [(port: PublishedPort, listener: OwnedDescriptorBox)] {
    var number = wanted
    var result: [(port: PublishedPort, listener: OwnedDescriptorBox)] = []
    for address in hosts {
      do throws(SystemError) {
        let at = dhow_address(address, port: number)
        let listener = OwnedDescriptorBox(port.transport == .tcp ? try host.listen(at) : try host.bindUDP(at))
        if number == 0 {
          var local = dhow_address()
          _ = dhow_local_address(listener.raw, &local)
          number = local.port
        }
        result.append(
          (
            PublishedPort(host: address, hostPort: number, containerPort: port.container, transport: port.transport),
            listener
          ))
      } catch {
        // A host without IPv6 publishes by IPv4.
        let lacksFamily = error.errno == EAFNOSUPPORT || error.errno == EADDRNOTAVAIL
        if address.isIPv6, port.host == nil, lacksFamily, !result.isEmpty { continue }
        throw refusal(error, address, number, port, doing: doing)
      }
    }
    return result
  }

  private func refusal(
    _ error: SystemError, _ address: IPAddress, _ number: UInt16, _ port: NetworkRequest.Port, doing: String
  ) -> EngineError {
    let place = "\(address.bracketed):\(number)"
    switch error.errno {
    case EADDRINUSE:
      let holder = containers.values.first { other in
        other.network.ports.contains {
          $0.hostPort == number && $0.transport == port.transport
            && ($0.host == address || $0.host.isUnspecified || address.isUnspecified)
        }
      }
      return EngineError(
        .inUse, doing,
        "Bind for \(place) failed: port is already allocated"
          + (holder.map { " by container \($0.network.name)" } ?? ""),
        hint:
          "another host port: -p \(number == 65_535 ? 1024 : number + 1):\(port.container), or -p \(port.container) for any free one"
      )
    case EACCES:
      return EngineError(
        .denied, doing,
        "Bind for \(place) failed: ports below net.ipv4.ip_unprivileged_port_start are root's",
        hint:
          "-p \(Int(number) + 8000):\(port.container), or sudo sysctl -w net.ipv4.ip_unprivileged_port_start=\(number)")
    case EADDRNOTAVAIL:
      return EngineError(
        .invalidInput, doing, "Bind for \(place) failed: this host does not have the address \(address)")
    default: return error.engineError(doing)
    }
  }

  /// Serves the ports of a plugged container.
  func startForwarding(_ container: LiveContainer) {
    let id = container.network.id
    addReplyRules(container)
    for entry in container.reserved {
      let target: () -> ForwardTarget? = { [weak self] in self?.target(id, entry.port) }
      // A listener that cannot be watched (no memory) is closed; clients then see that nobody is there.
      switch entry.port.transport {
      case .tcp where container.tcp[entry.port] == nil:
        container.tcp[entry.port] = try? TCPForwarder(
          loop: loop, listener: OwnedDescriptor(owning: dup(entry.listener.raw)), pipes: pipes, target: target)
      case .udp where container.udp[entry.port] == nil:
        container.udp[entry.port] = try? UDPForwarder(
          loop: loop, listener: OwnedDescriptor(owning: dup(entry.listener.raw)), target: target)
      case .tcp, .udp: break  // served already, before a change of networks or a new run
      }
    }
  }

  func stopForwarding(_ container: LiveContainer, keepingListeners: Bool = false) {
    if !keepingListeners {
      for forwarder in container.tcp.values { forwarder.stop() }
      for forwarder in container.udp.values { forwarder.stop() }
      (container.tcp, container.udp) = ([:], [:])
      container.reserved = []
    }
    // Rules that are gone already do no harm.
    for rule in container.rules { try? route.removeRule(rule) }
    container.rules = []
  }

  private func target(_ id: String, _ port: PublishedPort) -> ForwardTarget? {
    guard let container = containers[id] else { return nil }
    let endpoints = container.network.endpoints.filter { !$0.isInternal }
    let four = endpoints.first { $0.address != nil }
    let six = endpoints.first { $0.address6 != nil }
    guard four != nil || six != nil else { return nil }
    return ForwardTarget(
      address: four?.address, address6: six?.address6, port: port.containerPort, gateway: four?.gateway,
      gateway6: six?.gateway6, ownSubnets: networks.values.flatMap { $0.record.subnets.map(\.subnet) })
  }

  /// A container answers a client whose address it sees; the answers come to our sockets by a rule each: what a
  /// published port sends to others than its own network ends here (ip-rule(8); IP_TRANSPARENT, ip(7)).
  private func addReplyRules(_ container: LiveContainer) {
    guard container.rules.isEmpty else { return }
    let ports = Set(container.network.ports.map { "\($0.containerPort)/\($0.transport.rawValue)" })
    for endpoint in container.network.endpoints where !endpoint.isInternal {
      guard let live = networks[endpoint.networkID] else { continue }
      for address in endpoint.addresses {
        for text in ports {
          let parts = text.split(separator: "/")
          var rule = RoutingRule(priority: Self.replyPriority, action: .table(Self.localTable))
          rule.isIPv6 = address.isIPv6
          rule.incoming = live.record.bridge
          rule.source = Subnet(address, prefix: address.isIPv6 ? 128 : 32)
          rule.transport = Transport(rawValue: String(parts[1]))?.number
          rule.sourcePort = UInt16(parts[0])
          // Without it clients are seen with the bridge's address.
          guard (try? route.addRule(rule)) != nil else { continue }
          container.rules.append(rule)
        }
      }
    }
  }
}
