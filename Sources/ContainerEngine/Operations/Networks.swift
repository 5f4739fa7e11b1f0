package import Basics
internal import LinuxKernel
package import Networking
internal import Storage

/// A network as lists and `network inspect` show it.
package struct NetworkView: Sendable {
  package enum Kind: String, Sendable { case bridge, host, null }
  package var kind: Kind
  package var id: String
  package var name: String
  package var created: Timestamp
  package var record: NetworkRecord?
  /// Running containers on it: id, name, endpoint.
  package var containers: [(id: String, name: String, endpoint: Endpoint)] = []
  /// Containers made to be on it, running or not.
  package var users: [String] = []

  package var isPredefined: Bool { NetworkRecord.predefined.contains(name) }
}

extension Engine {
  /// The networks there are, with who is on them.
  package func listNetworks() throws(EngineError) -> [NetworkView] {
    _ = try networks.record(named: NetworkRecord.defaultName)
    var views = try networks.all().map { record in
      NetworkView(kind: .bridge, id: record.id, name: record.name, created: record.created, record: record)
    }
    for (name, kind) in [("host", NetworkView.Kind.host), ("none", .null)] {
      // Always the same, since they are always there: the name's bytes, repeated.
      let seed = hexText(name.utf8)
      let id = String(String(repeating: seed, count: 64 / seed.count + 1).prefix(64))
      views.append(NetworkView(kind: kind, id: id, name: name, created: Timestamp(nanoseconds: 0)))
    }
    let running = try Set(containers.idsInRunRoot())
    for id in try containers.ids() {
      // A container whose record is damaged is on no network that could be told.
      guard let record = (try? containers.record(id)) ?? nil else { continue }
      let names = record.settings.networks.map(\.network)
      for index in views.indices where names.contains(views[index].name) || record.settings.network == views[index].name
      {
        views[index].users.append(record.name)
      }
      guard running.contains(id), try containers.status(of: id).isRunning, let network = try containerNetwork(id) else {
        continue
      }
      for endpoint in network.endpoints {
        guard let index = views.firstIndex(where: { $0.id == endpoint.networkID }) else { continue }
        views[index].containers.append((id, record.name, endpoint))
      }
    }
    return views.sorted { $0.name < $1.name }
  }

