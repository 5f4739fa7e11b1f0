package import Basics

/// What an image says about the containers made from it: the `config` member of its config (OCI image spec, config.md)
/// with docker's additions Healthcheck, OnBuild and Shell. Nothing of it is interpreted on the host.
package struct ContainerDefaults: Equatable, Sendable {
  /// `NAME=value`, each with its `=`: a name alone gets an empty value, never the host's (SECURITY B11).
  package var environment: [String]
  /// Nil when the image has none, which differs from an empty list in docker's inspect.
  package var entrypoint: [String]?
  package var command: [String]?
  package var user: String
  package var workingDirectory: String
  package var exposedPorts: [ExposedPort]
  /// Absolute paths inside the container.
  package var volumes: [String]
  package var labels: [(String, String)]
  /// A name or number as written; nil for SIGTERM.
  package var stopSignal: String?
  package var healthcheck: Healthcheck?
  package var onBuild: [String]
  package var shell: [String]?
  /// Members that have no place above, such as ArgsEscaped.
  package var otherMembers: JSONObject

  package init(
    environment: [String] = [], entrypoint: [String]? = nil, command: [String]? = nil, user: String = "",
    workingDirectory: String = "", exposedPorts: [ExposedPort] = [], volumes: [String] = [],
    labels: [(String, String)] = [], stopSignal: String? = nil, healthcheck: Healthcheck? = nil, onBuild: [String] = [],
    shell: [String]? = nil, otherMembers: JSONObject = JSONObject()
  ) {
    self.environment = environment
    self.entrypoint = entrypoint
    self.command = command
    self.user = user
    self.workingDirectory = workingDirectory
    self.exposedPorts = exposedPorts
    self.volumes = volumes
    self.labels = labels
    self.stopSignal = stopSignal
    self.healthcheck = healthcheck
    self.onBuild = onBuild
    self.shell = shell
    self.otherMembers = otherMembers
  }

  package static func == (a: ContainerDefaults, b: ContainerDefaults) -> Bool { a.json == b.json }

  private static let ownMembers: Set<String> = [
    "Env", "Entrypoint", "Cmd", "User", "WorkingDir", "ExposedPorts", "Volumes", "Labels", "StopSignal", "Healthcheck",
    "OnBuild", "Shell",
  ]

  package init(_ fields: JSONFields) throws(JSONShapeError) {
    let entry = ConfigEntry(fields)
    self.init(
      environment: try entry.environment("Env"), entrypoint: try entry.arguments("Entrypoint"),
      command: try entry.arguments("Cmd"), user: try entry.text("User", limit: 1024),
      workingDirectory: try entry.text("WorkingDir", limit: 4096), exposedPorts: try entry.ports("ExposedPorts"),
      volumes: try entry.volumes("Volumes"), labels: try entry.labels("Labels"),
      stopSignal: try entry.stopSignal("StopSignal"),
      healthcheck: try fields.fields("Healthcheck").map { (fields) throws(JSONShapeError) in try Healthcheck(fields) },
      onBuild: try entry.arguments("OnBuild") ?? [], shell: try entry.arguments("Shell"),
      otherMembers: JSONObject(fields.object.members.filter { !Self.ownMembers.contains($0.name) }))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    for member in otherMembers.members { builder.set(member.name, member.value) }
    builder.set("User", user.isEmpty ? nil : user)
    builder.set("ExposedPorts", exposedPorts.isEmpty ? nil : emptyObjects(exposedPorts.map(\.description)))
    builder.set("Env", environment)
    builder.set("Entrypoint", entrypoint.map { JSON($0) })
    builder.set("Cmd", command.map { JSON($0) })
    builder.set("Healthcheck", healthcheck?.json)
    builder.set("Volumes", volumes.isEmpty ? nil : emptyObjects(volumes))
    builder.set("WorkingDir", workingDirectory.isEmpty ? nil : workingDirectory)
    builder.set("Labels", labels)
    builder.set("StopSignal", stopSignal)
    builder.set("OnBuild", onBuild)
    builder.set("Shell", shell.map { JSON($0) })
    return builder.json
  }
}

/// Go's `map[string]struct{}`, in which the image format keeps sets.
private func emptyObjects(_ names: [String]) -> JSON {
  .object(JSONObject(names.map { (name: $0, value: .object(JSONObject())) }))
}

/// A port an image or a container says it listens on.
package struct ExposedPort: Hashable, Comparable, Sendable, CustomStringConvertible {
  package enum TransportProtocol: String, Hashable, Sendable { case tcp, udp, sctp }

  package var number: UInt16
  package var transport: TransportProtocol

  package init(number: UInt16, transport: TransportProtocol = .tcp) {
    self.number = number
    self.transport = transport
  }

  /// Parses `80` or `80/udp`; nil for port 0, more than 65535 or another protocol.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, first.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(first),
      number > 0, let transport = TransportProtocol(rawValue: parts.count == 2 ? parts[1].lowercased() : "tcp")
    else { return nil }
    self.init(number: number, transport: transport)
  }

  package var description: String { "\(number)/\(transport.rawValue)" }

  package static func < (a: ExposedPort, b: ExposedPort) -> Bool {
    (a.number, a.transport.rawValue) < (b.number, b.transport.rawValue)
  }
}

/// Docker's health check; durations in nanoseconds, 0 for the default.
package struct Healthcheck: Equatable, Sendable {
  /// `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", line]`, or empty to inherit.
  package var test: [String]
  package var interval: Int64
  package var timeout: Int64
  package var startPeriod: Int64
  package var startInterval: Int64
  package var retries: Int64

  package init(
    test: [String], interval: Int64 = 0, timeout: Int64 = 0, startPeriod: Int64 = 0, startInterval: Int64 = 0,
    retries: Int64 = 0
  ) {
    self.test = test
    self.interval = interval
    self.timeout = timeout
    self.startPeriod = startPeriod
    self.startInterval = startInterval
    self.retries = retries
  }

  /// The least duration docker takes, 1 ms: a check each nanosecond is an attack.
  package static let leastDuration: Int64 = 1_000_000

  package init(_ fields: JSONFields) throws(JSONShapeError) {
    func duration(_ name: String) throws(JSONShapeError) -> Int64 {
      let value = try fields.optionalInteger(name) ?? 0
      guard value == 0 || value >= Self.leastDuration else {
        throw fields.failure(name, "is \(value) ns, less than 1 ms")
      }
      return value
    }
    let retries = try fields.optionalInteger("Retries") ?? 0
    guard (0...Int64(Int32.max)).contains(retries) else { throw fields.failure("Retries", "is out of range") }
    self.init(
      test: try ConfigEntry(fields).arguments("Test") ?? [], interval: try duration("Interval"),
      timeout: try duration("Timeout"), startPeriod: try duration("StartPeriod"),
      startInterval: try duration("StartInterval"), retries: retries)
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("Test", test)
    for (name, value) in [
      ("Interval", interval), ("Timeout", timeout), ("StartPeriod", startPeriod), ("StartInterval", startInterval),
      ("Retries", retries),
    ] { builder.set(name, value == 0 ? nil : value) }
    return builder.json
  }
}
