// What a worker process that unpacked a layer tells its parent.
package import Basics
internal import OCI

extension UnpackedLayer {
  package var json: JSON {
    let open = extraction.unresolved
    return [
      "blob": .string(blob.description), "blobSize": .integer(blobSize), "diffID": .string(diffID.description),
      "uncompressedSize": .integer(uncompressedSize), "compression": .string(compression.rawValue),
      "entries": .integer(extraction.entries), "contentSize": .integer(extraction.contentSize),
      "notes": JSON(extraction.notes), "implied": JSON(open.impliedDirectories.map { hexText($0) }),
      "links": .array(open.links.map { JSON([hexText($0.path), hexText($0.target)]) }),
      "hidesEverything": .bool(open.hidesEverything),
    ]
  }

  /// - Throws: `JSONShapeError` for anything but what `json` gives.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    func path(_ text: String) throws(JSONShapeError) -> [UInt8] {
      let digits = Array(text.utf8)
      var bytes: [UInt8] = []
      for index in stride(from: 0, to: digits.count - 1, by: 2) {
        guard let high = hexDigitValue(digits[index]), let low = hexDigitValue(digits[index + 1]) else {
          throw fields.failure("implied", "is no hexadecimal text")
        }
        bytes.append(high << 4 | low)
      }
      return bytes
    }
    var open = UnresolvedEntries()
    for text in try fields.strings("implied") { open.impliedDirectories.append(try path(text)) }
    for pair in try fields.array("links") {
      guard let texts = pair.arrayValue, texts.count == 2, let from = texts[0].stringValue,
        let to = texts[1].stringValue
      else { throw fields.failure("links", "has an entry that is no pair") }
      open.links.append((path: try path(from), target: try path(to)))
    }
    open.hidesEverything = try fields.bool("hidesEverything")
    self.init(
      blob: try fields.digest("blob"), blobSize: try fields.integer("blobSize"), diffID: try fields.digest("diffID"),
      uncompressedSize: try fields.integer("uncompressedSize"),
      compression: Decompressor.Method(rawValue: try fields.string("compression")) ?? .none,
      extraction: ExtractionResult(
        entries: try fields.integer("entries"), contentSize: try fields.integer("contentSize"), unresolved: open,
        notes: try fields.strings("notes")))
  }
}
