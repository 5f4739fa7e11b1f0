internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Networking
internal import Storage

extension ContainerSettings {
  /// The container is on networks of ours, which the network process serves.
  var usesBridges: Bool { !networks.isEmpty }
}

extension Engine {
  var networks: NetworkStore { NetworkStore(directory) }

  /// The network process, started when none runs.
  /// - Parameter joining: also enters its user namespace, where containers that it is to serve must be made.
  func networkProcess(joining: Bool, doing: String) throws(EngineError) -> NetworkClient {
    let run = try directory.makeRunRoot()
    let client: NetworkClient
    if let found = try NetworkClient.connect(directory) {
      client = found
    } else {
      client = try startNetworkProcess(run, doing: doing)
    }
    if joining { try joinNamespace(of: client.process, doing: doing) }
    return client
  }

  private func startNetworkProcess(_ run: Int32, doing: String) throws(EngineError) -> NetworkClient {
    // One at a time: whoever comes second finds it running.
    let lock = try during(doing) { try FileLock.acquire(at: run, StatePath.Run.networkStart) }
    defer { withExtendedLifetime(lock) {} }
    for _ in 0..<3 {
      if let found = try NetworkClient.connect(directory) { return found }
      try NetworkProcessStart.fork(keeping: [directory.root.raw, run]) { (ready) throws(EngineError) in
        try enterUserNamespace()
        try NetworkProcess.run(directory, isRootless: isRootless, ready: ready)
      }
    }
    if let found = try NetworkClient.connect(directory) { return found }
    throw EngineError(.internal, doing, "the network process does not answer")
  }
}

/// The networks of one start of a container.
final class ContainerNetworking {
  private let engine: Engine
  private let record: ContainerRecord
  private let doing: String
  private var client: NetworkClient
  private let records: [NetworkRecord]
  /// Held as long as the container lives: bridges outlive the network process by it.
  private var namespace: NetworkClient.HeldNamespace?
  private(set) var network: ContainerNetwork
  let links: [LinkedContainer]

  /// Gives the container its addresses and binds its ports.
  /// - Returns: nil for a container that is on none of our networks.
  static func reserve(
    _ engine: Engine, _ record: ContainerRecord, hostname: String, doing: String
  ) throws(EngineError) -> ContainerNetworking? {
    guard record.settings.usesBridges else { return nil }
    return try ContainerNetworking(engine, record, hostname: hostname, doing: doing)
  }

  private init(_ engine: Engine, _ record: ContainerRecord, hostname: String, doing: String) throws(EngineError) {
    self.engine = engine
    self.record = record
    self.doing = doing
    let settings = record.settings
    var records: [NetworkRecord] = []
    for attachment in settings.networks {
      records.append(try engine.networks.find(attachment.network, doing: doing))
    }
    self.records = records
    links = try LinkedContainer.all(of: record, engine, doing: doing)
    client = try engine.networkProcess(joining: false, doing: doing)
    var request = NetworkRequest(
      id: record.id, name: record.name, hostname: hostname, domainname: settings.domainname,
      attachments: zip(settings.networks, records).map { attachment, network in
        NetworkRequest.Attachment(
          network: network.name, aliases: attachment.aliases, ip: attachment.ip.flatMap { IPAddress($0) },
          ip6: attachment.ip6.flatMap { IPAddress($0) }, mac: attachment.mac.flatMap { MACAddress($0) })
      })
    request.links = links.map { ContainerLink(id: $0.id, name: $0.name, alias: $0.alias) }
    request.dnsServers = settings.dnsServers.compactMap { IPAddress($0) }
    request.ports = PortPlan.requests(record, records)
    let doing = doing
    do throws(EngineError) {
      let reserved = try client.reserve(request, records, doing: doing)
      network = reserved.network
      namespace = reserved.namespace
    } catch {
      throw PortHolder.named(in: error, request.ports)
    }
  }

  /// Keeps what a network process that comes later must know.
  func write(at directory: Int32) throws(EngineError) {
    try during(doing) {
      try RecordFile.write(network.json, at: directory, "network.json", durable: false)
    }
  }

  /// Makes the interfaces, before the program runs.
  func plug(_ pid: Int32, warn: (String) -> Void) throws(EngineError) {
    let (warnings, linkedBy) = try plug(pid)
    for warning in warnings { warn(warning) }
    for id in linkedBy { HostsUpdate.relink(engine, id, to: network) }
  }

  private func plug(_ pid: Int32) throws(EngineError) -> (warnings: [String], linkedBy: [String]) {
    do throws(EngineError) { return try client.plug(record.id, pid: pid, doing: doing) } catch {
      // A container that is started again by its monitor may have outlived the network process.
      guard error.kind == .unavailable || !client.process.isAlive else { throw error }
      client = try engine.networkProcess(joining: false, doing: doing)
      return try client.plug(record.id, pid: pid, doing: doing)
    }
  }

  /// At the container's end: its addresses and ports are free when whoever waits for it goes on.
  func release() {
    // A network process that was killed has let go of everything already; the one that comes looks for living monitors.
    do throws(EngineError) { try client.release(record.id) } catch { endUplinkAlone() }
    namespace = nil
  }

  /// The uplink outlives a network process that was killed, for the sake of connections through it; the last container
  /// ends it.
  private func endUplinkAlone() {
    // A network process that runs looks after its own; what cannot be looked at is left to it.
    do throws(EngineError) { if try NetworkClient.connect(engine.directory) != nil { return } } catch { return }
    let others = NetworkProcess.survivors(engine.directory).filter { $0.id != record.id }
    if others.isEmpty { NetworkProcess.endAbandonedUplink(engine.directory) }
  }

  var gateways: [IPAddress] { network.endpoints.compactMap { $0.gateway ?? $0.gateway6 } }
}
