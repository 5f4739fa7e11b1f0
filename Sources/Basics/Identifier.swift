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

  /// An id in 43 characters instead of 64, base64url without padding (RFC 4648, section 5): the text of a link of up to
  /// 59 bytes lies in ext4's inode, that of a longer one takes a block to be found, written and freed.
  package static func packed(_ id: String) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(44)
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for digit in id.utf8 {
      bits = bits << 4 | UInt32(hexDigitValue(digit) ?? 0)
      count += 4
      if count >= 6 {
        count -= 6
        text.append(packedDigits[Int(bits >> count & 63)])
      }
    }
    if count > 0 { text.append(packedDigits[Int(bits << (6 - count) & 63)]) }
    return String(decoding: text, as: UTF8.self)
  }

  /// The id that was packed; nil for any other text.
  package static func unpacked(_ text: String) -> String? {
    guard text.utf8.count == 43 else { return nil }
    var id: [UInt8] = []
    id.reserveCapacity(64)
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for character in text.utf8 {
      guard let value = packedDigits.firstIndex(of: character) else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 6
      while count >= 4, id.count < 64 {
        count -= 4
        id.append(hexDigit(UInt8(bits >> count & 15)))
      }
    }
    // 43 characters have two bits more than an id.
    return bits & 3 == 0 ? String(decoding: id, as: UTF8.self) : nil
  }

  private static let packedDigits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

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
