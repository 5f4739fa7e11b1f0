package import Basics
package import LinuxKernel

/// A container's place on one network.
package struct Endpoint: Equatable, Sendable {
  package var id: String
  package var networkID: String
  package var networkName: String
  /// In the container.
  package var interface: String
  /// The other end, a port of the bridge.
  package var port: String
  package var address: IPAddress?
  package var prefix: UInt8 = 0
  package var gateway: IPAddress?
  package var address6: IPAddress?
  package var prefix6: UInt8 = 0
  package var gateway6: IPAddress?
  package var mac: MACAddress
  package var aliases: [String]
  package var isInternal: Bool
  package var mtu: UInt32
  /// What was asked for, as docker's IPAMConfig shows it.
  package var requested: (ip: String?, ip6: String?) = (nil, nil)

  package init(
    id: String, networkID: String, networkName: String, interface: String, port: String, mac: MACAddress,
    aliases: [String], isInternal: Bool, mtu: UInt32
  ) {
    self.id = id
    self.networkID = networkID
    self.networkName = networkName
    self.interface = interface
    self.port = port
    self.mac = mac
    self.aliases = aliases
    self.isInternal = isInternal
    self.mtu = mtu
  }

  package static func == (a: Endpoint, b: Endpoint) -> Bool { a.json == b.json }

  package var addresses: [IPAddress] { [address, address6].compactMap { $0 } }

  package init(_ fields: JSONFields) throws(JSONShapeError) {
    guard let mac = MACAddress(try fields.string("mac")) else { throw fields.failure("mac", "is no address") }
    self.init(
      id: try fields.string("id"), networkID: try fields.string("networkID"), networkName: try fields.string("network"),
      interface: try fields.string("interface"), port: try fields.string("port"), mac: mac,
      aliases: try fields.strings("aliases"), isInternal: try fields.bool("internal"),
      mtu: UInt32(clamping: try fields.optionalInteger("mtu") ?? 1500))
    address = try fields.address("address")
    gateway = try fields.address("gateway")
    address6 = try fields.address("address6")
    gateway6 = try fields.address("gateway6")
    prefix = UInt8(clamping: try fields.optionalInteger("prefix") ?? 0)
    prefix6 = UInt8(clamping: try fields.optionalInteger("prefix6") ?? 0)
    requested = (try fields.optionalString("requestedIP"), try fields.optionalString("requestedIP6"))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("id", id)
    builder.set("networkID", networkID)
    builder.set("network", networkName)
    builder.set("interface", interface)
    builder.set("port", port)
    builder.set("address", address?.description)
    builder.set("prefix", prefix == 0 ? nil : Int64(prefix))
    builder.set("gateway", gateway?.description)
    builder.set("address6", address6?.description)
    builder.set("prefix6", prefix6 == 0 ? nil : Int64(prefix6))
    builder.set("gateway6", gateway6?.description)
    builder.set("mac", mac.description)
    builder.set("aliases", aliases)
    builder.set("internal", isInternal)
    builder.set("mtu", Int64(mtu))
    builder.set("requestedIP", requested.ip)
    builder.set("requestedIP6", requested.ip6)
    return builder.json
  }
}

extension JSONFields {
  /// An address, nil when absent.
  package func address(_ name: String) throws(JSONShapeError) -> IPAddress? {
    guard let text = try optionalString(name) else { return nil }
    guard let address = IPAddress(text) else { throw failure(name, "is no address") }
    return address
  }
}

package enum Transport: String, Sendable, Hashable {
  case tcp, udp

  /// IPPROTO.
  package var number: UInt8 { self == .tcp ? 6 : 17 }
}

