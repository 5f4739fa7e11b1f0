/// Grammar of ids and names.
///
/// Ids are 64 lower-case hexadecimal digits and ours alone; they are the only user-visible text that becomes a path
/// component of a container. Names follow docker's grammar and never reach a path unchecked (SECURITY B12).
package enum Identifier {
  /// Characters of an id shown to people.
  package static let shortLength = 12

  /// True for a complete id.
  package static func isID(_ text: String) -> Bool { isLowerHex(text, count: 64) }

  /// The id as shown to people: its first 12 digits.
  package static func short(_ id: String) -> String { String(id.prefix(shortLength)) }

  /// The grammar of container and volume names, `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, and a length that fits a file name.
  package static func isName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard bytes.count >= 2, bytes.count <= 200, let first = bytes.first, isAlphanumeric(first) else { return false }
    return bytes.allSatisfy {
      isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: false
    }
  }
}

/// A new id: 64 lower-case hexadecimal digits of 256 random bits.
package func newID() -> String {
  var words: [UInt8] = []
  words.reserveCapacity(32)
  for _ in 0..<4 { withUnsafeBytes(of: UInt64.random(in: .min ... .max)) { words.append(contentsOf: $0) } }
  return hexText(words)
}
