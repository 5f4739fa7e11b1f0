/// What a message carries after its head.
package enum HTTPBody {
  case none
  case bytes([UInt8])
  /// `count` bytes of an open file from `offset`; the descriptor remains the caller's. `onProgress` is told how many of
  /// them have been sent so far. Sent again from `offset` when a kept connection turned out to be closed.
  case file(descriptor: Int32, offset: Int64, count: Int64, onProgress: ((Int64) -> Void)?)
  /// Bytes as they come: `read` fills from the front and answers how many, 0 at the end. Without a length the body goes
  /// out in chunks. Never sent twice.
  case stream(length: Int64?, read: (UnsafeMutableRawBufferPointer) throws -> Int)

  /// Bytes of the body, if known beforehand.
  package var length: Int64? {
    switch self {
    case .none: 0
    case .bytes(let bytes): Int64(bytes.count)
    case .file(_, _, let count, _): count
    case .stream(let length, _): length
    }
  }
}

/// A request as a client sends it. `Host`, `Content-Length`, `Transfer-Encoding`, `Connection` and `User-Agent` are the
/// client's to write.
package struct HTTPRequest {
  package var method: String
  package var address: WebAddress
  package var headers: HTTPHeaders
  package var body: HTTPBody
  /// How long the head of the answer may take after the request is out; nil is the settings' idle time-out. Registries
  /// hash a whole blob before they answer its last PUT.
  package var answerTimeout: Duration?
  /// False for what must not arrive twice, such as a part of an upload: then a kept connection that breaks is a failure.
  package var isRepeatable: Bool

  package init(
    _ method: String, _ address: WebAddress, headers: HTTPHeaders = [:], body: HTTPBody = .none,
    answerTimeout: Duration? = nil, isRepeatable: Bool = true
  ) {
    self.method = method
    self.address = address
    self.headers = headers
    self.body = body
    self.answerTimeout = answerTimeout
    self.isRepeatable = isRepeatable
  }
}
