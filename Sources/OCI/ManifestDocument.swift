import Basics

/// A manifest or an index, told apart once and for good (SECURITY B2, CVE-2021-41190): by the type its descriptor or
/// HTTP header declares, which must equal the `mediaType` field if there is one, and never with the members of both.
package enum ManifestDocument: Equatable, Sendable {
  case manifest(ImageManifest)
  case index(ImageIndex)

  /// Parses the bytes of a manifest or index.
  /// - Parameter declared: the media type by which it was handed over, nil when nobody said.
  package init(parsing bytes: [UInt8], declared: MediaType?) throws(OCIFormatError) {
    let subject = "image manifest"
    let json = try JSON(document: bytes, subject: subject)
    let head = try shaped { () throws(JSONShapeError) in try Head(json, subject) }
    let type = try head.mediaType(declared: declared)
    self = try shaped { () throws(JSONShapeError) in
      if type.kind == .index {
        return .index(try ImageIndex(head.fields, mediaType: type, entryLimit: OCILimits.indexEntries))
      }
      return .manifest(try ImageManifest(head.fields, mediaType: type))
    }
  }
}

/// The members that tell a document's kind.
private struct Head {
  let fields: JSONFields
  let version: Int64?
  let mediaType: MediaType?

  init(_ json: JSON, _ subject: String) throws(JSONShapeError) {
    fields = try JSONFields(json, subject)
    version = try fields.optionalInteger("schemaVersion")
    mediaType = try fields.optionalString("mediaType").map(MediaType.init(rawValue:))
  }

  /// The one type of the document: of kind index or manifest.
  func mediaType(declared: MediaType?) throws(OCIFormatError) -> MediaType {
    if let mediaType, let declared, mediaType != declared {
      throw OCIFormatError(
        fields.path,
        "its mediaType is \"\(safeText(mediaType.rawValue))\", but it was declared as \"\(safeText(declared.rawValue))\""
      )
    }
    if version == 1 || fields.value("fsLayers") != nil || (mediaType ?? declared)?.kind == .schema1 {
      throw OCIFormatError(
        fields.path, "has schema version 1, which Docker retired in 2017; push the image again with a current tool",
        kind: .unsupported)
    }
    let hasManifests = fields.value("manifests") != nil
    let hasLayers = fields.value("layers") != nil || fields.value("config") != nil
    if hasManifests && hasLayers {
      throw OCIFormatError(fields.path, "has members of an index beside those of a manifest")
    }
    guard version == 2 else { throw OCIFormatError(fields.path, "its schemaVersion is not 2") }
    let type = mediaType ?? declared ?? (hasManifests ? .ociIndex : .ociManifest)
    guard type.kind == .index || type.kind == .manifest else {
      throw OCIFormatError(
        fields.path, "its mediaType \"\(safeText(type.rawValue))\" is neither a manifest's nor an index's",
        kind: .unsupported)
    }
    return type
  }
}

/// Runs a reader of members; its error becomes that of the module.
func shaped<Value>(_ body: () throws(JSONShapeError) -> Value) throws(OCIFormatError) -> Value {
  do throws(JSONShapeError) { return try body() } catch { throw OCIFormatError(error) }
}
