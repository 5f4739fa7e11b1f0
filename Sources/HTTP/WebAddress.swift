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

  package var scheme: Scheme
  /// Lower case; an IPv6 address without brackets.
  package var host: String
  package var port: UInt16
  /// Path and query as they are sent; begins with `/`.
  package var target: String

  package init(scheme: Scheme, host: String, port: UInt16? = nil, target: String = "/") throws(HTTPFailure) {
    self.scheme = scheme
    self.host = host
    self.port = port ?? scheme.defaultPort
    self.target = target
  }

  /// Reads an absolute address.
  package init(parsing text: String) throws(HTTPFailure) {
    throw HTTPFailure(.invalidAddress, text)
  }

  /// A `Location` or `Link` target, absolute or relative to this address (RFC 3986 section 5.2).
  package func resolving(_ location: String) throws(HTTPFailure) -> WebAddress {
    throw HTTPFailure(.invalidAddress, location)
  }

  package var origin: Origin { Origin(scheme: scheme, host: host, port: port) }

  /// The same host with another path and query; `target` begins with `/`.
  package func with(target: String) throws(HTTPFailure) -> WebAddress {
    try WebAddress(scheme: scheme, host: host, port: port, target: target)
  }

  /// The same address with these parameters added to its query, percent-encoded.
  package func adding(query: [(name: String, value: String)]) throws(HTTPFailure) -> WebAddress { self }

  /// The target without its query.
  package var path: String { target }

  /// Host, and the port unless it is the scheme's own; brackets round IPv6: the `Host` field.
  package var authority: String { host }

  /// The whole address.
  package var text: String { scheme.rawValue + "://" + authority + target }

  /// 127.0.0.0/8, ::1 or localhost.
  package var isLoopback: Bool { host == "localhost" }
}

/// `text` with everything but RFC 3986's unreserved characters, and those of `keeping`, percent-encoded.
package func percentEncoded(_ text: String, keeping: String = "") -> String { text }

/// `text` with its percent-encodings undone; nil when one is broken or the result is no UTF-8.
package func percentDecoded(_ text: String) -> String? { text }
