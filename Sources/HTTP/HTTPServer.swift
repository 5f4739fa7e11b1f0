package import LinuxKernel

/// Certificate and key of a server, PEM files; with `clientAuthorities`, clients must show a certificate they signed.
package struct TLSIdentity: Sendable {
  package var certificate: String
  package var key: String
  package var clientAuthorities: String?

  package init(certificate: String, key: String, clientAuthorities: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.clientAuthorities = clientAuthorities
  }
}

/// Where a server listens.
package enum ListenAddress: Sendable {
  /// Port 0 takes a free one.
  case tcp(host: String, port: UInt16)
  /// A socket file of that mode; an old one nobody listens on is replaced.
  case unix(path: String, mode: UInt32)
}

package struct HTTPServerSettings: Sendable {
  /// Longest time in which no byte of a request or its answer moves.
  package var idleTimeout: Duration
  /// Longest wait for the next request on an open connection.
  package var keepAliveTimeout: Duration
  /// Longest time for a whole head.
  package var headTimeout: Duration
  /// The `Server` field.
  package var name: String

  package init(
    idleTimeout: Duration = .seconds(60), keepAliveTimeout: Duration = .seconds(60),
    headTimeout: Duration = .seconds(20), name: String = "dhow"
  ) {
    self.idleTimeout = idleTimeout
    self.keepAliveTimeout = keepAliveTimeout
    self.headTimeout = headTimeout
    self.name = name
  }
}

/// A listening socket. Whether a connection gets a process, a thread or nothing of its own is the caller's choice.
package final class HTTPServer {
  /// The port listened on; 0 for a unix socket.
  package var port: UInt16 { 0 }
  /// For poll(2) beside other descriptors: readable when a client waits.
  package var descriptor: Int32 { -1 }

  package init(
    _ address: ListenAddress, tls: TLSIdentity? = nil, settings: HTTPServerSettings = HTTPServerSettings()
  ) throws(HTTPFailure) {
    throw HTTPFailure(.system, "not listening")
  }

  /// The next client; waits for it unless `timeout` is over first (nil). TLS begins with the first `nextRequest`, so a
  /// slow client holds up nobody here.
  package func accept(timeout: Duration? = nil) throws(HTTPFailure) -> HTTPServerConnection? { nil }

  /// Stops listening: in a forked child, and at the end.
  package func close() {}
}

package final class HTTPServerConnection {
  /// The client's address for logs, such as `127.0.0.1:4711`.
  package var peer: String { "" }
  package var descriptor: Int32 { -1 }

  /// A connection over a socket that is already open: tests, and sockets handed to us.
  package init(
    _ socket: consuming OwnedDescriptor, peer: String = "", settings: HTTPServerSettings = HTTPServerSettings()
  ) {}

  /// The next request, its head read; nil when the client is done. What is left of the request before is read or the
  /// connection ends. A head that is not HTTP is answered with 400 or 431 and thrown.
  package func nextRequest() throws(HTTPFailure) -> HTTPServerRequest? { nil }

  /// Sends bytes as they are: for protocols that begin after an upgrade, and for doubles that lie.
  package func send(raw bytes: [UInt8]) throws(HTTPFailure) {}

  /// Gives the socket away together with what was read ahead. Only without TLS.
  package func takeOver() throws(HTTPFailure) -> (socket: Int32, readAhead: [UInt8]) { (-1, []) }

  package func close() {}
}

package final class HTTPServerRequest {
  package let method: String
  /// As it was sent: path and query, still percent-encoded.
  package let target: String
  package let headers: HTTPHeaders
  /// The target's path, still percent-encoded.
  package var path: String { target }
  /// The query's parameters, decoded, in order.
  package var query: [(name: String, value: String)] { [] }
  /// nil when the body comes in chunks; 0 without one.
  package let contentLength: Int64?

  init(method: String, target: String, headers: HTTPHeaders, contentLength: Int64?) {
    self.method = method
    self.target = target
    self.headers = headers
    self.contentLength = contentLength
  }

  /// Fills `buffer` from its front; 0 is the end. The first call sends `100 Continue` if the client waits for it.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(HTTPFailure) -> Int { 0 }

  /// The whole body; `.limit` when it is longer than `limit` bytes.
  package func readAll(limit: Int) throws(HTTPFailure) -> [UInt8] { [] }

  /// Answers. `Content-Length`, `Date`, `Server` and `Connection` are written here; the body of an answer to HEAD gives
  /// the length only. A `Content-Length` in `headers` wins when `body` is none.
  package func respond(_ status: Int, _ headers: HTTPHeaders = [:], _ body: HTTPBody = .none) throws(HTTPFailure) {}
}
