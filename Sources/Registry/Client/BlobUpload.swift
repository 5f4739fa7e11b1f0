internal import Basics
internal import HTTP
internal import OCI

/// One blob on its way into a registry (distribution spec end-4 to end-6, end-11, end-13): as one PUT, or in chunks when
/// the registry takes no more at once, and from where the registry says it is after a failure.
struct BlobUpload {
  let session: RegistrySession
  let scopes: [TokenScope]
  let retry: RetryPolicy
  let digest: Digest
  let file: Int32
  let size: Int64
  /// Bytes of one request; nil for the whole in one.
  var chunk: Int64?
  let progress: ((Int64) -> Void)?
  /// A chunk is never made smaller than this; more when the registry asks for more.
  var leastChunk: Int64 = 1 << 20

  /// Bytes of one request to a registry that takes no more at once.
  static let smallChunk: Int64 = 16 << 20
  /// A chunk is never made larger than this, whatever minimum the registry asks for.
  static let largestChunk: Int64 = 512 << 20

  /// What the next request is sent to, and from which byte on.
  private struct Position {
    var location: WebAddress
    var offset: Int64 = 0
  }

  private var asked: String { "uploading blob \(digest) to \(session.endpoint.name)" }

  /// - Parameter location: of an upload that has begun already; nil begins one.
  mutating func run(_ location: WebAddress?) throws(RegistryError) {
    var position: Position?
    if let location { position = Position(location: location) }
    var failures = 0
    while true {
      let begun: Position
      if let position { begun = position } else { begun = try begin() }
      var reached = begun
      do throws(RegistryError) { return try send(&reached) } catch {
        guard try shouldGoOn(after: error, failures: &failures, progressed: reached.offset > begun.offset) else {
          throw error
        }
      }
      position = status(reached)
    }
  }

  /// Whether a failure is followed by another attempt; a registry that takes less at once gets less.
  private mutating func shouldGoOn(
    after error: RegistryError, failures: inout Int, progressed: Bool
  ) throws(RegistryError) -> Bool {
    if error.status == 413 {
      let less = chunk.map { $0 / 2 } ?? min(Self.smallChunk, size / 2)
      guard less >= leastChunk else { return false }
      chunk = less
      return true
    }
    // 404 and 416 tell that the upload is lost or stands elsewhere.
    guard error.isWorthRepeating || error.kind == .unavailable || [400, 404, 416].contains(error.status) else {
      return false
    }
    if progressed { failures = 0 }
    failures += 1
    guard failures < retry.attempts, (error.retryAfter ?? 0) <= RegistryLimits.retryAfter else { return false }
    retry.wait(after: failures, retryAfter: error.retryAfter)
    return true
  }

  private mutating func begin() throws(RegistryError) -> Position {
    let call = RegistryCall(
      method: "POST", address: try session.repositoryAddress("blobs/uploads/"), scopes: scopes, asked: asked,
      answers: [202])
    let (response, address) = try session.send(call)
    response.discard()
    if let text = response.headers.first("OCI-Chunk-Min-Length"), let least = Int64(text), least > 0 {
      leastChunk = max(leastChunk, min(least, Self.largestChunk))
      if let chunk { self.chunk = max(chunk, min(least, Self.largestChunk)) }
    }
    return Position(location: try session.uploadLocation(response, address, asked))
  }

  /// Sends all that is missing.
  private func send(_ position: inout Position) throws(RegistryError) {
    // The last piece goes with the closing request, and all of it when nothing limits a request.
    while let chunk, size - position.offset > chunk { try patch(&position, count: chunk) }
    if position.offset > 0, position.offset < size { try patch(&position, count: size - position.offset) }
    try close(position)
  }

  private func body(_ offset: Int64, _ count: Int64) -> HTTPBody {
    if count == 0 { return .bytes([]) }
    let progress = progress
    return .file(descriptor: file, offset: offset, count: count) { progress?(offset + $0) }
  }

  private func patch(_ position: inout Position, count: Int64) throws(RegistryError) {
    var call = RegistryCall(
      method: "PATCH", address: position.location, scopes: scopes, asked: asked, answers: [202, 204])
    call.headers.add("Content-Type", "application/octet-stream")
    call.headers.add("Content-Range", "\(position.offset)-\(position.offset + count - 1)")
    call.body = body(position.offset, count)
    call.isRepeatable = false
    let (response, address) = try session.send(call)
    response.discard()
    let told = received(response) ?? 0
    let reached = told > position.offset ? told : position.offset + count
    guard reached <= size else { throw session.malformed(asked, "says it has \(reached) of \(size) bytes") }
    position = Position(location: try session.uploadLocation(response, address, asked), offset: reached)
  }

  private func close(_ position: Position) throws(RegistryError) {
    let address: WebAddress
    do throws(HTTPFailure) {
      address = try position.location.adding(query: [(name: "digest", value: digest.description)])
    } catch { throw session.malformed(asked, "gives an upload no proper address") }
    var call = RegistryCall(method: "PUT", address: address, scopes: scopes, asked: asked, answers: [200, 201, 204])
    call.headers.add("Content-Type", "application/octet-stream")
    call.body = body(position.offset, size - position.offset)
    call.isRepeatable = false
    // Registries hash what they have before they answer: at 50 MB a second at least.
    call.answerTimeout = .seconds(60 + size / (50 << 20))
    let response = try session.send(call).response
    response.discard()
    // Success is never told of another blob than was sent (SECURITY B17).
    if let text = response.headers.first("Docker-Content-Digest"), text != digest.description,
      text.hasPrefix("\(digest.algorithm.rawValue):")
    {
      throw RegistryError(.corrupt, asked, "the registry says it stored \(safeText(String(text.prefix(200))))")
    }
    progress?(size)
  }

  /// Where the registry stands after a failure; nil begins anew.
  private func status(_ position: Position) -> Position? {
    var call = RegistryCall(
      method: "GET", address: position.location, scopes: scopes, asked: asked, answers: [200, 202, 204])
    call.isRepeatable = false
    // A registry that does not tell where it stands is begun with anew.
    guard let (response, address) = try? session.send(call) else { return nil }
    response.discard()
    guard let reached = received(response), (0...size).contains(reached),
      let location = response.headers.first("Location") == nil
        ? position.location : try? session.uploadLocation(response, address, asked)  // as above
    else { return nil }
    return Position(location: location, offset: reached)
  }

  /// Bytes that the registry has, of `Range: 0-N`; some say `bytes=0-N`. `0-0` tells of an empty upload, as everybody
  /// writes it.
  private func received(_ response: HTTPResponse) -> Int64? {
    guard var text = response.headers.first("Range") else { return nil }
    if text.hasPrefix("bytes=") { text.removeFirst(6) }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, ends[0] == "0", let last = ContentRange.number(ends[1]) else { return nil }
    return last == 0 ? 0 : last + 1
  }
}

extension RegistrySession {
  /// Where an upload goes on. It may be elsewhere, which then gets no credentials; never from https to plain http
  /// (SECURITY B4, B17).
  func uploadLocation(
    _ response: HTTPResponse, _ address: WebAddress, _ asked: String
  ) throws(RegistryError) -> WebAddress {
    guard let text = response.headers.first("Location") else {
      throw malformed(asked, "does not say where the upload goes on")
    }
    let location = try resolve(text, address)
    guard location.scheme == .https || endpoint.base.scheme == .http else {
      throw RegistryError(
        .refused, asked, "\(endpoint.name) wants the upload over plain http at \(safeText(location.authority))")
    }
    return location
  }
}
