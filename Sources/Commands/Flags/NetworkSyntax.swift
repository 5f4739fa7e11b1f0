internal import Basics
internal import Glibc
internal import Networking
internal import Storage

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

  /// What one `--network` names.
  enum Network {
    /// A way to have no network of ours.
    case mode(String)
    case network(NetworkAttachment)
  }

  /// `--network`: a mode, a name, or docker's long form `name=NAME,alias=A,ip=…,ip6=…,mac-address=…`; podman's `NAME:ip=…,alias=…`.
  static func network(_ text: String) throws -> Network {
    guard !text.isEmpty else { throw EngineError(.usage, "", "no name set for network") }
    switch text {
    case "none", "host": return .mode(text)
    case "default", "private": return .network(NetworkAttachment(NetworkRecord.defaultName))
    case _ where text.hasPrefix("container:"):
      return .mode(try joined(text, "--network: invalid container format \(text)"))
    case _ where text.hasPrefix("ns:"):
      throw EngineError(
        .unsupported, "--network \(text)", "joining a network namespace by its path is not in this version yet",
        hint: "--network container:NAME joins that of a container")
    case _ where ["slirp4netns", "pasta"].contains { text == $0 || text.hasPrefix($0 + ":") }:
      throw EngineError(
        .unsupported, "--network \(text)", "a user-mode network of one container alone is not in this version yet",
        hint: "--network bridge reaches out by one \(text.prefix { $0 != ":" }) for all of your containers")
    default: break
    }
    if text.contains("="), text.hasPrefix("name=") || text.contains(",") && !text.contains(":") {
      return .network(try attachment(text.split(separator: ","), text, nil))
    }
    if let colon = text.firstIndex(of: ":") {
      return .network(
        try attachment(text[text.index(after: colon)...].split(separator: ","), text, String(text[..<colon])))
    }
    return .network(NetworkAttachment(try networkName(text)))
  }

  private static func attachment(
    _ fields: [Substring], _ text: String, _ name: String?
  ) throws(FlagValueError) -> NetworkAttachment {
    var result = NetworkAttachment(try name.map { (text) throws(FlagValueError) in try networkName(text) } ?? "")
    for field in fields {
      let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard pair.count == 2 else { throw FlagValueError("invalid field \(field)") }
      switch pair[0].lowercased() {
      case "name" where name == nil: result.network = try networkName(pair[1])
      case "alias": result.aliases.append(try alias(pair[1]))
      case "ip": result.ip = try address(pair[1], isIPv6: false)
      case "ip6": result.ip6 = try address(pair[1], isIPv6: true)
      case "mac-address", "mac": result.mac = try mac(pair[1])
      case "driver-opt", "gw-priority", "interface_name", "link-local-ip":
        throw FlagValueError("\(pair[0]) is not in this version yet")
      default: throw FlagValueError("invalid field key \(pair[0])")
      }
    }
    guard !result.network.isEmpty else { throw FlagValueError("network name/id is not specified") }
    return result
  }

  static func networkName(_ text: String) throws(FlagValueError) -> String {
    guard NetworkRecord.isName(text) else { throw FlagValueError("invalid network name: \(goQuoted(text))") }
    return text
  }

  static func address(_ text: String, isIPv6: Bool) throws(FlagValueError) -> String {
    guard let address = IPAddress(text), address.isIPv6 == isIPv6 else {
      throw FlagValueError("invalid IPv\(isIPv6 ? 6 : 4) address: \(text)")
    }
    return address.description
  }

  static func mac(_ text: String) throws(FlagValueError) -> String {
    guard let mac = MACAddress(text) else { throw FlagValueError("\(text) is not a valid mac address") }
    return mac.description
  }

  static func alias(_ text: String) throws(FlagValueError) -> String {
    let isName =
      !text.isEmpty && text.utf8.count <= 253
      && text.utf8.allSatisfy { isNameByte($0) || [UInt8]("-._".utf8).contains($0) }
    guard isName else { throw FlagValueError("invalid alias: \(goQuoted(text))") }
    return text
  }

  /// `CONTAINER[:ALIAS]`.
  static func link(_ text: String) throws(FlagValueError) -> (String, String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard (1...2).contains(parts.count), !parts[0].isEmpty, !(parts.last ?? "").isEmpty else {
      throw FlagValueError("bad format for links: \(text)")
    }
    let name = parts[0].hasPrefix("/") ? String(parts[0].dropFirst()) : parts[0]
    return (name, try alias(parts.count == 2 ? parts[1] : name))
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
