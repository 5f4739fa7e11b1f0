internal import Basics
internal import Glibc

/// Values that name hosts, addresses and namespaces.
enum NetworkSyntax {
  /// `HOST:ADDRESS` or `HOST=ADDRESS`, with IPv6 in brackets or bare, as `HOST:ADDRESS`.
  static func extraHost(_ text: String) throws(FlagValueError) -> String {
    guard let separator = text.firstIndex(where: { $0 == "=" }) ?? text.firstIndex(of: ":") else {
      throw FlagValueError("bad format for add-host: \(goQuoted(text))")
    }
    let name = String(text[..<separator])
    var address = String(text[text.index(after: separator)...])
    guard !name.isEmpty, !name.contains(where: { $0.isWhitespace }), !name.utf8.contains(0) else {
      throw FlagValueError("bad format for add-host: \(goQuoted(text))")
    }
    if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
    guard address == "host-gateway" || isAddress(address) else {
      throw FlagValueError("invalid IP address in add-host: \(goQuoted(address))")
    }
    return "\(name):\(address)"
  }

  static func dnsServer(_ text: String) throws(FlagValueError) -> String {
    guard isAddress(text) else { throw FlagValueError("IP address is not correctly formatted: \(text)") }
    return text
  }

  static func searchDomain(_ text: String) throws(FlagValueError) -> String {
    if text == "." { return text }
    let labels = (text.hasSuffix(".") ? text.dropLast() : text[...]).split(
      separator: ".", omittingEmptySubsequences: false)
    let isDomain =
      !labels.isEmpty && text.utf8.count <= 253
      && labels.allSatisfy { label in
        !label.isEmpty && label.utf8.count <= 63
          && label.utf8.allSatisfy { isNameByte($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
      }
    guard isDomain else { throw FlagValueError("\(text) is not a valid domain") }
    return text
  }

  /// A resolver option of resolv.conf(5); one line of that file.
  static func resolverOption(_ text: String) throws(FlagValueError) -> String {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw FlagValueError("\(goQuoted(text)) is not a resolver option")
    }
    return text
  }

  static func hostname(_ text: String) throws(FlagValueError) -> String {
    let bytes = text.utf8
    guard bytes.count <= 64, bytes.allSatisfy({ isNameByte($0) || [UInt8]("-._".utf8).contains($0) }) else {
      throw FlagValueError("invalid hostname format: \(text)")
    }
    return text
  }

  /// `--network`: what this version has is passed on, the rest refused with what there is.
  static func network(_ text: String) throws -> String {
    guard !text.isEmpty else { throw EngineError(.usage, "", "no name set for network") }
    switch text {
    case "none", "host": return text
    // podman's word for a network of one's own.
    case "private": return ""
    case _ where text.hasPrefix("container:"): return try joined(text, "--network: invalid container format \(text)")
    default:
      throw EngineError(
        .unsupported, "--network \(text)", "networks are not in this version yet",
        hint: "--network none, --network host and --network container:NAME work")
    }
  }

  /// `container:NAME` with a name in it.
  static func joined(_ text: String, _ complaint: String) throws(FlagValueError) -> String {
    guard text.hasPrefix("container:"), text.count > "container:".count else { throw FlagValueError(complaint) }
    return text
  }

  static func isAddress(_ text: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: false
    }
  }
}
