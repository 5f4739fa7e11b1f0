/// What a monitor and those who attach to it say to each other over the unix socket `attach` of a container's runtime
/// directory.
/// Both sides send frames: one byte kind, three bytes zero, four bytes length of the payload (little endian), payload.
/// The monitor speaks first with `hello`; the client answers with one request (`attach` or `wait`). Unknown kinds are
/// skipped by their length, and the payloads below may only grow at their end, so a monitor that has been running for
/// months understands a newer command line and the other way round.
/// Flow: what a container writes is sent as fast as the client reads it; a monitor keeps a bounded amount for a slow
/// one and then stops the container (as docker does). Input is sent only against credit, so that a container that does
/// not read cannot keep a client's `resize` from being seen.
enum AttachProtocol {
  /// Version of this description; a change that an old peer would misunderstand raises it.
  static let version: UInt16 = 1
  static let headerSize = 8
  /// Payload bytes of one frame at most; more is a broken peer.
  static let payloadLimit = 65_536
  /// Input bytes a client may send before the first `credit`.
  static let inputWindow = 65_536

  enum Kind: UInt8 {
    /// Monitor: `version` (2 bytes), flags (1 byte: 1 terminal, 2 stdin open).
    case hello = 1
    /// Client: flags (1 byte: 1 wants output, 2 sends input), the container's output from now on.
    case attach = 2
    /// Client: send `exit` when the program has ended; with a byte 1, when it has ended and is not started again.
    case wait = 3
    /// Client: bytes for stdin.
    case input = 4
    /// Client: its stdin has ended.
    case inputEnd = 5
    /// Client: rows, columns (2 bytes each).
    case resize = 6
    /// Client: it leaves, and its leaving is no end of stdin.
    case detach = 7
    /// Client: check the container's health now.
    case check = 8
    /// Monitor: bytes of stdout or stderr.
    case stdout = 16
    case stderr = 17
    /// Monitor: so many more bytes of input may be sent (4 bytes).
    case credit = 18
    /// Monitor: the container has ended: exit code (4 bytes), signal or 0 (4 bytes), time (8 bytes). Nothing follows.
    case exit = 19
    /// Monitor: it gives this client up, with one sentence for people.
    case dropped = 20
    /// Monitor: the exit code of the check that was asked for (4 bytes), -1 for none.
    case checked = 21
  }

  struct HelloFlags: OptionSet {
    let rawValue: UInt8
    static let terminal = HelloFlags(rawValue: 1)
    static let stdinOpen = HelloFlags(rawValue: 2)
  }

  struct AttachFlags: OptionSet {
    let rawValue: UInt8
    static let output = AttachFlags(rawValue: 1)
    static let input = AttachFlags(rawValue: 2)
  }

  static func header(_ kind: Kind, count: Int) -> UInt64 {
    (UInt64(kind.rawValue) | UInt64(UInt32(count)) << 32).littleEndian
  }

  /// A whole frame with a short payload.
  static func frame(_ kind: Kind, _ payload: [UInt8] = []) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(headerSize + payload.count)
    withUnsafeBytes(of: header(kind, count: payload.count)) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: payload)
    return bytes
  }

  static func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  /// The number at an offset of a payload; 0 when the payload is shorter.
  static func number<Number: FixedWidthInteger>(_ payload: UnsafeRawBufferPointer, at offset: Int) -> Number {
    guard offset + MemoryLayout<Number>.size <= payload.count else { return 0 }
    return Number(littleEndian: payload.loadUnaligned(fromByteOffset: offset, as: Number.self))
  }
}

/// Cuts a stream of bytes into frames. Input and output payloads are passed on in the pieces they arrive in; only short
/// control payloads are put together, so nothing here grows.
struct FrameReader {
  private var head: [UInt8] = []
  private var kind: UInt8 = 0
  private var left = 0
  private var inPayload = false
  private var collected: [UInt8] = []

  /// - Returns: false when the peer broke the protocol.
  mutating func feed(
    _ bytes: UnsafeRawBufferPointer, frame: (UInt8, UnsafeRawBufferPointer) -> Void
  ) -> Bool {
    var rest = bytes
    while true {
      if inPayload {
        let part = UnsafeRawBufferPointer(rebasing: rest[..<min(left, rest.count)])
        rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
        left -= part.count
        let isStream = Self.isStream(kind)
        if isStream {
          if !part.isEmpty { frame(kind, part) }
        } else if collected.count + part.count <= 4096 {
          collected.append(contentsOf: part)
        }
        guard left == 0 else { return true }
        inPayload = false
        if !isStream {
          let payload = collected
          collected = []
          payload.withUnsafeBytes { frame(kind, $0) }
        }
      }
      guard !rest.isEmpty else { return true }
      let take = min(AttachProtocol.headerSize - head.count, rest.count)
      head.append(contentsOf: rest[..<take])
      rest = UnsafeRawBufferPointer(rebasing: rest[take...])
      guard head.count == AttachProtocol.headerSize else { return true }
      kind = head[0]
      left = head.withUnsafeBytes { Int(AttachProtocol.number($0, at: 4) as UInt32) }
      head.removeAll(keepingCapacity: true)
      inPayload = true
      if left > AttachProtocol.payloadLimit { return false }
    }
  }

  private static func isStream(_ kind: UInt8) -> Bool {
    kind == AttachProtocol.Kind.input.rawValue || kind == AttachProtocol.Kind.stdout.rawValue
      || kind == AttachProtocol.Kind.stderr.rawValue
  }
}
