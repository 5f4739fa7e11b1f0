package import Basics

/// One step of an image's making (OCI image spec, config.md `history`).
package struct History: Equatable, Sendable {
  package var created: Timestamp?
  package var createdBy: String
  package var author: String
  package var comment: String
  /// True for a step that made no layer.
  package var emptyLayer: Bool

  package init(
    created: Timestamp?, createdBy: String = "", author: String = "", comment: String = "", emptyLayer: Bool = false
  ) {
    self.created = created
    self.createdBy = createdBy
    self.author = author
    self.comment = comment
    self.emptyLayer = emptyLayer
  }

  init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init(
      created: try fields.optionalString("created").flatMap(Timestamp.init(rfc3339:)),
      createdBy: try fields.optionalString("created_by") ?? "", author: try fields.optionalString("author") ?? "",
      comment: try fields.optionalString("comment") ?? "", emptyLayer: try fields.bool("empty_layer"))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("created", created?.rfc3339)
    builder.set("created_by", createdBy.isEmpty ? nil : createdBy)
    builder.set("author", author.isEmpty ? nil : author)
    builder.set("comment", comment.isEmpty ? nil : comment)
    builder.set("empty_layer", emptyLayer)
    return builder.json
  }
}