  package func createNetwork(_ plan: NetworkPlan) throws(EngineError) -> NetworkRecord {
    let doing = "creating network \(safeText(plan.name))"
    guard NetworkRecord.isName(plan.name) else {
      throw EngineError(
        .invalidInput, doing,
        "invalid network name \"\(safeText(plan.name))\": only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    }
    guard !NetworkRecord.predefined.contains(plan.name), plan.name != "default", plan.name != "pasta" else {
      throw EngineError(.denied, doing, "operation is not permitted on predefined \(plan.name) network")
    }
    let record = try networks.create(plan, doing: doing)
    noteNetwork("create", record)
    return record
  }

  private func noteNetwork(_ action: String, _ record: NetworkRecord, container: String? = nil) {
    EventLog(directory).append(
      Event(
        type: "network", action: action, id: record.id,
        attributes: (container.map { [("container", $0)] } ?? []) + [("name", record.name), ("type", "bridge")]))
  }

  /// - Parameter force: one that does not exist is no error, and containers that still name it are no obstacle.
  package func removeNetwork(_ name: String, force: Bool) throws(EngineError) {
    let doing = "removing network \(safeText(name))"
    if NetworkRecord.predefined.contains(name) {
      throw EngineError(.denied, doing, "\(name) is a pre-defined network and cannot be removed")
    }
    let record: NetworkRecord
    do throws(EngineError) { record = try networks.find(name, doing: doing) } catch {
      if force, error.kind == .notFound { return }
      throw error
    }
    if record.isDefault {
      throw EngineError(.denied, doing, "\(record.name) is a pre-defined network and cannot be removed")
    }
    if let view = try listNetworks().first(where: { $0.id == record.id }), !view.containers.isEmpty {
      let names = view.containers.map(\.name).sorted()
      throw EngineError(
        .inUse, doing,
        "error while removing network: network \(record.name) has active endpoints (\(names.map { "name:\"\($0)\"" }.joined(separator: ", ")))",
        hint: "dhow network disconnect \(record.name) \(names[0]), or dhow rm -f \(names.joined(separator: " "))")
    }
    try networks.remove(record, doing: doing)
    if let client = try NetworkClient.connect(directory) { try client.remove(record, doing: doing) }
    noteNetwork("destroy", record)
  }

  /// Removes networks that no container is made for.
  package func pruneNetworks(_ accepts: (NetworkRecord) -> Bool) throws(EngineError) -> PruneReport {
    var report = PruneReport(removed: [], reclaimedBytes: 0)
    for view in try listNetworks() where !view.isPredefined && view.users.isEmpty {
      guard let record = view.record, accepts(record) else { continue }
      do throws(EngineError) {
        try removeNetwork(record.name, force: false)
        report.removed.append(record.name)
      } catch { report.failures.append(error) }
    }
    return report
  }

  package func inspectNetwork(_ name: String) throws(EngineError) -> JSON {
    let views = try listNetworks()
    let exact = views.first { $0.name == name || $0.id == name }
    let matches = name.isEmpty ? [] : views.filter { $0.id.hasPrefix(name) }
    guard let view = exact ?? (matches.count == 1 ? matches[0] : nil) else {
      throw EngineError(.notFound, "inspecting network \(safeText(name))", "network \(safeText(name)) not found")
    }
    return view.json(isRootless: isRootless)
  }

  package func networkExists(_ name: String) throws(EngineError) -> Bool {
    try listNetworks().contains { $0.name == name || (!name.isEmpty && $0.id.hasPrefix(name)) }
  }

  /// Puts a container on one more network, a running one at once.
  package func connectNetwork(
    _ name: String, _ container: String, _ attachment: NetworkAttachmentRequest
  ) throws(EngineError) {
    let doing = "connecting \(safeText(container)) to network \(safeText(name))"
    let network = try networks.find(name, doing: doing)
    let id = try containers.find(container, doing: doing)
    let lock = try containers.lock(id, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    guard var record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(container))")
    }
    let mode = record.settings.network
    if mode == "host" || mode.hasPrefix("container:") {
      throw EngineError(
        .wrongState, doing,
        "container sharing network namespace with another container or host cannot be connected to any other network")
    }
    if record.settings.networks.contains(where: { $0.network == network.name }) {
      throw EngineError(
        .alreadyExists, doing, "endpoint with name \(record.name) already exists in network \(network.name)")
    }
    var added = NetworkAttachment(network.name)
    added.aliases = attachment.aliases
    (added.ip, added.ip6, added.mac) = (attachment.ip, attachment.ip6, nil)
    if case .running(let state) = try containers.status(of: id) {
      guard record.settings.usesBridges, let program = state.program, try containerNetwork(id) != nil else {
        throw EngineError(
          .wrongState, doing, "\(record.name) runs without networks of ours",
          hint: "stop it first: it is on the network from its next start")
      }
      let client = try networkProcess(joining: false, doing: doing)
      try write(
        client.connect(
          id, pid: program.pid,
          .init(
            network: network.name, aliases: added.aliases, ip: added.ip.flatMap { IPAddress($0) },
            ip6: added.ip6.flatMap { IPAddress($0) }), network, doing: doing))
    }
    record.settings.networks.append(added)
    if record.settings.networks.count == 1 { record.settings.network = network.name }
    for link in attachment.links { record.settings.links.append((try containers.find(link.0, doing: doing), link.1)) }
    try rewrite(record, doing: doing)
    noteNetwork("connect", network, container: id)
  }

  package func disconnectNetwork(_ name: String, _ container: String, force: Bool) throws(EngineError) {
    let doing = "disconnecting \(safeText(container)) from network \(safeText(name))"
    let network = try networks.find(name, doing: doing)
    let id = try containers.find(container, doing: doing)
    let lock = try containers.lock(id, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    guard var record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(container))")
    }
    guard let index = record.settings.networks.firstIndex(where: { $0.network == network.name }) else {
      throw EngineError(
        .notFound, doing, "container \(Identifier.short(id)) is not connected to network \(network.name)")
    }
    if try containers.status(of: id).isRunning {
      let client = try networkProcess(joining: false, doing: doing)
      try write(client.disconnect(id, network, doing: doing))
    }
    record.settings.networks.remove(at: index)
    record.settings.network = record.settings.networks.first?.network ?? "none"
    try rewrite(record, doing: doing)
    noteNetwork("disconnect", network, container: id)
  }

  /// Writes a changed record, and the files that follow from it.
  private func rewrite(_ record: ContainerRecord, doing: String) throws(EngineError) {
    try during(doing) {
      try RecordFile.write(
        record.json, at: directory.root.raw, StatePath.containerRecord(record.id), durable: !record.settings.autoRemove)
    }
    if let network = try containerNetwork(record.id), try containers.status(of: record.id).isRunning {
      try RuntimeFiles.rewrite(self, record, network)
    }
  }
}

