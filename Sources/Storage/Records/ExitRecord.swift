package import Basics

/// How the last run of a container ended, written by its monitor. `startedAt` says which run it was.
package struct ExitRecord: Equatable, Sendable {
  package static let version: Int64 = 1

  /// What a shell would report: the program's code, or 128 and the signal.
  package var code: Int32
  package var oomKilled: Bool
  /// Why the container could not run, empty when it did.
  package var error: String
  package var startedAt: Timestamp
  package var finishedAt: Timestamp
  package var restartCount: Int64

  package init(
    code: Int32, oomKilled: Bool = false, error: String = "", startedAt: Timestamp, finishedAt: Timestamp,
    restartCount: Int64 = 0
  ) {
    self.code = code
    self.oomKilled = oomKilled
    self.error = error
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.restartCount = restartCount
  }

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    guard let code = Int32(exactly: try fields.integer("code")) else { throw fields.failure("code", "is out of range") }
    self.init(
      code: code, oomKilled: try fields.bool("oomKilled"), error: try fields.optionalString("error") ?? "",
      startedAt: Timestamp(nanoseconds: try fields.integer("startedAt")),
      finishedAt: Timestamp(nanoseconds: try fields.integer("finishedAt")),
      restartCount: try fields.optionalInteger("restartCount") ?? 0)
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("code", Int64(code))
    builder.set("oomKilled", oomKilled)
    builder.set("error", error.isEmpty ? nil : error)
    builder.set("startedAt", startedAt.nanoseconds)
    builder.set("finishedAt", finishedAt.nanoseconds)
    builder.set("restartCount", restartCount == 0 ? nil : restartCount)
    return builder.json
  }
}
