/// The answer to a request: its head, and its body as far as it is asked for.
package final class HTTPResponse {
  package let status: Int
  package let headers: HTTPHeaders
  /// Where it came from.
  package let address: WebAddress
  /// `Content-Length`, also of an answer to HEAD.
  package let length: Int64?

  private var body: BodyReader
  /// Gone once the body is over.
  private var connection: ClientConnection?
  private let client: HTTPClient
  private let canBeKept: Bool

  init(_ answer: ClientConnection.Answer, request: HTTPRequest, connection: ClientConnection, client: HTTPClient) {
    status = answer.status
    headers = answer.headers
    address = request.address
    length = answer.headers.first("Content-Length").flatMap(BodyFraming.decimal)
    body = BodyReader(answer.framing)
    canBeKept = answer.canBeKept
    self.connection = connection
    self.client = client
    if body.isOver { finish() }
  }

  private func finish() {
    guard let connection else { return }
    self.connection = nil
    if canBeKept { client.keep(connection, address.origin) } else { connection.channel.close() }
  }

  /// Fills `buffer` from its front with what has come; 0 is the end of the body. A body cut short is `.closed`.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(HTTPFailure) -> Int {
    guard let connection else { return 0 }
    do throws(HTTPFailure) {
      let count = try body.read(connection.channel, into: buffer)
      if body.isOver { finish() }
      return count
    } catch {
      connection.channel.close()
      throw error
    }
  }

  /// The whole body; `.limit` when it is longer than `limit` bytes.
  package func readAll(limit: Int) throws(HTTPFailure) -> [UInt8] {
    try collect(limit: limit, expected: connection == nil ? 0 : length, peer: address.hostAndPort) {
      (space) throws(HTTPFailure) in try self.read(into: space)
    }
  }

  /// Gives up the rest: a short one is read so that the connection can be kept, otherwise the connection closes.
  package func discard() {
    guard connection != nil else { return }
    let isShort = canBeKept && body.leastLeft <= 64 * 1024
    // Nobody asked for these bytes: a failure only costs the connection, as a long rest does.
    guard isShort, (try? readAll(limit: 64 * 1024)) != nil else {
      connection?.channel.close()
      connection = nil
      return
    }
  }
}

/// Reads until `read` answers 0, at most `limit` bytes.
func collect(
  limit: Int, expected: Int64?, peer: String,
  _ read: (UnsafeMutableRawBufferPointer) throws(HTTPFailure) -> Int
) throws(HTTPFailure) -> [UInt8] {
  func tooLong() -> HTTPFailure { HTTPFailure(.limit, "\(peer): an answer of more than \(limit) bytes") }
  if let expected, expected > Int64(limit) { throw tooLong() }
  let first = Int(min(expected ?? 16 * 1024, Int64(limit))) + 1
  var space = UnsafeMutableRawBufferPointer.allocate(byteCount: first, alignment: 16)
  defer { space.deallocate() }
  var count = 0
  while true {
    if count == space.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: min(space.count * 2, limit + 1), alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(space))
      space.deallocate()
      space = larger
    }
    let more = try read(UnsafeMutableRawBufferPointer(rebasing: space[count...]))
    if more == 0 { return [UInt8](UnsafeRawBufferPointer(rebasing: space[..<count])) }
    count += more
    if count > limit { throw tooLong() }
  }
}
