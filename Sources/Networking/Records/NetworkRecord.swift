package import Basics

/// One subnet of a network.
package struct NetworkSubnet: Equatable, Sendable {
  package var subnet: Subnet
  package var gateway: IPAddress
  /// Addresses are given from this part alone, when set.
  package var range: Subnet?

  package init(subnet: Subnet, gateway: IPAddress, range: Subnet? = nil) {
    self.subnet = subnet
    self.gateway = gateway
    self.range = range
  }
}

/// A network as its file keeps it.
package struct NetworkRecord: Equatable, Sendable {
  package static let version: Int64 = 1
  /// The network that containers are on when nothing else is said.
  package static let defaultName = "bridge"
  /// Names that are always there.
  package static let predefined = ["bridge", "host", "none"]

  package var id: String
  package var name: String
  package var created: Timestamp
  package var subnets: [NetworkSubnet]
  /// Without a way out.
  package var isInternal: Bool
  /// Asked for with `--ipv6`.
  package var hasIPv6: Bool
  package var labels: [String: String]
  package var options: [String: String]
  /// The bridge's interface.
  package var bridge: String

  package init(
    id: String, name: String, created: Timestamp, subnets: [NetworkSubnet], isInternal: Bool = false,
    hasIPv6: Bool = false, labels: [String: String] = [:], options: [String: String] = [:], bridge: String
  ) {
    self.id = id
    self.name = name
    self.created = created
    self.subnets = subnets
    self.isInternal = isInternal
    self.hasIPv6 = hasIPv6
    self.labels = labels
    self.options = options
    self.bridge = bridge
  }

  /// docker's grammar: that of a container's name, and one character is enough.
  package static func isName(_ text: String) -> Bool {
    // Of one character: what a longer name may begin with.
    Identifier.isName(text.utf8.count == 1 ? text + "0" : text)
  }

  package var isDefault: Bool { name == Self.defaultName }
  package var ipv4: NetworkSubnet? { subnets.first { !$0.subnet.isIPv6 } }
  package var ipv6: NetworkSubnet? { subnets.first { $0.subnet.isIPv6 } }
  package var mtu: UInt32 {
    ["com.docker.network.driver.mtu", "mtu"].lazy.compactMap { options[$0].flatMap { UInt32($0) } }.first ?? 1500
  }
  /// Whether containers leave with the host's address; docker's option.
  package var masquerades: Bool { options["com.docker.network.bridge.enable_ip_masquerade"] != "false" }
  /// The host address that ports are published on without one; docker's option.
  package var publishAddress: String? { options["com.docker.network.bridge.host_binding_ipv4"] }
  /// Containers reach each other; docker's option.
  package var connectsContainers: Bool { options["com.docker.network.bridge.enable_icc"] != "false" }

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    let name = try fields.string("name")
    guard Self.isName(name) else { throw fields.failure("name", "is no network name") }
    let id = try fields.string("id")
    guard Identifier.isID(id) else { throw fields.failure("id", "is no id") }
    var subnets: [NetworkSubnet] = []
    for entry in try fields.objects("subnets") {
      guard let subnet = Subnet(try entry.string("subnet")) else { throw entry.failure("subnet", "is none") }
      guard let gateway = IPAddress(try entry.string("gateway")) else {
        throw entry.failure("gateway", "is no address")
      }
      var range: Subnet?
      if let text = try entry.optionalString("range") {
        guard let part = Subnet(text) else { throw entry.failure("range", "is none") }
        range = part
      }
      subnets.append(NetworkSubnet(subnet: subnet, gateway: gateway, range: range))
    }
    let bridge = try fields.string("bridge")
    guard !bridge.isEmpty, bridge.utf8.count < 16, !bridge.contains("/") else {
      throw fields.failure("bridge", "is no interface name")
    }
    self.init(
      id: id, name: name, created: Timestamp(nanoseconds: try fields.integer("created")), subnets: subnets,
      isInternal: try fields.bool("internal"), hasIPv6: try fields.bool("ipv6"),
      labels: Dictionary(try fields.pairs("labels")) { $1 }, options: Dictionary(try fields.pairs("options")) { $1 },
      bridge: bridge)
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("id", id)
    builder.set("name", name)
    builder.set("created", created.nanoseconds)
    builder.set(
      "subnets",
      subnets.map { entry -> JSON in
        var part = JSONBuilder()
        part.set("subnet", entry.subnet.description)
        part.set("gateway", entry.gateway.description)
        part.set("range", entry.range?.description)
        return part.json
      })
    builder.set("internal", isInternal)
    builder.set("ipv6", hasIPv6)
    builder.set("labels", labels.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    builder.set("options", options.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    builder.set("bridge", bridge)
    return builder.json
  }
}
