// The 512 bytes in front of each entry (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar
// Format").

/// A view of one header block; valid as long as the bytes it looks at.
struct TarHeader {
  enum Format { case v7, ustar, star, gnu }

  static let size = 512
  let bytes: UnsafePointer<UInt8>

  init(_ bytes: UnsafeRawPointer) { self.bytes = bytes.assumingMemoryBound(to: UInt8.self) }

  var isZero: Bool {
    for index in 0..<Self.size where bytes[index] != 0 { return false }
    return true
  }

  /// The sum of all bytes, those of the checksum counted as spaces; some old programs added signed bytes.
  var hasRightChecksum: Bool {
    guard let wanted = number(148, 8) else { return false }
    var unsigned: Int64 = 0
    var signed: Int64 = 0
    for index in 0..<Self.size {
      let byte = (148..<156).contains(index) ? 0x20 : bytes[index]
      unsigned += Int64(byte)
      signed += Int64(Int8(bitPattern: byte))
    }
    return wanted == unsigned || wanted == signed
  }

  var type: UInt8 { bytes[156] }

  var format: Format {
    func has(_ text: StaticString, at offset: Int) -> Bool {
      for index in 0..<text.utf8CodeUnitCount where bytes[offset + index] != text.utf8Start[index] { return false }
      return true
    }
    if has("ustar\u{0}", at: 257) { return has("tar\u{0}", at: 508) ? .star : .ustar }
    if has("ustar  \u{0}", at: 257) { return .gnu }
    return .v7
  }

  /// A field's bytes up to its first zero.
  func text(_ offset: Int, _ count: Int) -> UnsafeBufferPointer<UInt8> {
    var length = 0
    while length < count, bytes[offset + length] != 0 { length += 1 }
    return UnsafeBufferPointer(start: bytes + offset, count: length)
  }

  /// The entry's name, with the prefix of the formats that have one.
  func appendName(to path: inout [UInt8]) {
    let prefix =
      switch format {
      case .ustar: text(345, 155)
      case .star: text(345, 131)
      case .v7, .gnu: text(345, 0)
      }
    if !prefix.isEmpty {
      path.append(contentsOf: prefix)
      path.append(UInt8(ascii: "/"))
    }
    path.append(contentsOf: text(0, 100))
  }

  /// A number in octal digits, or in base 256 when the first bit is set (GNU, star); an empty field is 0. Nil for
  /// anything else: what one reader takes for a number and another one does not is refused.
  func number(_ offset: Int, _ count: Int) -> Int64? {
    let first = bytes[offset]
    if first & 0x80 != 0 { return binary(offset, count, negative: first & 0x40 != 0) }
    var index = 0
    while index < count, bytes[offset + index] == 0x20 { index += 1 }
    var result: Int64 = 0
    while index < count, (0x30...0x37).contains(bytes[offset + index]) {
      if result >> 60 != 0 { return nil }
      result = result << 3 | Int64(bytes[offset + index] - 0x30)
      index += 1
    }
    while index < count {
      guard bytes[offset + index] == 0 || bytes[offset + index] == 0x20 else { return nil }
      index += 1
    }
    return result
  }

  private func binary(_ offset: Int, _ count: Int, negative: Bool) -> Int64? {
    var result: Int64 = negative ? -1 : 0
    for index in 0..<count {
      var byte = bytes[offset + index]
      if index == 0 { byte = negative ? byte | 0x80 : byte & 0x7F }
      guard result >> 55 == 0 || result >> 55 == -1 else { return nil }
      result = result << 8 | Int64(byte)
    }
    return result
  }
}
