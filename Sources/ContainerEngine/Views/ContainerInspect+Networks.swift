internal import Basics
internal import Networking
internal import OCI
internal import Storage

extension ContainerInspect {
  /// The image's and `--expose`'s, and what `-p` names, each once.
  var exposedPorts: [String] {
    var result: [String] = []
    let all =
      image.exposedPorts.map(\.description) + settings.exposedPorts
      + settings.ports.map { "\($0.containerPort)/\($0.transport)" }
    for port in all where !result.contains(port) { result.append(port) }
    return result
  }

  /// HostConfig.PortBindings: what was asked for.
  var portBindings: JSON {
    var object = JSONObject()
    for port in settings.ports {
      let name = "\(port.containerPort)/\(port.transport)"
      let range = port.lastHostPort > port.hostPort ? "\(port.hostPort)-\(port.lastHostPort)" : "\(port.hostPort)"
      let binding: JSON = [
        "HostIp": .string(port.hostAddress), "HostPort": .string(port.hostPort == 0 ? "" : range),
      ]
      object[name] = .array((object[name]?.arrayValue ?? []) + [binding])
    }
    return .object(object)
  }

  /// NetworkSettings.Ports: where each is reached while the container runs; null for one that is only exposed.
  private var publishedPorts: JSON {
    guard let network else { return [:] }
    var object = JSONObject()
    for port in exposedPorts { object[port] = .null }
    for port in network.ports {
      let name = "\(port.containerPort)/\(port.transport.rawValue)"
      let binding: JSON = ["HostIp": .string(port.host.description), "HostPort": .string("\(port.hostPort)")]
      object[name] = .array((object[name]?.arrayValue ?? []) + [binding])
    }
    object.members.sort { $0.name < $1.name }
    return .object(object)
  }

  private func endpoint(_ attachment: NetworkAttachment?, _ live: Endpoint?) -> JSON {
    let requested = attachment.flatMap { wanted -> JSON? in
      guard wanted.ip != nil || wanted.ip6 != nil else { return nil }
      var object = JSONObject()
      object["IPv4Address"] = wanted.ip.map(JSON.string)
      object["IPv6Address"] = wanted.ip6.map(JSON.string)
      return .object(object)
    }
    let isNamed = attachment.map { $0.network != NetworkRecord.defaultName } ?? false
    var names = [name]
    for other in (attachment?.aliases ?? []) + [Identifier.short(id), hostname] where !names.contains(other) {
      names.append(other)
    }
    let linked = links.map { "\($0.name):\($0.alias)" }
    return [
      "IPAMConfig": requested ?? .null, "Links": linked.isEmpty || !isNamed ? .null : JSON(linked),
      "Aliases": attachment.map { $0.aliases.isEmpty ? .null : JSON($0.aliases) } ?? .null,
      "MacAddress": .string(live?.mac.description ?? ""), "DriverOpts": .null, "GwPriority": 0,
      "NetworkID": .string(live?.networkID ?? ""), "EndpointID": .string(live?.id ?? ""),
      "Gateway": .string(live?.gateway?.description ?? ""), "IPAddress": .string(live?.address?.description ?? ""),
      "IPPrefixLen": .integer(Int64(live?.prefix ?? 0)), "IPv6Gateway": .string(live?.gateway6?.description ?? ""),
      "GlobalIPv6Address": .string(live?.address6?.description ?? ""),
      "GlobalIPv6PrefixLen": .integer(Int64(live?.prefix6 ?? 0)), "DNSNames": isNamed ? JSON(names) : .null,
    ]
  }

  /// docker's NetworkSettings; its flat members are those of the default network.
  var networkSettings: JSON {
    let mode = settings.network.isEmpty ? "none" : settings.network
    var networks = JSONObject()
    for attachment in settings.networks {
      networks[attachment.network] = endpoint(
        attachment, network?.endpoints.first { $0.networkName == attachment.network })
    }
    if settings.networks.isEmpty, !mode.hasPrefix("container:") { networks[mode] = endpoint(nil, nil) }
    let flat = network?.endpoints.first { $0.networkName == NetworkRecord.defaultName }
    return [
      "Bridge": "", "SandboxID": .string(state.pid > 0 ? id : ""),
      "SandboxKey": .string(state.pid > 0 ? "/proc/\(state.pid)/ns/net" : ""), "Ports": publishedPorts,
      "PortMapping": .null, "HairpinMode": false, "LinkLocalIPv6Address": "", "LinkLocalIPv6PrefixLen": 0,
      "SecondaryIPAddresses": .null, "SecondaryIPv6Addresses": .null, "EndpointID": .string(flat?.id ?? ""),
      "Gateway": .string(flat?.gateway?.description ?? ""),
      "GlobalIPv6Address": .string(flat?.address6?.description ?? ""),
      "GlobalIPv6PrefixLen": .integer(Int64(flat?.prefix6 ?? 0)),
      "IPAddress": .string(flat?.address?.description ?? ""), "IPPrefixLen": .integer(Int64(flat?.prefix ?? 0)),
      "IPv6Gateway": .string(flat?.gateway6?.description ?? ""), "MacAddress": .string(flat?.mac.description ?? ""),
      "Networks": .object(networks),
    ]
  }
}
