/// The terminal rules of the reference grammar, over ASCII bytes.
package enum ReferenceGrammar {
  /// Longest path of a repository, as in the distribution project.
  static let pathBytes = 255
  static let tagBytes = 128

  /// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`
  package static func isTag(_ text: some StringProtocol) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, isAlphanumeric(first) || first == UInt8(ascii: "_"), bytes.count <= tagBytes else {
      return false
    }
    return bytes.allSatisfy {
      isAlphanumeric($0) || [UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-")].contains($0)
    }
  }

  /// Components of lower-case letters and digits, joined within by `.`, `_`, `__` or any number of `-`.
  static func isPath(_ text: some StringProtocol) -> Bool {
    text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
      isComponent(Array($0))
    }
  }

  private static func isComponent(_ bytes: [UInt8]) -> Bool {
    guard let first = bytes.first, let last = bytes.last, isLowerOrDigit(first), isLowerOrDigit(last) else {
      return false
    }
    var separator: [UInt8] = []
    for byte in bytes {
      if isLowerOrDigit(byte) {
        guard isSeparator(separator) else { return false }
        separator = []
      } else {
        separator.append(byte)
      }
    }
    return true
  }

  private static func isSeparator(_ bytes: [UInt8]) -> Bool {
    switch bytes {
    case [], [UInt8(ascii: ".")], [UInt8(ascii: "_")], [UInt8(ascii: "_"), UInt8(ascii: "_")]: true
    default: bytes.allSatisfy { $0 == UInt8(ascii: "-") }
    }
  }

  /// A host name, an IPv4 address or a bracketed IPv6 address, with an optional port.
  static func isDomain(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count <= 255 + 6 else { return false }
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), end > 1 else { return false }
      let isAddress = bytes[1..<end].allSatisfy { isHexDigit($0) || $0 == UInt8(ascii: ":") }
      return isAddress && isPortSuffix(bytes[(end + 1)...])
    }
    let colon = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
    let labels = bytes[..<colon].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return labels.allSatisfy(isLabel) && isPortSuffix(bytes[colon...])
  }

  private static func isLabel(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else {
      return false
    }
    return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }

  /// Nothing, or a colon and digits.
  private static func isPortSuffix(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first else { return true }
    let digits = bytes.dropFirst()
    return first == UInt8(ascii: ":") && !digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) }
  }

  private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool { isLowerOrDigit(byte) || (0x41...0x5A).contains(byte) }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
  }
}
