/// Reads one body off a channel by its framing and knows when it is over. Bytes go straight into the caller's buffer.
struct BodyReader {
  /// A chunk's size line with its extensions, and a trailer's line.
  static let lineLimit = 4096
  static let trailerLimit = 64

  private enum State {
    case done
    /// Bytes that are left of the body.
    case length(Int64)
    /// Before a chunk's size line.
    case chunkSize
    /// Bytes that are left of this chunk.
    case chunk(Int64)
    /// Before the line end behind a chunk.
    case chunkEnd
    case untilClose
  }
  private var state: State

  init(_ framing: BodyFraming) {
    switch framing {
    case .none, .length(0): state = .done
    case .length(let count): state = .length(count)
    case .chunked: state = .chunkSize
    case .untilClose: state = .untilClose
    }
  }

  var isOver: Bool {
    if case .done = state { return true }
    return false
  }

  /// What is certainly still to come.
  var leastLeft: Int64 {
    switch state {
    case .done: 0
    case .length(let left), .chunk(let left): left
    case .chunkSize, .chunkEnd, .untilClose: 1
    }
  }

  /// 0 is the end of the body, which a connection that ended too early is not.
  mutating func read(
    _ channel: ByteChannel, into target: UnsafeMutableRawBufferPointer
  ) throws(HTTPFailure) -> Int {
    guard target.count > 0 else { return 0 }
    while true {
      switch state {
      case .done: return 0
      case .untilClose:
        let count = try channel.read(into: target)
        if count == 0 { state = .done }
        return count
      case .length(let left):
        let count = try part(channel, target, left, "body")
        state = left == Int64(count) ? .done : .length(left - Int64(count))
        return count
      case .chunk(let left):
        let count = try part(channel, target, left, "chunk")
        state = left == Int64(count) ? .chunkEnd : .chunk(left - Int64(count))
        return count
      case .chunkEnd:
        guard try line(channel).isEmpty else { throw channel.failed(.malformed, "a chunk is longer than it says") }
        state = .chunkSize
      case .chunkSize:
        let size = try chunkSize(try line(channel), channel)
        if size > 0 {
          state = .chunk(size)
        } else {
          try skipTrailer(channel)
          state = .done
        }
      }
    }
  }

  private func part(
    _ channel: ByteChannel, _ target: UnsafeMutableRawBufferPointer, _ left: Int64, _ what: String
  ) throws(HTTPFailure) -> Int {
    let room = Int(min(Int64(target.count), left))
    let count = try channel.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<room]))
    guard count > 0 else {
      throw channel.failed(.closed, "the connection ended \(left) bytes before the end of the \(what)")
    }
    return count
  }

  /// A line of chunked coding without its CR LF.
  private func line(_ channel: ByteChannel) throws(HTTPFailure) -> String {
    var seen = 0
    while true {
      let bytes = channel.buffered
      if let end = bytes[seen...].firstIndex(of: 0x0A) {
        guard end > 0, bytes[end - 1] == 0x0D else { throw channel.failed(.malformed, "a chunk line without CR") }
        let text = UnsafeRawBufferPointer(bytes)[..<(end - 1)].text
        channel.consume(end + 1)
        return text
      }
      seen = bytes.count
      if seen >= BodyReader.lineLimit {
        throw channel.failed(.limit, "a chunk's line is longer than \(BodyReader.lineLimit) bytes")
      }
      guard try channel.fill(limit: ByteChannel.readAhead) else {
        throw channel.failed(.closed, "the connection ended in the middle of a chunked body")
      }
    }
  }

  private func chunkSize(_ line: String, _ channel: ByteChannel) throws(HTTPFailure) -> Int64 {
    var digits = Substring(line)
    if let semicolon = line.firstIndex(of: ";") { digits = line[..<semicolon] }
    while digits.utf8.last == 0x20 || digits.utf8.last == 0x09 { digits.removeLast() }
    let isHexadecimal = digits.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0 | 0x20) }
    guard !digits.isEmpty, digits.utf8.count <= 16, isHexadecimal, let size = Int64(digits, radix: 16) else {
      throw channel.failed(.malformed, "a chunk's size is no number")
    }
    return size
  }

  /// Trailer fields are read and forgotten: nothing here asks for one.
  private func skipTrailer(_ channel: ByteChannel) throws(HTTPFailure) {
    for _ in 0..<BodyReader.trailerLimit where try line(channel).isEmpty { return }
    throw channel.failed(.limit, "more than \(BodyReader.trailerLimit) trailer fields")
  }
}
