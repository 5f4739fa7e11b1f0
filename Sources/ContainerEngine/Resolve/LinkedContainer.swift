internal import Basics
internal import LinuxKernel
internal import Networking
internal import OCI
internal import Storage

/// Another container that one has a name for (`--link`), as it is at the start.
struct LinkedContainer {
  var id: String
  var name: String
  var alias: String
  /// Where it is reached; nil while it does not run.
  var address: IPAddress?
  /// `NAME=value` of its configuration.
  var environment: [String]
  /// Its exposed ports, the lowest of tcp first.
  var ports: [ExposedPort]

  /// - Parameter starting: one of them that starts just now; then the others need not run.
  static func all(
    of record: ContainerRecord, _ engine: Engine, starting: ContainerNetwork? = nil, doing: String
  ) throws(EngineError) -> [LinkedContainer] {
    var result: [LinkedContainer] = []
    let shared = Set(record.settings.networks.map(\.network))
    for (target, alias) in record.settings.links {
      guard let other = try engine.containers.record(target) else {
        throw EngineError(.notFound, doing, "could not get container for \(safeText(target)): it was removed")
      }
      let status = try engine.containers.status(of: target)
      let known = try status.isRunning ? engine.containerNetwork(target) : nil
      let network = starting?.id == target ? starting : known
      let endpoint = network?.endpoints.first { shared.contains($0.networkName) }
      if starting == nil, shared.contains(NetworkRecord.defaultName) {
        guard status.isRunning else {
          throw EngineError(
            .wrongState, doing,
            "Cannot link to a non running container: /\(other.name) AS /\(record.name)/\(alias)",
            hint: "dhow start \(other.name)")
        }
        guard endpoint != nil else {
          throw EngineError(
            .wrongState, doing, "Cannot link to /\(other.name), as it does not belong to the default network",
            hint: "on a network of your own (dhow network create) containers reach each other by name")
        }
      }
      let exposed = other.defaults.exposedPorts + other.settings.exposedPorts.compactMap { ExposedPort($0) }
      result.append(
        LinkedContainer(
          id: target, name: other.name, alias: alias, address: endpoint?.addresses.first,
          environment: other.defaults.environment + other.settings.environment,
          ports: Array(Set(exposed)).sorted { ($0.transport.rawValue, $0.number) < ($1.transport.rawValue, $1.number) })
      )
    }
    return result
  }

  /// docker's variables for one container's view of another.
  func variables(in container: String) -> [String] {
    let prefix = String(alias.uppercased().map { $0 == "-" ? "_" : $0 })
    var result: [String] = []
    guard let address else { return [] }
    if let first = ports.first {
      result.append("\(prefix)_PORT=\(first.transport.rawValue)://\(address):\(first.number)")
    }
    result.append("\(prefix)_NAME=/\(container)/\(alias)")
    for port in ports {
      let transport = port.transport.rawValue
      let name = "\(prefix)_PORT_\(port.number)_\(transport.uppercased())"
      result += [
        "\(name)=\(transport)://\(address):\(port.number)", "\(name)_ADDR=\(address)", "\(name)_PORT=\(port.number)",
        "\(name)_PROTO=\(transport)",
      ]
    }
    for entry in environment {
      let name = entry.prefix { $0 != "=" }
      if name != "PATH", name != "HOME", name.count < entry.count { result.append("\(prefix)_ENV_\(entry)") }
    }
    return result
  }
}

extension Engine {
  /// What a running container has of networks; nil when it is on none of ours.
  func containerNetwork(_ id: String) throws(EngineError) -> ContainerNetwork? {
    guard let run = try directory.runRoot() else { return nil }
    let subject = "the networks of container \(Identifier.short(id))"
    guard
      let fields = try RecordFile.read(
        at: run, StatePath.Run.network(id), version: ContainerNetwork.version, subject: subject)
    else { return nil }
    return try during("reading \(subject)") { try ContainerNetwork(fields) }
  }

  func write(_ network: ContainerNetwork) throws(EngineError) {
    guard let run = try directory.runRoot() else { return }
    try during("writing the networks of \(network.name)") {
      try RecordFile.write(network.json, at: run, StatePath.Run.network(network.id), durable: false)
    }
  }
}
