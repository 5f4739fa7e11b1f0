internal import Basics
internal import LinuxKernel
internal import Networking
internal import Storage

extension ContainerFlags {
  /// Names, addresses and the network namespace.
  static var network: [Flag<ContainerOptions>] { names + connections }

  private static var names: [Flag<ContainerOptions>] {
    [
      .list("add-host", nil, "list", "Add a custom host-to-IP mapping (host:ip)") {
        $0.settings.extraHosts.append(try NetworkSyntax.extraHost($1))
      },
      .list("dns", nil, "list", "Set custom DNS servers") {
        $0.settings.dnsServers.append(try NetworkSyntax.dnsServer($1))
      },
      .list("dns-option", nil, "list", "Set DNS options") {
        $0.settings.dnsOptions.append(try NetworkSyntax.resolverOption($1))
      }.alsoNamed("dns-opt"),
      .list("dns-search", nil, "list", "Set custom DNS search domains") {
        $0.settings.dnsSearch.append(try NetworkSyntax.searchDomain($1))
      },
      .text("domainname", nil, "string", "Container NIS domain name") {
        $0.settings.domainname = $1.isEmpty ? nil : try NetworkSyntax.hostname($1)
      },
      .text("hostname", "h", "string", "Container host name") {
        $0.settings.hostname = $1.isEmpty ? nil : try NetworkSyntax.hostname($1)
      },
    ]
  }

  private static var connections: [Flag<ContainerOptions>] {
    [
      .list("expose", nil, "list", "Expose a port or a range of ports") {
        for port in try PortSyntax.exposed($1) where !$0.settings.exposedPorts.contains(port) {
          $0.settings.exposedPorts.append(port)
        }
      },
      .text("ip", nil, "ip", "IPv4 address (e.g., 172.30.100.104)") {
        $0.networks.ip = try NetworkSyntax.address($1, isIPv6: false)
      },
      .text("ip6", nil, "ip", "IPv6 address (e.g., 2001:db8::33)") {
        $0.networks.ip6 = try NetworkSyntax.address($1, isIPv6: true)
      },
      .list("link", nil, "list", "Add link to another container") {
        $0.settings.links.append(try NetworkSyntax.link($1))
      }.completed(by: .runningContainers),
      .text("mac-address", nil, "string", "Container MAC address (e.g., 92:d0:c6:0a:29:33)") {
        $0.networks.mac = try NetworkSyntax.mac($1)
      },
      .list("network", nil, "network", "Connect a container to a network") {
        try $0.networks.add(try NetworkSyntax.network($1))
      }.alsoNamed("net").completed(by: .networks),
      .list("network-alias", nil, "list", "Add network-scoped alias for the container") {
        $0.networks.aliases.append(try NetworkSyntax.alias($1))
      }.alsoNamed("net-alias"),
      .list("publish", "p", "list", "Publish a container's port(s) to the host") {
        $0.settings.ports += try PortSyntax.bindings($1)
      },
      .toggle("publish-all", "P", "Publish all exposed ports to random ports") {
        $0.settings.publishesAllPorts = $1
      },
    ]
  }
}

/// What the flags said of networks, until all of it is known.
struct NetworkChoice {
  /// `none`, `host` or `container:ID`; at most one, and alone.
  var mode: String?
  var attachments: [NetworkAttachment] = []
  var aliases: [String] = []
  var ip: String?
  var ip6: String?
  var mac: String?

  mutating func add(_ word: NetworkSyntax.Network) throws {
    switch word {
    case .mode(let text):
      guard mode == nil || mode == text, attachments.isEmpty else { throw Self.conflict(text) }
      mode = text
    case .network(let attachment):
      if let mode { throw Self.conflict(mode) }
      attachments.append(attachment)
    }
  }

  private static func conflict(_ mode: String) -> EngineError {
    EngineError(
      .usage, "", "conflicting options: cannot attach both user-defined and non-user-defined network-modes (\(mode))")
  }

  /// The variable that names the network of containers made without `--network`.
  static let variable = "DHOW_NETWORK"

  /// Writes the choice into the settings.
  func apply(to settings: inout ContainerSettings) throws {
    var choice = self
    if mode == nil, attachments.isEmpty {
      let entry = ProcessEnvironment.entries.last { $0.hasPrefix(Self.variable + "=") }
      let word = entry.map { String($0.dropFirst(Self.variable.utf8.count + 1)) } ?? ""
      try choice.add(NetworkSyntax.network(word.isEmpty ? NetworkRecord.defaultName : word))
    }
    if let mode = choice.mode {
      let isForeign = ip != nil || ip6 != nil || !aliases.isEmpty
      if isForeign {
        throw EngineError(
          .usage, "", "conflicting options: --ip, --ip6 and --network-alias need a network of the container's own",
          hint: "dhow network create NAME, then --network NAME")
      }
      settings.network = mode
      try checkPorts(settings, mode)
      return
    }
    var attachments = choice.attachments
    guard !attachments.isEmpty else { return }
    let hasDefault = attachments[0].network == NetworkRecord.defaultName
    if hasDefault, ip != nil || ip6 != nil {
      throw EngineError(
        .usage, "",
        "invalid config for network bridge: user specified IP address is supported only when connecting to networks with user configured subnets",
        hint: "dhow network create --subnet 10.1.2.0/24 NAME, then --network NAME")
    }
    if hasDefault, !aliases.isEmpty {
      throw EngineError(
        .usage, "", "network-scoped alias is supported only for containers in user defined networks",
        hint: "dhow network create NAME, then --network NAME")
    }
    for index in attachments.indices where attachments[index].network != NetworkRecord.defaultName {
      attachments[index].aliases += aliases
    }
    attachments[0].ip = attachments[0].ip ?? ip
    attachments[0].ip6 = attachments[0].ip6 ?? ip6
    attachments[0].mac = attachments[0].mac ?? mac
    settings.networks = attachments
    settings.network = attachments[0].network
  }

  private func checkPorts(_ settings: ContainerSettings, _ mode: String) throws {
    if mode.hasPrefix("container:") {
      if !settings.ports.isEmpty || settings.publishesAllPorts {
        throw EngineError(.usage, "", "conflicting options: port publishing and the container type network mode")
      }
      if !settings.exposedPorts.isEmpty {
        throw EngineError(.usage, "", "conflicting options: port exposing and the container type network mode")
      }
      if mac != nil { throw EngineError(.usage, "", "conflicting options: mac-address and the network mode") }
    }
    if !settings.links.isEmpty, mode == "host" || mode.hasPrefix("container:") {
      throw EngineError(
        .usage, "",
        "conflicting options: \(mode == "host" ? "host" : "container") type networking can't be used with links")
    }
  }
}
