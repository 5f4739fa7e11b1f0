package import Basics

/// What the checks of a container's health have found in this run, kept by its monitor in the runtime directory.
package struct HealthRecord: Equatable, Sendable {
  package static let version: Int64 = 1
  /// As many as docker keeps.
  package static let entriesAtMost = 5
  /// Bytes of a check's output that are kept, as in docker.
  package static let outputLimit = 4096

  package enum Status: String, Sendable { case starting, healthy, unhealthy }

  /// One check.
  package struct Entry: Equatable, Sendable {
    package var start: Timestamp
    package var end: Timestamp
    /// Of the program, -1 when it ended in no way of its own.
    package var exitCode: Int32
    package var output: String

    package init(start: Timestamp, end: Timestamp, exitCode: Int32, output: String) {
      self.start = start
      self.end = end
      self.exitCode = exitCode
      self.output = output
    }
  }

  package var status = Status.starting
  package var failingStreak: Int64 = 0
  /// The last ones, the oldest first.
  package var entries: [Entry] = []

  package init() {}

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    guard let status = Status(rawValue: try fields.string("status")) else {
      throw fields.failure("status", "is unknown")
    }
    self.status = status
    failingStreak = try fields.optionalInteger("failingStreak") ?? 0
    for entry in try fields.objects("entries") {
      guard let code = Int32(exactly: try entry.integer("exitCode")) else {
        throw entry.failure("exitCode", "is out of range")
      }
      entries.append(
        Entry(
          start: Timestamp(nanoseconds: try entry.integer("start")),
          end: Timestamp(nanoseconds: try entry.integer("end")), exitCode: code,
          output: try entry.optionalString("output") ?? ""))
    }
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("status", status.rawValue)
    builder.set("failingStreak", failingStreak)
    builder.set(
      "entries",
      entries.map { entry in
        var builder = JSONBuilder()
        builder.set("start", entry.start.nanoseconds)
        builder.set("end", entry.end.nanoseconds)
        builder.set("exitCode", Int64(entry.exitCode))
        builder.set("output", entry.output)
        return builder.json
      })
    return builder.json
  }
}
