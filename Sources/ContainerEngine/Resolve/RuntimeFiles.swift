internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Networking
internal import Runtime
internal import Storage

/// `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf` of a container: written into its runtime directory at each start
/// and bound into its root.
struct RuntimeFiles {
  /// Host paths.
  var hostname: String
  var hosts: String
  var resolvConf: String
  var notifySocket: String

  static let names = (hostname: "hostname", hosts: "hosts", resolvConf: "resolv.conf")

  /// The files of the container `id`, whether they exist or not.
  init(of id: String, _ location: StateLocation) {
    let base = location.runRoot + "/" + StatePath.Run.container(id) + "/"
    hostname = base + Self.names.hostname
    hosts = base + Self.names.hosts
    resolvConf = base + Self.names.resolvConf
    notifySocket = base + NotificationRelay.socketName
  }

  /// Bytes of a file of the host's that we copy at most.
  private static let hostFileLimit = 1 << 20

  /// Writes the files. The container's runtime directory exists.
  /// - Parameter network: what the container has of networks of ours; nil for none.
  static func write(
    _ settings: ContainerSettings, hostname: String, network: ContainerNetwork?, links: [LinkedContainer],
    isRootless: Bool, at directory: Int32, doing: String
  ) throws(EngineError) {
    let hosts = try hostsText(settings, network, links, isRootless: isRootless, doing: doing)
    let resolvConf = try resolvText(settings, network, doing: doing)
    try write(hostname + "\n", at: directory, names.hostname, doing: doing)
    try write(hosts, at: directory, names.hosts, doing: doing)
    try write(resolvConf, at: directory, names.resolvConf, doing: doing)
  }

  private static func hostsText(
    _ settings: ContainerSettings, _ network: ContainerNetwork?, _ links: [LinkedContainer], isRootless: Bool,
    doing: String
  ) throws(EngineError) -> String {
    let gateway = HostGateway(settings, network, isRootless: isRootless)
    let extra = try settings.extraHosts.map { (entry) throws(EngineError) in
      try hostEntry(entry, gateway, doing: doing)
    }
    if settings.network == "host" {
      return HostsFile.text(host: try hostFile("/etc/hosts", doing: doing), extra: extra)
    }
    var addresses: [(address: String, names: [String])] = []
    if let network {
      if let host = gateway.address {
        addresses.append((host.description, ["host.containers.internal", "host.docker.internal"]))
      }
      for link in links {
        guard let address = link.address else { continue }
        var names = [link.alias, Identifier.short(link.id)]
        if link.name != link.alias { names.append(link.name) }
        addresses.append((address.description, names))
      }
      let own = network.domainname.map { ["\(network.hostname).\($0)", network.hostname] } ?? [network.hostname]
      for endpoint in network.endpoints { addresses += endpoint.addresses.map { ($0.description, own) } }
    }
    return HostsFile.text(addresses: addresses, extra: extra)
  }

  /// On a network of ours the bridge's address answers all questions; on the default one servers that were named are
  /// asked directly, as in docker.
  private static func resolvText(
    _ settings: ContainerSettings, _ network: ContainerNetwork?, doing: String
  ) throws(EngineError) -> String {
    let host = try hostFile("/etc/resolv.conf", doing: doing)
    guard let network, let first = network.endpoints.first else {
      return ResolvConf.text(
        host: host, servers: settings.dnsServers, search: settings.dnsSearch, options: settings.dnsOptions,
        keepsLoopback: settings.network == "host")
    }
    let isDefault = network.endpoints.allSatisfy { $0.networkName == NetworkRecord.defaultName }
    let own = [first.gateway, first.gateway6].compactMap { $0?.description }
    return ResolvConf.text(
      host: host, servers: isDefault && !settings.dnsServers.isEmpty ? settings.dnsServers : own,
      search: settings.dnsSearch, options: settings.dnsOptions, keepsLoopback: false)
  }

