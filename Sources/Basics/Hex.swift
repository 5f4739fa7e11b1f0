/// The value of an ASCII hexadecimal digit of either case, nil for any other byte.
package func hexDigitValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}

/// The lower-case ASCII digit of a value below 16.
package func hexDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

/// Bytes as lower-case hexadecimal text.
package func hexText(_ bytes: some Sequence<UInt8>) -> String {
  var text: [UInt8] = []
  for byte in bytes {
    text.append(hexDigit(byte >> 4))
    text.append(hexDigit(byte & 15))
  }
  return String(decoding: text, as: UTF8.self)
}

/// True for text of exactly `count` lower-case hexadecimal digits. Two functions and not a generic one, which would not
/// be specialized across modules and cost fifty times as much: lists of containers check hundreds of ids and digests.
package func isLowerHex(_ text: String, count: Int) -> Bool {
  var text = text
  return text.utf8.count == count && text.withUTF8(isLowerHex)
}

/// As above.
package func isLowerHex(_ text: Substring, count: Int) -> Bool {
  var text = text
  return text.utf8.count == count && text.withUTF8(isLowerHex)
}

/// True when all bytes are lower-case ASCII hexadecimal digits.
package func isLowerHex(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
  bytes.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
}
