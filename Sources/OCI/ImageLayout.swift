package import Basics

/// The two files at the top of an OCI image layout (OCI image spec, image-layout.md).
package enum ImageLayout {
  package static let markerFile = "oci-layout"
  package static let indexFile = "index.json"
  /// Contents of the marker file.
  package static let marker: JSON = ["imageLayoutVersion": "1.0.0"]
  /// Images one layout may list; our own store holds more than a registry's index may.
  package static let indexEntries = 100_000
  /// Bytes of `index.json`: an entry takes about 300.
  package static let indexBytes = 64 << 20

  /// Checks the marker of a layout made by somebody else.
  package static func checkMarker(_ bytes: [UInt8]) throws(OCIFormatError) {
    let json = try JSON(document: bytes, subject: markerFile)
    let version = try shaped { () throws(JSONShapeError) in
      try JSONFields(json, markerFile).string("imageLayoutVersion")
    }
    guard version.hasPrefix("1.") else {
      throw OCIFormatError(markerFile, "has version \"\(safeText(version))\", only 1 is known", kind: .unsupported)
    }
  }

  /// Parses an `index.json`. Unlike a registry's index it may leave out its media type.
  package static func index(parsing bytes: [UInt8]) throws(OCIFormatError) -> ImageIndex {
    guard bytes.count <= indexBytes else {
      throw OCIFormatError(indexFile, "is larger than \(indexBytes >> 20) MiB", kind: .limitReached)
    }
    let json: JSON
    do throws(JSONSyntaxError) { json = try JSON(parsing: bytes) } catch {
      throw OCIFormatError(indexFile, "is no JSON: \(error.reason) at byte \(error.offset)")
    }
    return try shaped { () throws(JSONShapeError) in
      let fields = try JSONFields(json, indexFile)
      guard fields.value("layers") == nil, fields.value("config") == nil else {
        throw fields.failure("layers", "stands in an index")
      }
      return try ImageIndex(fields, mediaType: .ociIndex, entryLimit: indexEntries)
    }
  }
}
