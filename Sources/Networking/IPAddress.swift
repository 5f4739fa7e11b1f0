internal import Basics
package import CLinux
internal import Glibc

/// An address of IPv4 or IPv6.
package struct IPAddress: Hashable, Comparable, Sendable {
  package let isIPv6: Bool
  /// The upper 64 bits of an IPv6 address, 0 for IPv4.
  package let high: UInt64
  /// The lower 64 bits, or the 32 of IPv4.
  package let low: UInt64

  package init(isIPv6: Bool, high: UInt64, low: UInt64) {
    self.isIPv6 = isIPv6
    self.high = high
    self.low = low
  }

  package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    self.init(isIPv6: false, high: 0, low: UInt64(a) << 24 | UInt64(b) << 16 | UInt64(c) << 8 | UInt64(d))
  }

  /// From 4 or 16 bytes in network order.
  package init?(bytes: some Collection<UInt8>) {
    switch bytes.count {
    case 4: self.init(isIPv6: false, high: 0, low: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    case 16:
      self.init(
        isIPv6: true, high: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
        low: bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
    default: return nil
    }
  }

  /// From text (inet_pton(3)).
  package init?(_ text: some StringProtocol) {
    let text = String(text)
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      self.init(isIPv6: false, high: 0, low: UInt64(UInt32(bigEndian: four.s_addr)))
      return
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
    self.init(bytes: withUnsafeBytes(of: &six) { Array($0) })
  }

  /// In network order.
  package var bytes: [UInt8] {
    func split(_ value: UInt64, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }
    return isIPv6 ? split(high, 8) + split(low, 8) : split(low, 4)
  }

  package static func < (a: IPAddress, b: IPAddress) -> Bool {
    (a.isIPv6 ? 1 : 0, a.high, a.low) < (b.isIPv6 ? 1 : 0, b.high, b.low)
  }

  package static let anyIPv4 = IPAddress(0, 0, 0, 0)
  package static let anyIPv6 = IPAddress(isIPv6: true, high: 0, low: 0)

  package var isUnspecified: Bool { high == 0 && low == 0 }

  package var isLoopback: Bool {
    isIPv6 ? (high == 0 && low == 1) || (isMappedIPv4 && low >> 24 & 0xFF == 127) : low >> 24 == 127
  }

  /// ::ffff:a.b.c.d
  package var isMappedIPv4: Bool { isIPv6 && high == 0 && low >> 32 == 0xFFFF }
  package var isLinkLocal: Bool { isIPv6 ? high >> 54 == 0x3FA : low >> 16 == 0xA9FE }
  package var isMulticast: Bool { isIPv6 ? high >> 56 == 0xFF : low >> 28 == 0xE }

  /// The address so many after this one; nil beyond the last.
  package func advanced(by count: UInt64) -> IPAddress? {
    let (sum, overflow) = low.addingReportingOverflow(count)
    guard isIPv6 else {
      return sum <= UInt64(UInt32.max) && !overflow ? IPAddress(isIPv6: false, high: 0, low: sum) : nil
    }
    if overflow, high == .max { return nil }
    return IPAddress(isIPv6: true, high: overflow ? high + 1 : high, low: sum)
  }
}

extension IPAddress: CustomStringConvertible {
  /// inet_ntop(3).
  package var description: String {
    guard isIPv6 else { return "\(low >> 24 & 0xFF).\(low >> 16 & 0xFF).\(low >> 8 & 0xFF).\(low & 0xFF)" }
    var six = in6_addr()
    withUnsafeMutableBytes(of: &six) { $0.copyBytes(from: bytes) }
    var text = [CChar](repeating: 0, count: 64)
    guard inet_ntop(AF_INET6, &six, &text, 64) != nil else { return "?" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// As a part of `HOST:PORT`: IPv6 in brackets.
  package var bracketed: String { isIPv6 ? "[\(self)]" : description }

  /// The name a PTR record is asked for by (RFC 1035 3.5, RFC 3596 2.5).
  package var reverseName: String {
    guard isIPv6 else { return bytes.reversed().map { "\($0)" }.joined(separator: ".") + ".in-addr.arpa" }
    return bytes.reversed().flatMap { [$0 & 15, $0 >> 4] }
      .map { String(decoding: [hexDigit($0)], as: UTF8.self) }.joined(separator: ".") + ".ip6.arpa"
  }
}

extension dhow_address {
  package init(_ address: IPAddress, port: UInt16) {
    self.init()
    family = address.isIPv6 ? 6 : 4
    self.port = port
    let bytes = address.bytes
    withUnsafeMutableBytes(of: &self.bytes) { $0.copyBytes(from: bytes) }
  }

  package var ip: IPAddress? {
    var copy = bytes
    let all = withUnsafeBytes(of: &copy) { Array($0) }
    switch family {
    case 4: return IPAddress(bytes: all.prefix(4))
    case 6: return IPAddress(bytes: all)
    default: return nil
    }
  }
}

/// A subnet: an address and the number of bits that its members share.
package struct Subnet: Hashable, Sendable, CustomStringConvertible {
  /// The first address.
  package let base: IPAddress
  package let prefix: UInt8

  /// - Parameter address: any member; the bits beyond the prefix are cleared.
  package init?(_ address: IPAddress, prefix: Int) {
    guard prefix >= 0, prefix <= (address.isIPv6 ? 128 : 32) else { return nil }
    self.prefix = UInt8(prefix)
    if address.isIPv6 {
      base = IPAddress(
        isIPv6: true, high: address.high & Self.mask(min(prefix, 64), of: 64),
        low: address.low & Self.mask(max(prefix - 64, 0), of: 64))
    } else {
      base = IPAddress(isIPv6: false, high: 0, low: address.low & Self.mask(prefix, of: 32))
    }
  }

  /// From `ADDRESS/BITS`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(parts[0]), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let prefix = UInt8(parts[1])
    else { return nil }
    self.init(address, prefix: Int(prefix))
  }

  private static func mask(_ bits: Int, of width: Int) -> UInt64 {
    bits == 0 ? 0 : (UInt64.max >> UInt64(64 - bits)) << UInt64(width - bits)
  }

  package var description: String { "\(base)/\(prefix)" }
  package var isIPv6: Bool { base.isIPv6 }

  package func contains(_ address: IPAddress) -> Bool {
    address.isIPv6 == isIPv6 && Subnet(address, prefix: Int(prefix))?.base == base
  }

  package func overlaps(_ other: Subnet) -> Bool {
    isIPv6 == other.isIPv6 && (contains(other.base) || other.contains(base))
  }

  /// The last address, which is IPv4's broadcast.
  package var last: IPAddress {
    let host = (isIPv6 ? 128 : 32) - Int(prefix)
    guard isIPv6 else { return IPAddress(isIPv6: false, high: 0, low: base.low | ((UInt64(1) << UInt64(host)) - 1)) }
    let low = host >= 64 ? UInt64.max : base.low | ((UInt64(1) << UInt64(host)) - 1)
    let high = host > 64 ? (host == 128 ? .max : base.high | ((UInt64(1) << UInt64(host - 64)) - 1)) : base.high
    return IPAddress(isIPv6: true, high: high, low: low)
  }
}

/// An Ethernet address.
package struct MACAddress: Hashable, Sendable, CustomStringConvertible {
  package let bytes: [UInt8]

  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 6 else { return nil }
    self.bytes = Array(bytes)
  }

  /// From `aa:bb:cc:dd:ee:ff` or with `-`. A multicast address is none for an interface.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
    let bytes = parts.compactMap { $0.count == 2 ? UInt8($0, radix: 16) : nil }
    guard parts.count == 6, bytes.count == 6, bytes[0] & 1 == 0, bytes != [0, 0, 0, 0, 0, 0] else { return nil }
    self.bytes = bytes
  }

  package var description: String { bytes.map { hexText([$0]) }.joined(separator: ":") }

  /// A locally administered address that nobody else has.
  package static func random() -> MACAddress {
    var bytes = (0..<6).map { _ in UInt8.random(in: 0...255) }
    bytes[0] = bytes[0] & 0xFC | 0x02
    return MACAddress(unchecked: bytes)
  }

  private init(unchecked bytes: [UInt8]) { self.bytes = bytes }
}