  /// Writes the files of a running container anew, in place: they are bound into its root.
  /// - Parameter starting: a container that starts just now, to which this one has a link.
  static func rewrite(
    _ engine: Engine, _ record: ContainerRecord, _ network: ContainerNetwork, starting: ContainerNetwork? = nil
  ) throws(EngineError) {
    let doing = "writing the names of \(record.name)"
    guard let run = try engine.directory.runRoot() else { return }
    let links = try LinkedContainer.all(of: record, engine, starting: starting ?? network, doing: doing)
    let directory = try during(doing) { try File.openDirectory(at: run, StatePath.Run.container(record.id)) }
    let hosts = try hostsText(record.settings, network, links, isRootless: engine.isRootless, doing: doing)
    let resolvConf = try resolvText(record.settings, network, doing: doing)
    try write(hosts, at: directory.raw, names.hosts, doing: doing)
    try write(resolvConf, at: directory.raw, names.resolvConf, doing: doing)
  }

  /// A file that the host may lack, as text.
  private static func hostFile(_ path: String, doing: String) throws(EngineError) -> String {
    let bytes = try during(doing) { try File.readAllIfPresent(path, limit: hostFileLimit) }
    return String(decoding: bytes ?? [], as: UTF8.self)
  }

  private static func write(_ text: String, at directory: Int32, _ name: String, doing: String) throws(EngineError) {
    try during(doing) {
      // World-readable: the container's program may run as any user of its map.
      let file = try File.open(at: directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
      try systemCall("chmod", name) { fchmod(file.raw, 0o644) }
      try File.writeAll(file.raw, Array(text.utf8), shown: name)
    }
  }

  /// `NAME:ADDRESS` or `NAME=ADDRESS` of --add-host.
  private static func hostEntry(
    _ entry: String, _ gateway: HostGateway, doing: String
  ) throws(EngineError) -> (name: String, address: String) {
    guard let separator = entry.firstIndex(where: { $0 == ":" || $0 == "=" }) else {
      throw EngineError(.invalidInput, doing, "bad format for add-host: \"\(safeText(entry))\"")
    }
    let name = String(entry[..<separator])
    let address = String(entry[entry.index(after: separator)...])
    guard address == "host-gateway" else { return (name, address) }
    guard let found = gateway.address else {
      throw EngineError(
        .unsupported, doing, "host-gateway needs a network that reaches the host, and this container has none",
        hint: "--network host reaches the host as 127.0.0.1")
    }
    return (name, found.description)
  }
}

/// The address by which a container reaches the host: root's by the bridge, an ordinary user's by the host's own address,
/// which the uplink leads to. Never the host's loopback.
struct HostGateway {
  let address: IPAddress?

  init(_ settings: ContainerSettings, _ network: ContainerNetwork?, isRootless: Bool) {
    if settings.network == "host" {
      address = IPAddress(127, 0, 0, 1)
    } else if let endpoint = network?.endpoints.first(where: { !$0.isInternal }) {
      address = isRootless ? Self.hostAddress() : endpoint.gateway ?? endpoint.gateway6
    } else {
      address = nil
    }
  }

  /// Of the interface that leads out.
  private static func hostAddress() -> IPAddress? {
    // A host that does not tell has none that we could name.
    guard let socket = try? NetlinkSocket(), let routes = try? socket.routes(),
      let route = routes.first(where: { $0.destination.prefix == 0 && $0.table == 254 && !$0.destination.isIPv6 })
    else { return nil }
    if let source = route.source { return source }
    return (try? socket.addresses())?.first { $0.interface == route.interface && !$0.address.isIPv6 }?.address
  }
}

/// The names of a container for those that have a link to it, when it has started again with another address.
enum HostsUpdate {
  static func relink(_ engine: Engine, _ id: String, to target: ContainerNetwork) {
    // A container that has just ended has no file that matters.
    guard let record = (try? engine.containers.record(id)) ?? nil,
      let network = (try? engine.containerNetwork(id)) ?? nil
    else { return }
    do throws(EngineError) { try RuntimeFiles.rewrite(engine, record, network, starting: target) } catch {
      engine.tellOnce("\(error.doing): \(error.reason)")
    }
  }
}
