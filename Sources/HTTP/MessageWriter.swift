/// Writes heads and bodies: shared by requests and answers.
enum MessageWriter {
  /// A head as it goes out. A field that would end it early, or hold a control byte, is refused: values come from
  /// registries and users.
  static func head(_ startLine: String, _ headers: HTTPHeaders) throws(HTTPFailure) -> [UInt8] {
    var bytes = Array(startLine.utf8)
    guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw HTTPFailure(.malformed, "a control byte in a first line of ours")
    }
    bytes.reserveCapacity(1024)
    bytes += [0x0D, 0x0A]
    for (name, value) in headers.fields {
      guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
        throw HTTPFailure(.malformed, "a header field of ours with a bad name")
      }
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw HTTPFailure(.malformed, "a control byte in our header field \(name)")
      }
      bytes += Array(name.utf8)
      bytes += [0x3A, 0x20]
      bytes += Array(value.utf8)
      bytes += [0x0D, 0x0A]
    }
    bytes += [0x0D, 0x0A]
    return bytes
  }

  /// Adds the fields that say how `body` is framed.
  static func frame(_ body: HTTPBody, _ headers: inout HTTPHeaders) {
    headers.remove("Content-Length")
    headers.remove("Transfer-Encoding")
    if let length = body.length {
      headers.add("Content-Length", String(length))
    } else {
      headers.add("Transfer-Encoding", "chunked")
    }
  }

  /// Sends head and body. Answers false when the other side spoke before all was sent (only with `stoppingForInput`).
  static func send(
    _ channel: ByteChannel, head: [UInt8], body: HTTPBody, stoppingForInput: Bool
  ) throws(HTTPFailure) -> Bool {
    switch body {
    case .none: return try channel.write(head)
    case .bytes(let bytes):
      if bytes.count <= 64 * 1024 { return try channel.write(head + bytes) }
      try channel.write(head)
      return try withBytes(bytes) { (raw) throws(HTTPFailure) in
        try channel.write(raw, stoppingForInput: stoppingForInput)
      }
    case .file(let descriptor, let offset, let count, let onProgress):
      try channel.write(head)
      return try channel.sendFile(
        descriptor, offset: offset, count: count, stoppingForInput: stoppingForInput, onProgress: onProgress)
    case .stream(let length, let read):
      try channel.write(head)
      return try stream(channel, length, stoppingForInput, read)
    }
  }

  private static func stream(
    _ channel: ByteChannel, _ length: Int64?, _ stoppingForInput: Bool,
    _ read: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws(HTTPFailure) -> Bool {
    // Room for a chunk's size in front of its bytes and its end behind them: one write for each chunk.
    let prefix = 10
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024 + prefix + 2, alignment: 16)
    defer { block.deallocate() }
    let space = UnsafeMutableRawBufferPointer(rebasing: block[prefix..<block.count - 2])
    var left = length
    while left != 0 {
      let room = UnsafeMutableRawBufferPointer(rebasing: space[..<Int(min(left ?? .max, Int64(space.count)))])
      let count: Int
      do { count = try read(room) } catch {
        throw HTTPFailure(.body, "the body's source failed", isRetryable: false, cause: error)
      }
      if count == 0 { break }
      var part = UnsafeRawBufferPointer(rebasing: block[prefix..<prefix + count])
      if let known = left {
        left = known - Int64(count)
      } else {
        let size = Array(String(count, radix: 16).utf8) + [0x0D, 0x0A]
        let start = prefix - size.count
        for (index, byte) in size.enumerated() { block[start + index] = byte }
        block[prefix + count] = 0x0D
        block[prefix + count + 1] = 0x0A
        part = UnsafeRawBufferPointer(rebasing: block[start..<prefix + count + 2])
      }
      if try !channel.write(part, stoppingForInput: stoppingForInput) { return false }
    }
    if let left, left > 0 {
      throw HTTPFailure(.body, "the body's source ended \(left) bytes early", isRetryable: false)
    }
    if left == nil { try channel.write(Array("0\r\n\r\n".utf8)) }
    return true
  }
}

extension ByteChannel {
  /// Reads a head into the buffer and takes it off; nil when the stream ended before its first byte.
  func readHead() throws(HTTPFailure) -> MessageHead? {
    var seen = 0
    while true {
      let bytes = UnsafeRawBufferPointer(buffered)
      if let length = MessageHead.length(in: bytes, from: seen) {
        guard length <= MessageHead.byteLimit else { throw tooLong() }
        defer { consume(length) }
        do throws(MessageHead.Refusal) {
          return try MessageHead(parsing: UnsafeRawBufferPointer(rebasing: bytes[..<length]))
        } catch {
          throw failed(error.isLimit ? .limit : .malformed, "the head of the message has " + error.text)
        }
      }
      // TLS where none is spoken, say: its end would be waited for in vain.
      if let first = bytes.first, !isTokenByte(first) { throw failed(.malformed, "what came is not HTTP") }
      seen = bytes.count
      guard seen < MessageHead.byteLimit else { throw tooLong() }
      // A TLS client that tries its luck would wait for the head's time-out: it goes on in the clear at once.
      if let first = bytes.first, first < 0x20 && first != 0x0D && first != 0x0A || first > 0x7E {
        throw failed(.malformed, "the head of the message has a first byte that is no text")
      }
      guard try fill(limit: MessageHead.byteLimit) else {
        if seen == 0 { return nil }
        throw failed(.closed, "the connection ended in the middle of a head")
      }
    }
  }

  private func tooLong() -> HTTPFailure {
    failed(.limit, "the head of the message is longer than \(MessageHead.byteLimit) bytes")
  }
}
