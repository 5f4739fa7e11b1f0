package import Basics

/// A volume: a directory of data that outlives containers, or a mount that its options describe.
package struct VolumeRecord: Sendable {
  package static let version: Int64 = 1

  package var name: String
  package var created: Timestamp
  package var labels: [(String, String)]
  /// Of the driver `local`: `type`, `o` and `device`, as mount(8) has them.
  package var options: [(String, String)]
  /// Made for one container by an image's VOLUME or a mount without a name, and removed with it on request.
  package var isAnonymous: Bool

  package init(
    name: String, created: Timestamp, labels: [(String, String)] = [], options: [(String, String)] = [],
    isAnonymous: Bool = false
  ) {
    self.name = name
    self.created = created
    self.labels = labels
    self.options = options
    self.isAnonymous = isAnonymous
  }

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    let name = try fields.string("name")
    guard Identifier.isName(name) else { throw fields.failure("name", "is no volume name") }
    self.init(
      name: name, created: Timestamp(nanoseconds: try fields.integer("created")), labels: try fields.pairs("labels"),
      options: try fields.pairs("options"), isAnonymous: try fields.bool("anonymous"))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("name", name)
    builder.set("created", created.nanoseconds)
    builder.set("labels", labels)
    builder.set("options", options)
    builder.set("anonymous", isAnonymous)
    return builder.json
  }
}
