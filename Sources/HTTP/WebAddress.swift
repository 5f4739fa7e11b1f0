internal import Glibc

/// An http or https address: no user-info, no fragment, no control bytes, at most 8 KiB (RFC 3986, RFC 9110 section 4.2).
package struct WebAddress: Hashable, Sendable {
  package enum Scheme: String, Sendable {
    case http, https
    package var defaultPort: UInt16 { self == .http ? 80 : 443 }
  }

  /// What credentials belong to: scheme, host and port together (RFC 6454).
  package struct Origin: Hashable, Sendable {
    package var scheme: Scheme
    package var host: String
    package var port: UInt16
  }

  package static let byteLimit = 8192

  package var scheme: Scheme
  /// Lower case; an IPv6 address without brackets.
  package let host: String
  package var port: UInt16
  /// Path and query as they are sent; begins with `/`.
  package let target: String

  /// - Parameter host: a name or an IP address, IPv6 with or without brackets.
  package init(scheme: Scheme, host: String, port: UInt16? = nil, target: String = "/") throws(HTTPFailure) {
    self.scheme = scheme
    self.host = try WebAddress.checked(host: host)
    self.port = port ?? scheme.defaultPort
    guard self.port != 0 else { throw WebAddress.refused("port 0") }
    guard target.utf8.first == UInt8(ascii: "/") else { throw WebAddress.refused("a path that does not begin with /") }
    guard target.utf8.count <= WebAddress.byteLimit else {
      throw WebAddress.refused("longer than \(WebAddress.byteLimit) bytes")
    }
    guard target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
      throw WebAddress.refused("a space, a control byte or a letter outside ASCII that is not percent-encoded")
    }
    self.target = target
  }

  /// Reads an absolute address; a fragment is dropped.
  package init(parsing text: String) throws(HTTPFailure) {
    guard text.utf8.count <= WebAddress.byteLimit else {
      throw WebAddress.refused("longer than \(WebAddress.byteLimit) bytes")
    }
    guard let (scheme, rest) = WebAddress.split(scheme: text), rest.hasPrefix("//") else {
      throw WebAddress.refused("not an address that begins with http:// or https://")
    }
    guard let known = Scheme(rawValue: scheme.lowercased()) else {
      throw WebAddress.refused("neither http nor https")
    }
    let body = rest.dropFirst(2)
    let authorityEnd = body.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? body.endIndex
    let (host, port) = try WebAddress.split(authority: body[..<authorityEnd])
    var target = body[authorityEnd...]
    if let fragment = target.firstIndex(of: "#") { target = target[..<fragment] }
    let absolute = target.hasPrefix("/") ? String(target) : "/" + target
    try self.init(scheme: known, host: host, port: port, target: absolute)
  }

  /// A `Location` or `Link` target, absolute or relative to this address (RFC 3986 section 5.2).
  package func resolving(_ location: String) throws(HTTPFailure) -> WebAddress {
    if WebAddress.split(scheme: location) != nil { return try WebAddress(parsing: location) }
    if location.hasPrefix("//") { return try WebAddress(parsing: scheme.rawValue + ":" + location) }
    var reference = Substring(location)
    if let fragment = reference.firstIndex(of: "#") { reference = reference[..<fragment] }
    if reference.isEmpty { return self }
    if reference.hasPrefix("?") { return try with(target: path + reference) }
    let query = reference.firstIndex(of: "?") ?? reference.endIndex
    var newPath = String(reference[..<query])
    if !newPath.hasPrefix("/") {
      let directory = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
      newPath = directory + newPath
    }
    return try with(target: WebAddress.withoutDotSegments(newPath) + reference[query...])
  }

  package var origin: Origin { Origin(scheme: scheme, host: host, port: port) }

  /// The same host with another path and query; `target` begins with `/`.
  package func with(target: String) throws(HTTPFailure) -> WebAddress {
    try WebAddress(scheme: scheme, host: host, port: port, target: target)
  }

  /// The same address with these parameters added to its query, percent-encoded.
  package func adding(query: [(name: String, value: String)]) throws(HTTPFailure) -> WebAddress {
    var target = self.target
    for (name, value) in query {
      if !target.utf8.contains(UInt8(ascii: "?")) { target += "?" } else if !target.hasSuffix("?") { target += "&" }
      target += percentEncoded(name) + "=" + percentEncoded(value)
    }
    return try with(target: target)
  }

  /// The target without its query.
  package var path: String { target.firstIndex(of: "?").map { String(target[..<$0]) } ?? target }

  /// Host, and the port unless it is the scheme's own; brackets round IPv6: the `Host` field.
  package var authority: String { port == scheme.defaultPort ? bracketed : "\(bracketed):\(port)" }

  /// Host and port always: what CONNECT asks for, and what messages name.
  package var hostAndPort: String { "\(bracketed):\(port)" }

  private var bracketed: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host }

  /// The whole address.
  package var text: String { scheme.rawValue + "://" + authority + target }

  /// 127.0.0.0/8, ::1 or localhost.
  package var isLoopback: Bool {
    if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
    return host.hasPrefix("127.") && isAddress(host)
  }

  private static func refused(_ reason: String) -> HTTPFailure {
    HTTPFailure(.invalidAddress, "not a usable web address: " + reason)
  }

  /// `scheme:` at the front, if there is one before any other delimiter.
  private static func split(scheme text: String) -> (scheme: String, rest: Substring)? {
    guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else { return nil }
    let name = text[..<colon].utf8
    guard let first = name.first, (0x61...0x7A).contains(first | 0x20) else { return nil }
    let isScheme = name.allSatisfy { byte in
      (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2B || byte == 0x2D
        || byte == 0x2E
    }
    return isScheme ? (String(text[..<colon]), text[text.index(after: colon)...]) : nil
  }

  /// `host`, `host:port`, `[v6]`, `[v6]:port`. User-info is refused: it would be a secret in every message.
  private static func split(authority: Substring) throws(HTTPFailure) -> (host: String, port: UInt16?) {
    guard !authority.utf8.contains(UInt8(ascii: "@")) else { throw refused("user name in the address") }
    var host = authority
    var portText: Substring?
    if authority.hasPrefix("[") {
      guard let close = authority.firstIndex(of: "]") else { throw refused("[ without ]") }
      host = authority[...close]
      let rest = authority[authority.index(after: close)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { throw refused("text behind ]") }
      portText = rest.isEmpty ? nil : rest.dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      portText = authority[authority.index(after: colon)...]
    }
    guard let portText else { return (String(host), nil) }
    guard let number = BodyFraming.decimal(String(portText)), let port = UInt16(exactly: number), port > 0 else {
      throw refused("a port that is not between 1 and 65535")
    }
    return (String(host), port)
  }

  private static func checked(host: String) throws(HTTPFailure) -> String {
    if host.hasPrefix("["), host.hasSuffix("]") {
      let inner = String(host.dropFirst().dropLast())
      var bytes = in6_addr()
      guard inet_pton(AF_INET6, inner, &bytes) == 1 else { throw refused("no IPv6 address in the brackets") }
      return inner.lowercased()
    }
    let lower = host.lowercased()
    if isAddress(lower) { return lower }
    guard !lower.isEmpty, lower.utf8.count <= 253 else { throw refused("a host name of 0 or more than 253 letters") }
    let isName = lower.utf8.allSatisfy { byte in
      (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }
    guard isName, !lower.hasPrefix(".") else { throw refused("a host name with a forbidden letter") }
    // `127.1`, `0x7f000001` and `2130706433` are addresses to the resolver and names to everybody else.
    let last = lower.split(separator: ".").last ?? ""
    guard !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !last.hasPrefix("0x") else {
      throw refused("a host that is no complete IP address")
    }
    return lower
  }

  /// RFC 3986 section 5.2.4.
  private static func withoutDotSegments(_ path: String) -> String {
    var kept: [Substring] = []
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      switch segment {
      case ".": if isLast { kept.append("") }
      case "..":
        if !kept.isEmpty { kept.removeLast() }
        if isLast { kept.append("") }
      default: kept.append(segment)
      }
    }
    return "/" + kept.joined(separator: "/")
  }
}

/// `text` with everything but RFC 3986's unreserved characters, and those of `keeping`, percent-encoded.
package func percentEncoded(_ text: String, keeping: String = "") -> String {
  let digits = Array("0123456789ABCDEF".utf8)
  var result: [UInt8] = []
  for byte in text.utf8 {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.append(byte)
    case _ where byte < 0x80 && keeping.utf8.contains(byte): result.append(byte)
    default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }
  return String(decoding: result, as: UTF8.self)
}

/// `text` with its percent-encodings undone; nil when one is broken or the result is no UTF-8.
package func percentDecoded(_ text: String) -> String? {
  var result: [UInt8] = []
  var rest = Substring(text).utf8
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "%") else {
      result.append(byte)
      continue
    }
    guard let high = rest.popFirst().flatMap(hexadecimalValue), let low = rest.popFirst().flatMap(hexadecimalValue)
    else { return nil }
    result.append(high << 4 | low)
  }
  return String(validating: result, as: UTF8.self)
}

private func hexadecimalValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 0x30...0x39: byte - 0x30
  case 0x41...0x46: byte - 0x37
  case 0x61...0x66: byte - 0x57
  default: nil
  }
}
