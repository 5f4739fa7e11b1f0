/// A blocking HTTP/1.1 client of one thread. Keeps one connection per origin open, sends once more when a kept connection
/// turned out closed before any byte of the answer, never follows a redirect: whoever asks knows which credentials may go
/// where.
package final class HTTPClient {
  package let settings: HTTPClientSettings

  package init(_ settings: HTTPClientSettings = HTTPClientSettings()) { self.settings = settings }

  /// Sends the request and answers when the head of the final response is here. The body is read from the response
  /// before the next request to that origin; if it is not, that connection is closed.
  package func send(_ request: HTTPRequest) throws(HTTPFailure) -> HTTPResponse {
    throw HTTPFailure(.system, "not connected")
  }

  /// Closes all kept connections; the client remains usable. A forked child calls it before its first request.
  package func closeConnections() {}
}

package final class HTTPResponse {
  package let status: Int
  package let headers: HTTPHeaders
  /// Where it came from.
  package let address: WebAddress
  /// The body's length, if the head tells.
  package let length: Int64?

  init(status: Int, headers: HTTPHeaders, address: WebAddress, length: Int64?) {
    self.status = status
    self.headers = headers
    self.address = address
    self.length = length
  }

  /// Fills `buffer` from its front with what has come; 0 is the end of the body. A body cut short is `.closed`.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(HTTPFailure) -> Int { 0 }

  /// The whole body; `.limit` when it is longer than `limit` bytes.
  package func readAll(limit: Int) throws(HTTPFailure) -> [UInt8] { [] }

  /// Gives up the rest: a short one is read so that the connection can be kept, otherwise the connection closes.
  package func discard() {}
}