/// What `network connect` is asked for.
package struct NetworkAttachmentRequest: Sendable {
  package var aliases: [String] = []
  package var ip: String?
  package var ip6: String?
  /// Name or id of another container, and its name here.
  package var links: [(String, String)] = []

  package init() {}
}

extension NetworkView {
  /// docker's `network inspect`.
  func json(isRootless: Bool) -> JSON {
    let options = record?.options ?? [:]
    let pools: [JSON] = (record?.subnets ?? []).map { entry in
      var pool: JSONObject = JSONObject([("Subnet", .string(entry.subnet.description))])
      if let range = entry.range { pool["IPRange"] = .string(range.description) }
      pool["Gateway"] = .string(entry.gateway.description)
      return .object(pool)
    }
    var members = JSONObject()
    for entry in containers.sorted(by: { $0.id < $1.id }) {
      let endpoint = entry.endpoint
      members[entry.id] = [
        "Name": .string(entry.name), "EndpointID": .string(endpoint.id),
        "MacAddress": .string(endpoint.mac.description),
        "IPv4Address": .string(endpoint.address.map { "\($0)/\(endpoint.prefix)" } ?? ""),
        "IPv6Address": .string(endpoint.address6.map { "\($0)/\(endpoint.prefix6)" } ?? ""),
      ]
    }
    func pairs(_ values: [String: String]) -> JSON {
      JSON(values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
    return [
      "Name": .string(name), "Id": .string(id), "Created": .string(created.rfc3339), "Scope": "local",
      "Driver": .string(kind.rawValue), "EnableIPv4": .bool(record.map { $0.ipv4 != nil } ?? true),
      "EnableIPv6": .bool(record?.ipv6 != nil),
      "IPAM": [
        "Driver": "default", "Options": kind == .bridge && name != NetworkRecord.defaultName ? [:] : .null,
        "Config": pools.isEmpty ? .null : .array(pools),
      ],
      "Internal": .bool(record?.isInternal ?? false), "Attachable": false, "Ingress": false,
      "ConfigFrom": ["Network": ""], "ConfigOnly": false, "Containers": .object(members), "Options": pairs(options),
      "Labels": pairs(record?.labels ?? [:]),
    ]
  }
}

extension Engine {
  /// Ports of the host that lead to a running container.
  package func publishedPorts(_ name: String) throws(EngineError) -> [PublishedPort] {
    let id = try containers.find(name, doing: "looking for the ports of \(safeText(name))")
    guard try containers.status(of: id).isRunning else { return [] }
    return try containerNetwork(id)?.ports ?? []
  }
}