/// One port of the host that leads to one of the container.
package struct PublishedPort: Hashable, Sendable {
  package var host: IPAddress
  package var hostPort: UInt16
  package var containerPort: UInt16
  package var transport: Transport

  package init(host: IPAddress, hostPort: UInt16, containerPort: UInt16, transport: Transport) {
    self.host = host
    self.hostPort = hostPort
    self.containerPort = containerPort
    self.transport = transport
  }

  package init(_ fields: JSONFields) throws(JSONShapeError) {
    guard let host = try fields.address("host") else { throw fields.failure("host", "is missing") }
    guard let hostPort = UInt16(exactly: try fields.integer("hostPort")),
      let containerPort = UInt16(exactly: try fields.integer("containerPort")),
      let transport = Transport(rawValue: try fields.string("transport"))
    else { throw fields.failure("hostPort", "is no port") }
    self.init(host: host, hostPort: hostPort, containerPort: containerPort, transport: transport)
  }

  package var json: JSON {
    [
      "host": .string(host.description), "hostPort": .integer(Int64(hostPort)),
      "containerPort": .integer(Int64(containerPort)), "transport": .string(transport.rawValue),
    ]
  }
}

/// A name that one container has for another.
package struct ContainerLink: Equatable, Sendable {
  package var id: String
  package var name: String
  package var alias: String

  package init(id: String, name: String, alias: String) {
    self.id = id
    self.name = name
    self.alias = alias
  }

  package init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init(id: try fields.string("id"), name: try fields.string("name"), alias: try fields.string("alias"))
  }

  package var json: JSON { ["id": .string(id), "name": .string(name), "alias": .string(alias)] }
}

/// All that a running container has of networks: kept in its runtime directory, so that a network process that was
/// killed finds everything again.
package struct ContainerNetwork: Equatable, Sendable {
  package static let version: Int64 = 1

  package var id: String
  package var name: String
  package var hostname: String
  package var domainname: String?
  package var monitor: ProcessIdentity
  package var endpoints: [Endpoint]
  package var ports: [PublishedPort]
  package var links: [ContainerLink]
  package var dnsServers: [IPAddress]
  /// The inode of the network namespace that the bridges are in.
  package var namespace: UInt64

  package init(
    id: String, name: String, hostname: String, domainname: String?, monitor: ProcessIdentity, endpoints: [Endpoint],
    ports: [PublishedPort], links: [ContainerLink], dnsServers: [IPAddress], namespace: UInt64
  ) {
    self.id = id
    self.name = name
    self.hostname = hostname
    self.domainname = domainname
    self.monitor = monitor
    self.endpoints = endpoints
    self.ports = ports
    self.links = links
    self.dnsServers = dnsServers
    self.namespace = namespace
  }

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    let id = try fields.string("id")
    guard Identifier.isID(id) else { throw fields.failure("id", "is no id") }
    guard let pid = Int32(exactly: try fields.integer("monitorPid")), pid > 0,
      let start = UInt64(exactly: try fields.integer("monitorStart"))
    else { throw fields.failure("monitorPid", "is no process") }
    var dns: [IPAddress] = []
    for text in try fields.strings("dns") {
      guard let address = IPAddress(text) else { throw fields.failure("dns", "has an element that is no address") }
      dns.append(address)
    }
    var endpoints: [Endpoint] = []
    for entry in try fields.objects("endpoints") { endpoints.append(try Endpoint(entry)) }
    var ports: [PublishedPort] = []
    for entry in try fields.objects("ports") { ports.append(try PublishedPort(entry)) }
    var links: [ContainerLink] = []
    for entry in try fields.objects("links") { links.append(try ContainerLink(entry)) }
    self.init(
      id: id, name: try fields.string("name"), hostname: try fields.string("hostname"),
      domainname: try fields.optionalString("domainname"), monitor: ProcessIdentity(pid: pid, startTime: start),
      endpoints: endpoints, ports: ports, links: links, dnsServers: dns,
      namespace: UInt64(clamping: try fields.optionalInteger("namespace") ?? 0))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("id", id)
    builder.set("name", name)
    builder.set("hostname", hostname)
    builder.set("domainname", domainname)
    builder.set("monitorPid", Int64(monitor.pid))
    builder.set("monitorStart", Int64(clamping: monitor.startTime))
    builder.set("endpoints", endpoints.map(\.json))
    builder.set("ports", ports.map(\.json))
    builder.set("links", links.map(\.json))
    builder.set("dns", dnsServers.map(\.description))
    builder.set("namespace", Int64(clamping: namespace))
    return builder.json
  }
}

