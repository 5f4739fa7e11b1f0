internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel
package import Storage

/// Taking up where a network process that was killed left off.
extension NetworkProcess {
  /// Containers whose monitors live, as their runtime directories tell.
  package static func survivors(_ directory: StateDirectory) -> [ContainerNetwork] {
    let store = ContainerStore(directory)
    // A directory that cannot be read tells of no container; commands that look at it say so.
    guard let run = (try? directory.runRoot()) ?? nil, let ids = try? store.idsInRunRoot() else { return [] }
    return ids.compactMap { id in
      guard
        let fields =
          (try? RecordFile.read(
            at: run, StatePath.Run.network(id), version: ContainerNetwork.version, subject: id)) ?? nil,
        let network = try? ContainerNetwork(fields), network.id == id, network.monitor.isAlive
      else { return nil }
      return network
    }
  }

  /// The namespace with the bridges, which each monitor holds.
  static func livingNamespace(_ directory: StateDirectory) -> OwnedDescriptorBox? {
    for network in survivors(directory) {
      let table = "/proc/\(network.monitor.pid)/fd"
      // A monitor that has just gone has no descriptors; the next one may.
      guard let opened = try? File.openDirectory(table), let entries = try? File.list(opened.raw) else { continue }
      for entry in entries {
        guard (try? File.readLink(at: opened.raw, entry.name)) == "net:[\(network.namespace)]",
          let namespace = try? File.open(at: opened.raw, entry.name, O_RDONLY), network.monitor.isAlive
        else { continue }
        return OwnedDescriptorBox(namespace)
      }
    }
    return nil
  }

  /// The network namespace of a running container's program.
  func programNamespace(_ id: String) -> OwnedDescriptorBox? {
    // One that has just ended has none.
    guard let state = (try? ContainerStore(directory).state(id)) ?? nil, let program = state.program,
      let namespace = try? File.open("/proc/\(program.pid)/ns/net", O_RDONLY), program.isAlive
    else { return nil }
    return OwnedDescriptorBox(namespace)
  }

  /// Addresses, listeners and, where the namespace has gone too, interfaces.
  func restore() {
    let survivors = Self.survivors(directory)
    guard !survivors.isEmpty else { return }
    let store = NetworkStore(directory)
    // What cannot be read is told by the commands that need it.
    let records = (try? store.all()) ?? []
    // Names, to know what is there without asking for each.
    let present = Set(((try? route.links()) ?? []).map(\.name))
    for survivor in survivors {
      do throws(EngineError) {
        try restore(survivor, records, present)
      } catch {
        release(survivor.id)
        Log.note("\(error.doing): \(error.reason)")
      }
    }
  }

  private func restore(
    _ network: ContainerNetwork, _ records: [NetworkRecord], _ present: Set<String>
  ) throws(EngineError) {
    let doing = "restoring the network of \(network.name)"
    let watch: OwnedDescriptorBox
    do throws(SystemError) {
      guard let pidfd = try network.monitor.open() else { return }
      watch = OwnedDescriptorBox(pidfd)
      let raw = watch.raw
      try loop.watch(raw, .readable) { [unowned self] _ in
        if self.containers[network.id]?.watch.raw == raw { self.release(network.id) } else { self.loop.forget(raw) }
      }
    } catch { throw error.engineError(doing) }
    var network = network
    network.namespace = namespaceInode
    let container = LiveContainer(network, watch: watch)
    containers[network.id] = container
    var missing = false
    for endpoint in network.endpoints {
      guard let record = records.first(where: { $0.id == endpoint.networkID }) else { continue }
      let live = try self.network(record, doing: doing)
      for address in endpoint.addresses {
        for index in live.ledgers.indices where live.ledgers[index].subnet.subnet.contains(address) {
          try live.ledgers[index].take(address, for: network.id, network: record.name, doing: doing) { $0 }
        }
      }
      if !present.contains(endpoint.port) { missing = true }
    }
    for port in network.ports {
      do throws(SystemError) {
        let at = dhow_address(port.host, port: port.hostPort)
        let listener = OwnedDescriptorBox(port.transport == .tcp ? try host.listen(at) : try host.bindUDP(at))
        container.reserved.append((port, listener))
      } catch { Log.note("\(doing): port \(port.hostPort): \(error.description)") }
    }
    if missing, let target = programNamespace(network.id) {
      _ = try plug(network.id, namespace: target.raw)
    } else {
      container.isPlugged = true
      startForwarding(container)
    }
    if network.endpoints.contains(where: { !$0.isInternal }) { uplink?.ensure() }
  }
}
