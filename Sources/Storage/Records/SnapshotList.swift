package import Basics

/// A container's writable layer as it was at some moment, frozen in a directory of its own that containers share.
package struct Snapshot: Equatable, Sendable {
  /// From 1, in the order in which they were made; never given twice in one container.
  package var number: Int64
  /// Of its directory.
  package var id: String
  /// The snapshot it stands on; 0 is the image.
  package var parent: Int64
  package var created: Timestamp
  package var message: String

  package init(number: Int64, id: String, parent: Int64, created: Timestamp, message: String) {
    self.number = number
    self.id = id
    self.parent = parent
    self.created = created
    self.message = message
  }

  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    let id = try fields.string("id")
    guard Identifier.isID(id) else { throw fields.failure("id", "is no id") }
    let number = try fields.integer("number")
    let parent = try fields.integer("parent")
    // So that following parents ends.
    guard number > 0, parent >= 0, parent < number else { throw fields.failure("number", "is not above its parent's") }
    self.init(
      number: number, id: id, parent: parent, created: Timestamp(nanoseconds: try fields.integer("created")),
      message: try fields.string("message"))
  }

  fileprivate var json: JSON {
    [
      "number": .integer(number), "id": .string(id), "parent": .integer(parent),
      "created": .integer(created.nanoseconds), "message": .string(message),
    ]
  }
}

/// The snapshots a container knows: `snapshots.json` in its directory.
struct SnapshotList {
  static let version: Int64 = 1

  var snapshots: [Snapshot] = []
  /// The greatest number ever given.
  var last: Int64 = 0

  init() {}

  init(_ fields: JSONFields) throws(JSONShapeError) {
    for entry in try fields.objects("snapshots") { snapshots.append(try Snapshot(entry)) }
    last = max(try fields.integer("last"), snapshots.map(\.number).max() ?? 0)
  }

  var json: JSON {
    ["version": .integer(Self.version), "last": .integer(last), "snapshots": .array(snapshots.map(\.json))]
  }
}