/// What a container asks of networks before it starts.
package struct NetworkRequest: Sendable {
  package struct Attachment: Sendable {
    package var network: String
    package var aliases: [String]
    package var ip: IPAddress?
    package var ip6: IPAddress?
    package var mac: MACAddress?

    package init(
      network: String, aliases: [String] = [], ip: IPAddress? = nil, ip6: IPAddress? = nil, mac: MACAddress? = nil
    ) {
      self.network = network
      self.aliases = aliases
      self.ip = ip
      self.ip6 = ip6
      self.mac = mac
    }

    init(_ fields: JSONFields) throws(JSONShapeError) {
      self.init(
        network: try fields.string("network"), aliases: try fields.strings("aliases"), ip: try fields.address("ip"),
        ip6: try fields.address("ip6"), mac: try fields.optionalString("mac").flatMap { MACAddress($0) })
    }

    var json: JSON {
      var builder = JSONBuilder()
      builder.set("network", network)
      builder.set("aliases", aliases)
      builder.set("ip", ip?.description)
      builder.set("ip6", ip6?.description)
      builder.set("mac", mac?.description)
      return builder.json
    }
  }

  /// `-p`: one port of the container, on one of a range of the host's.
  package struct Port: Sendable, Equatable {
    /// nil is every address.
    package var host: IPAddress?
    /// 0 is any free one.
    package var first: UInt16
    package var last: UInt16
    package var container: UInt16
    package var transport: Transport

    package init(host: IPAddress?, first: UInt16, last: UInt16, container: UInt16, transport: Transport) {
      self.host = host
      self.first = first
      self.last = last
      self.container = container
      self.transport = transport
    }

    init(_ fields: JSONFields) throws(JSONShapeError) {
      guard let first = UInt16(exactly: try fields.integer("first")),
        let last = UInt16(exactly: try fields.integer("last")),
        let container = UInt16(exactly: try fields.integer("container")),
        let transport = Transport(rawValue: try fields.string("transport"))
      else { throw fields.failure("first", "is no port") }
      self.init(host: try fields.address("host"), first: first, last: last, container: container, transport: transport)
    }

    var json: JSON {
      var builder = JSONBuilder()
      builder.set("host", host?.description)
      builder.set("first", Int64(first))
      builder.set("last", Int64(last))
      builder.set("container", Int64(container))
      builder.set("transport", transport.rawValue)
      return builder.json
    }
  }

  package var id: String
  package var name: String
  package var hostname: String
  package var domainname: String?
  package var attachments: [Attachment]
  package var ports: [Port] = []
  package var links: [ContainerLink] = []
  package var dnsServers: [IPAddress] = []

  package init(id: String, name: String, hostname: String, domainname: String?, attachments: [Attachment]) {
    self.id = id
    self.name = name
    self.hostname = hostname
    self.domainname = domainname
    self.attachments = attachments
  }

  init(_ fields: JSONFields) throws(JSONShapeError) {
    let id = try fields.string("id")
    guard Identifier.isID(id) else { throw fields.failure("id", "is no id") }
    var attachments: [Attachment] = []
    for entry in try fields.objects("attachments") { attachments.append(try Attachment(entry)) }
    self.init(
      id: id, name: try fields.string("name"), hostname: try fields.string("hostname"),
      domainname: try fields.optionalString("domainname"), attachments: attachments)
    for entry in try fields.objects("ports") { ports.append(try Port(entry)) }
    for entry in try fields.objects("links") { links.append(try ContainerLink(entry)) }
    dnsServers = try fields.strings("dns").compactMap { IPAddress($0) }
  }

  var json: JSON {
    var builder = JSONBuilder()
    builder.set("id", id)
    builder.set("name", name)
    builder.set("hostname", hostname)
    builder.set("domainname", domainname)
    builder.set("attachments", attachments.map(\.json))
    builder.set("ports", ports.map(\.json))
    builder.set("links", links.map(\.json))
    builder.set("dns", dnsServers.map(\.description))
    return builder.json
  }
}
