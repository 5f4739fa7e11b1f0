internal import Glibc

/// One request to the kernel (netlink(7)): a header, the family's fixed part, attributes. All numbers are of the
/// machine's byte order unless an attribute says otherwise.
package struct NetlinkMessage: Sendable {
  package private(set) var bytes: [UInt8]

  /// Flags of a request.
  package enum Flag {
    package static let request: UInt16 = 1
    package static let acknowledge: UInt16 = 4
    package static let dump: UInt16 = 0x300
    package static let replace: UInt16 = 0x100
    package static let exclusive: UInt16 = 0x200
    package static let create: UInt16 = 0x400
    package static let append: UInt16 = 0x800
  }

  static let headerSize = 16

  package init(type: UInt16, flags: UInt16) {
    bytes = [UInt8](repeating: 0, count: Self.headerSize)
    put(type, at: 4)
    put(flags | Flag.request, at: 6)
  }

  /// The whole message with its length and number filled in.
  func finished(sequence: UInt32) -> [UInt8] {
    var copy = self
    copy.put(UInt32(bytes.count), at: 0)
    copy.put(sequence, at: 8)
    return copy.bytes
  }

  private mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
    withUnsafeBytes(of: value) { raw in
      for (index, byte) in raw.enumerated() { bytes[offset + index] = byte }
    }
  }

  /// Appends a part of the family's fixed header.
  package mutating func append(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value) { bytes += $0 } }
  package mutating func append(_ raw: [UInt8]) { bytes += raw }

  /// An attribute (rtnetlink(7)): its length, its type, its payload, padding to four bytes.
  package mutating func attribute(_ type: UInt16, _ payload: [UInt8]) {
    append(UInt16(4 + payload.count))
    append(type)
    bytes += payload
    while bytes.count % 4 != 0 { bytes.append(0) }
  }

  package mutating func attribute(_ type: UInt16, _ value: some FixedWidthInteger) {
    attribute(type, withUnsafeBytes(of: value) { Array($0) })
  }

  /// A text attribute with its NUL.
  package mutating func attribute(_ type: UInt16, _ text: String) { attribute(type, Array(text.utf8) + [0]) }

  /// An attribute of attributes.
  package mutating func nest(_ type: UInt16, _ body: (inout NetlinkMessage) -> Void) {
    let start = bytes.count
    append(UInt16(0))
    append(type | 0x8000)  // NLA_F_NESTED
    body(&self)
    put(UInt16(bytes.count - start), at: start)
  }
}

/// What the kernel answers: the family's part of one message.
package struct NetlinkReply: Sendable {
  package let type: UInt16
  package let payload: [UInt8]

  package init(type: UInt16, payload: [UInt8]) {
    self.type = type
    self.payload = payload
  }

  package func integer<Value: FixedWidthInteger>(at offset: Int, as: Value.Type) -> Value? {
    readInteger(payload[...], at: offset)
  }

  /// The attributes behind a fixed part of so many bytes. Damaged ones end the list.
  package func attributes(after fixed: Int) -> [NetlinkAttribute] {
    fixed <= payload.count ? NetlinkAttribute.list(payload[fixed...]) : []
  }
}

/// One attribute of a reply.
package struct NetlinkAttribute: Sendable {
  package let type: UInt16
  package let payload: ArraySlice<UInt8>

  package var nested: [NetlinkAttribute] { Self.list(payload) }
  package var text: String { String(decoding: payload.prefix { $0 != 0 }, as: UTF8.self) }
  package var uint32: UInt32? { readInteger(payload, at: 0) }

  static func list(_ bytes: ArraySlice<UInt8>) -> [NetlinkAttribute] {
    var result: [NetlinkAttribute] = []
    var rest = bytes
    while rest.count >= 4, let length: UInt16 = readInteger(rest, at: 0), let type: UInt16 = readInteger(rest, at: 2),
      length >= 4, Int(length) <= rest.count
    {
      result.append(
        NetlinkAttribute(
          type: type & 0x3FFF, payload: rest[(rest.startIndex + 4)..<(rest.startIndex + Int(length))]))
      rest = rest.dropFirst((Int(length) + 3) & ~3)
    }
    return result
  }
}

/// A number of the machine's byte order; nil beyond the end.
func readInteger<Value: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>, at offset: Int) -> Value? {
  let size = MemoryLayout<Value>.size
  guard offset >= 0, bytes.count >= offset + size else { return nil }
  return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
}
