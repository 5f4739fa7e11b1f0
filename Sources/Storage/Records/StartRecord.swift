package import Basics
package import LinuxKernel

/// That a container was started, kept beside its record: without it a container whose runtime directory is gone, by a
/// reboot or by a cleaner of temporary files, could not be told from one that never ran.
package struct StartRecord: Equatable, Sendable {
  package static let version: Int64 = 1

  package var bootID: String
  package var monitor: ProcessIdentity
  package var program: ProcessIdentity?
  package var startedAt: Timestamp
  package var restartCount: Int64

  package init(
    bootID: String, monitor: ProcessIdentity, program: ProcessIdentity?, startedAt: Timestamp, restartCount: Int64 = 0
  ) {
    self.bootID = bootID
    self.monitor = monitor
    self.program = program
    self.startedAt = startedAt
    self.restartCount = restartCount
  }

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    guard let monitor = try fields.process("monitorPid", "monitorStart") else {
      throw fields.failure("monitorPid", "is missing")
    }
    self.init(
      bootID: try fields.string("bootID"), monitor: monitor, program: try fields.process("pid", "pidStart"),
      startedAt: Timestamp(nanoseconds: try fields.integer("startedAt")),
      restartCount: try fields.optionalInteger("restartCount") ?? 0)
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("bootID", bootID)
    builder.set(monitor, "monitorPid", "monitorStart")
    if let program { builder.set(program, "pid", "pidStart") }
    builder.set("startedAt", startedAt.nanoseconds)
    builder.set("restartCount", restartCount == 0 ? nil : restartCount)
    return builder.json
  }
}
