internal import Basics
internal import ContainerEngine
internal import Networking
internal import OCI
internal import Storage

/// `port`: where a container's ports are reached.
enum PortCommand: Command {
  static let words = CommandWords(
    "CONTAINER [PRIVATE_PORT[/PROTO]]", "List port mappings or a specific mapping for the container", .between(1, 2),
    completion: .runningContainers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let ports = try invocation.engine().publishedPorts(operands[0])
    guard operands.count > 1 else {
      for port in ports.sorted(by: PortText.order) {
        invocation.output.line(
          "\(port.containerPort)/\(port.transport.rawValue) -> \(port.host.bracketed):\(port.hostPort)")
      }
      return .success
    }
    guard let wanted = ExposedPort(operands[1]) else {
      throw EngineError(.usage, "port \(safeText(operands[1]))", "Error: invalid port specification")
    }
    let found = ports.filter { $0.containerPort == wanted.number && $0.transport.rawValue == wanted.transport.rawValue }
    guard !found.isEmpty else {
      throw EngineError(
        .notFound, "looking for port \(wanted)", "no public port '\(wanted)' published for \(safeText(operands[0]))")
    }
    for port in found.sorted(by: PortText.order) { invocation.output.line("\(port.host.bracketed):\(port.hostPort)") }
    return .success
  }
}

/// Ports as docker shows them.
enum PortText {
  static func order(_ a: PublishedPort, _ b: PublishedPort) -> Bool {
    (a.containerPort, a.transport.rawValue, a.host, a.hostPort)
      < (b.containerPort, b.transport.rawValue, b.host, b.hostPort)
  }

  /// The column of `ps`: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp`, ranges joined.
  static func column(_ container: ContainerSummary) -> String {
    guard container.stateName == "running" || container.stateName == "paused" else { return "" }
    var groups: [(host: String, transport: String, outside: ClosedRange<UInt16>, inside: ClosedRange<UInt16>)] = []
    let ports = container.published.sorted {
      ($0.host, $0.transport.rawValue, $0.containerPort, $0.hostPort)
        < ($1.host, $1.transport.rawValue, $1.containerPort, $1.hostPort)
    }
    for port in ports {
      let host = port.host.bracketed
      if let last = groups.last, last.host == host, last.transport == port.transport.rawValue,
        last.outside.upperBound < .max, last.inside.upperBound < .max,
        port.hostPort == last.outside.upperBound + 1, port.containerPort == last.inside.upperBound + 1
      {
        groups[groups.count - 1].outside = last.outside.lowerBound...port.hostPort
        groups[groups.count - 1].inside = last.inside.lowerBound...port.containerPort
      } else {
        groups.append(
          (host, port.transport.rawValue, port.hostPort...port.hostPort, port.containerPort...port.containerPort))
      }
    }
    func text(_ range: ClosedRange<UInt16>) -> String {
      range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }
    let published = groups.map { "\($0.host):\(text($0.outside))->\(text($0.inside))/\($0.transport)" }
    let reached = Set(container.published.map { "\($0.containerPort)/\($0.transport.rawValue)" })
    let rest = container.exposed.filter { !reached.contains($0) }.compactMap { ExposedPort($0) }.sorted()
    return (published + rest.map(\.description)).joined(separator: ", ")
  }

  /// docker's filter value `PORT[-PORT][/PROTOCOL]` against `80/tcp`.
  static func accepts(_ wanted: String, _ ports: [String]) -> Bool {
    // What is no port fits none.
    guard let exposed = try? PortSyntax.exposed(wanted) else { return false }
    return exposed.contains { ports.contains($0) }
  }
}
