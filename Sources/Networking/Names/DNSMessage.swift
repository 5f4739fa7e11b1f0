internal import Basics

/// A question to a name server and what we answer (RFC 1035). Nothing but the question is read of a message: the rest is
/// passed on as it is.
struct DNSQuestion: Equatable {
  enum Kind {
    static let a: UInt16 = 1
    static let ptr: UInt16 = 12
    static let aaaa: UInt16 = 28
    static let any: UInt16 = 255
  }
  enum Code: UInt8 {
    case success = 0
    case malformed = 1
    case failure = 2
    case noSuchName = 3
    case notImplemented = 4
    case refused = 5
  }

  let id: UInt16
  /// Lower case, without the dot at the end.
  let name: String
  let kind: UInt16
  let recursionDesired: Bool
  /// The bytes of the question as they came, with the case of its letters (0x20).
  let section: [UInt8]

  static let headerSize = 12
  private static let nameLimit = 255

  /// Nil for what is no question of one name.
  init?(_ message: some RandomAccessCollection<UInt8>) {
    let bytes = Array(message)
    guard bytes.count > Self.headerSize, bytes[2] & 0xF8 == 0 else { return nil }  // a query, standard
    guard bytes[4] == 0, bytes[5] == 1 else { return nil }
    var labels: [String] = []
    var position = Self.headerSize
    while true {
      guard position < bytes.count else { return nil }
      let length = Int(bytes[position])
      if length == 0 { break }
      // A question has nothing before it that a pointer could lead to.
      guard length < 64, position + 1 + length < bytes.count, position - Self.headerSize + length < Self.nameLimit
      else { return nil }
      let label = bytes[(position + 1)...(position + length)]
      labels.append(String(decoding: label.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }, as: UTF8.self))
      position += 1 + length
    }
    guard position + 5 <= bytes.count else { return nil }
    id = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
    recursionDesired = bytes[2] & 1 != 0
    name = labels.joined(separator: ".")
    kind = UInt16(bytes[position + 1]) << 8 | UInt16(bytes[position + 2])
    section = Array(bytes[Self.headerSize..<(position + 5)])
  }

  /// Seconds that an answer of ours may be kept.
  private static let lifetime: UInt32 = 0

  /// An answer of our own.
  func answer(_ code: Code, _ records: [(kind: UInt16, data: [UInt8])] = []) -> [UInt8] {
    var bytes: [UInt8] = [
      UInt8(id >> 8), UInt8(id & 255), 0x84 | (recursionDesired ? 1 : 0), 0x80 | code.rawValue, 0, 1,
      UInt8(records.count >> 8), UInt8(records.count & 255), 0, 0, 0, 0,
    ]
    bytes += section
    for record in records {
      bytes += [0xC0, 0x0C, UInt8(record.kind >> 8), UInt8(record.kind & 255), 0, 1]
      for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: Self.lifetime >> shift)) }
      bytes += [UInt8(record.data.count >> 8), UInt8(record.data.count & 255)] + record.data
    }
    return bytes
  }

  /// A name as a record's data.
  static func encoded(_ name: String) -> [UInt8] {
    name.split(separator: ".").flatMap { [UInt8(min(63, $0.utf8.count))] + Array($0.utf8.prefix(63)) } + [0]
  }

  /// The address that the name of a PTR question stands for.
  var reversedAddress: IPAddress? {
    if name.hasSuffix(".in-addr.arpa") {
      let parts = name.dropLast(".in-addr.arpa".count).split(separator: ".")
      guard parts.count == 4 else { return nil }
      return IPAddress(parts.reversed().joined(separator: "."))
    }
    guard name.hasSuffix(".ip6.arpa") else { return nil }
    let digits = name.dropLast(".ip6.arpa".count).split(separator: ".")
    guard digits.count == 32, digits.allSatisfy({ $0.utf8.count == 1 }) else { return nil }
    let values = digits.reversed().compactMap { $0.utf8.first.flatMap(hexDigitValue) }
    guard values.count == 32 else { return nil }
    return IPAddress(bytes: stride(from: 0, to: 32, by: 2).map { values[$0] << 4 | values[$0 + 1] })
  }
}
