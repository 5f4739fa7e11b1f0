package import Basics
package import LinuxKernel

/// What a monitor says about its living container, in the runtime directory. It counts only in the boot it names.
package struct ContainerState: Equatable, Sendable {
  package static let version: Int64 = 1

  package enum Phase: String, Sendable {
    /// The namespaces exist, the program does not run yet.
    case created
    case running
    case paused
    /// The program has ended and will be started again.
    case restarting
  }

  package var bootID: String
  package var monitor: ProcessIdentity
  /// The container's first process; nil before it exists.
  package var program: ProcessIdentity?
  package var phase: Phase
  package var startedAt: Timestamp
  package var restartCount: Int64
  /// Ids of exec sessions that run.
  package var execIDs: [String]
  /// The container's cgroup, as `CgroupPlacement.record` writes it; empty without one.
  package var cgroup: [String]
  /// How the run before this one ended, nil in the first; while `restarting`, how this one has.
  package var lastEnd: ExitRecord?
  /// Members of others, kept on a rewrite.
  package var otherMembers = JSONObject()

  package init(
    bootID: String, monitor: ProcessIdentity, program: ProcessIdentity?, phase: Phase, startedAt: Timestamp,
    restartCount: Int64 = 0, execIDs: [String] = [], cgroup: [String] = []
  ) {
    self.bootID = bootID
    self.monitor = monitor
    self.program = program
    self.phase = phase
    self.startedAt = startedAt
    self.restartCount = restartCount
    self.execIDs = execIDs
    self.cgroup = cgroup
  }

  private static let ownMembers: Set<String> = [
    "version", "bootID", "monitorPid", "monitorStart", "pid", "pidStart", "status", "startedAt", "restartCount",
    "execIDs", "cgroup", "lastEnd",
  ]

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    guard let phase = Phase(rawValue: try fields.string("status")) else {
      throw fields.failure("status", "is unknown")
    }
    guard let monitor = try fields.process("monitorPid", "monitorStart") else {
      throw fields.failure("monitorPid", "is missing")
    }
    self.init(
      bootID: try fields.string("bootID"), monitor: monitor, program: try fields.process("pid", "pidStart"),
      phase: phase, startedAt: Timestamp(nanoseconds: try fields.integer("startedAt")),
      restartCount: try fields.optionalInteger("restartCount") ?? 0, execIDs: try fields.strings("execIDs"),
      cgroup: try fields.strings("cgroup"))
    lastEnd = try fields.fields("lastEnd").map { (fields) throws(JSONShapeError) in try ExitRecord(fields) }
    otherMembers = JSONObject(fields.object.members.filter { !Self.ownMembers.contains($0.name) })
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("bootID", bootID)
    builder.set(monitor, "monitorPid", "monitorStart")
    if let program { builder.set(program, "pid", "pidStart") }
    builder.set("status", phase.rawValue)
    builder.set("startedAt", startedAt.nanoseconds)
    builder.set("restartCount", restartCount == 0 ? nil : restartCount)
    builder.set("execIDs", execIDs)
    builder.set("cgroup", cgroup)
    builder.set("lastEnd", lastEnd?.json)
    for member in otherMembers.members { builder.set(member.name, member.value) }
    return builder.json
  }
}

extension JSONFields {
  /// A process by pid and start time; both or neither.
  func process(_ pidName: String, _ startName: String) throws(JSONShapeError) -> ProcessIdentity? {
    guard let number = try optionalInteger(pidName) else { return nil }
    guard let pid = Int32(exactly: number), pid > 0 else { throw failure(pidName, "is no pid") }
    guard let start = UInt64(exactly: try integer(startName)) else { throw failure(startName, "is negative") }
    return ProcessIdentity(pid: pid, startTime: start)
  }
}

extension JSONBuilder {
  mutating func set(_ process: ProcessIdentity, _ pidName: String, _ startName: String) {
    set(pidName, Int64(process.pid))
    set(startName, Int64(clamping: process.startTime))
  }
}
