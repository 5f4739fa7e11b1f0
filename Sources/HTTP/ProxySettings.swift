internal import Basics
internal import Glibc

/// Which proxy stands between us and a host: the variables of curl and Go, or a file's settings in their place.
package struct ProxySettings: Sendable, Hashable {
  /// For http and https addresses: `http://[user:password@]host[:port]`. Empty or nil is none.
  package var http: String?
  package var https: String?
  /// Comma-separated: host (with its subdomains), .suffix, address, CIDR, any with :port, or `*`.
  package var exceptions: String

  package static let none = ProxySettings()

  package init(http: String? = nil, https: String? = nil, exceptions: String = "") {
    self.http = http
    self.https = https
    self.exceptions = exceptions
  }

  /// From HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY; their lower-case names win.
  package init(environment: (String) -> String?) {
    func value(_ name: String) -> String? {
      if let lower = environment(name.lowercased()), !lower.isEmpty { return lower }
      return environment(name).flatMap { $0.isEmpty ? nil : $0 }
    }
    let all = value("ALL_PROXY")
    // A web server that runs us hands a client's `Proxy:` field over as HTTP_PROXY (CVE-2016-5385).
    let isCGI = environment("REQUEST_METHOD") != nil
    http = (isCGI ? environment("http_proxy") : value("HTTP_PROXY")) ?? all
    https = value("HTTPS_PROXY") ?? all
    exceptions = value("NO_PROXY") ?? ""
  }

  /// A proxy as it is connected to.
  package struct Endpoint: Equatable, Sendable {
    package var host: String
    package var port: UInt16
    /// Value of `Proxy-Authorization`; goes to the proxy only.
    package var authorization: String?
  }

  /// nil: connect directly. This machine itself is never reached through a proxy.
  package func endpoint(for address: WebAddress) throws(HTTPFailure) -> Endpoint? {
    guard let text = address.scheme == .http ? http : https, !text.isEmpty else { return nil }
    if address.isLoopback || isException(address) { return nil }
    return try ProxySettings.parse(text)
  }

  private static func parse(_ text: String) throws(HTTPFailure) -> Endpoint {
    var rest = Substring(text)
    if let mark = text.firstIndex(of: ":"), text[mark...].hasPrefix("://") {
      // Not shown: the text may hold a password.
      guard text[..<mark].lowercased() == "http" else {
        throw HTTPFailure(.proxy, "a proxy is reached by http:// here, not by \(safeText(String(text[..<mark])))://")
      }
      rest = text[text.index(mark, offsetBy: 3)...]
    }
    if let slash = rest.firstIndex(of: "/") { rest = rest[..<slash] }
    var authorization: String?
    if let at = rest.lastIndex(of: "@") {
      let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let user = percentDecoded(String(parts[0])) ?? String(parts[0])
      let secret = parts.count > 1 ? percentDecoded(String(parts[1])) ?? String(parts[1]) : ""
      authorization = "Basic " + base64(Array((user + ":" + secret).utf8))
      rest = rest[rest.index(after: at)...]
    }
    do throws(HTTPFailure) {
      let address = try WebAddress(parsing: "http://" + rest)
      return Endpoint(host: address.host, port: address.port, authorization: authorization)
    } catch { throw HTTPFailure(.proxy, "the address of the proxy: " + error.text) }
  }

  /// The rules of Go's httpproxy, which docker and podman follow.
  private func isException(_ address: WebAddress) -> Bool {
    for entry in exceptions.split(whereSeparator: { $0 == "," || $0 == " " }) {
      let entry = entry.lowercased()
      if entry == "*" { return true }
      if let range = AddressRange(entry) {
        if range.contains(address.host) { return true }
        continue
      }
      var name = Substring(entry)
      if let (host, port) = ProxySettings.splitPort(entry) {
        if port != address.port { continue }
        name = host
        if let range = AddressRange(String(host)) {
          if range.contains(address.host) { return true }
          continue
        }
      }
      if name.hasPrefix("*.") { name = name.dropFirst() }
      if name.hasPrefix(".") {
        if address.host.hasSuffix(name) { return true }
      } else if address.host == name || address.host.hasSuffix("." + name) {
        return true
      }
    }
    return false
  }

  private static func splitPort(_ entry: String) -> (host: Substring, port: UInt16)? {
    guard let colon = entry.lastIndex(of: ":"), let port = UInt16(entry[entry.index(after: colon)...]) else {
      return nil
    }
    var host = entry[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return (host, port)
  }
}

/// One IP address or a CIDR range of them.
private struct AddressRange {
  private let bytes: [UInt8]
  private let bits: Int

  init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let bytes = AddressRange.bytes(of: String(parts[0])) else { return nil }
    self.bytes = bytes
    guard parts.count > 1 else {
      bits = bytes.count * 8
      return
    }
    guard let bits = Int(parts[1]), (0...bytes.count * 8).contains(bits) else { return nil }
    self.bits = bits
  }

  func contains(_ host: String) -> Bool {
    guard let other = AddressRange.bytes(of: host), other.count == bytes.count else { return false }
    return (0..<bits).allSatisfy { bit in (other[bit / 8] ^ bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0 }
  }

  private static func bytes(of text: String) -> [UInt8]? {
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
    var six = in6_addr()
    if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
    return nil
  }
}

/// RFC 4648 section 4, with padding.
func base64(_ bytes: [UInt8]) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var result: [UInt8] = []
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    var bits: UInt32 = 0
    for index in 0..<3 { bits = bits << 8 | (index < group.count ? UInt32(group[start + index]) : 0) }
    for index in 0..<4 {
      let sextet = Int(bits >> UInt32(18 - 6 * index)) & 63
      result.append(index <= group.count ? alphabet[sextet] : UInt8(ascii: "="))
    }
  }
  return String(decoding: result, as: UTF8.self)
}
