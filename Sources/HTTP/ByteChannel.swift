internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// How long a channel waits for the other side.
struct Patience {
  /// Longest time in which no byte moves.
  var idle: Duration
  /// In `idle` of waiting at least this many bytes move, or the other side counts as stalled (SECURITY B8). Only waiting
  /// counts: a slow consumer of ours is nobody's fault.
  var leastBytes: Int

  init(idle: Duration, leastBytes: Int = 1) {
    self.idle = idle
    self.leastBytes = leastBytes
  }
}

/// A connected, non-blocking socket, perhaps with TLS over it, and what has been read from it ahead.
final class ByteChannel {
  /// Heads and chunk lines are parsed from here; bodies pass by it.
  static let readAhead = 16 * 1024

  private(set) var socket: Int32
  /// Who is at the other end, for messages: `host:port`.
  let peer: String
  private(set) var tls: TLSSession?
  var patience: Patience
  /// A moment of the monotonic clock at which whatever is going on must be over.
  var deadline: Int64?

  private var buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  /// Waiting since the window began, in nanoseconds, and bytes that moved in it.
  private var waited: Int64 = 0
  private var moved = 0

  init(_ socket: consuming OwnedDescriptor, peer: String, patience: Patience) {
    self.socket = socket.take()
    self.peer = peer
    self.patience = patience
    buffer = .allocate(byteCount: ByteChannel.readAhead, alignment: 16)
    _ = fcntl(self.socket, F_SETFL, fcntl(self.socket, F_GETFL) | O_NONBLOCK)
  }

  deinit {
    buffer.deallocate()
    close()
  }

  var isOpen: Bool { socket >= 0 }

  /// Ends the connection; with TLS its end is announced first, so that a body that goes on until the end is whole.
  func close() {
    guard socket >= 0 else { return }
    tls?.announceEnd()
    tls = nil
    Glibc.close(socket)
    socket = -1
  }

  /// Says that nothing more will be sent; reading goes on.
  func endSending() {
    guard socket >= 0 else { return }
    tls?.announceEnd()
    shutdown(socket, Int32(SHUT_WR))
  }

  /// Gives the socket away with what was read ahead.
  func release() -> (socket: Int32, readAhead: [UInt8]) {
    let answer = (socket: socket, readAhead: [UInt8](UnsafeRawBufferPointer(buffered)))
    socket = -1
    start = end
    return answer
  }

  func abandon() {
    guard socket >= 0 else { return }
    tls = nil
    Glibc.close(socket)
    socket = -1
  }

  func beginTLS(_ session: TLSSession) throws(HTTPFailure) {
    tls = session
    session.attach(socket)
    while true {
      switch session.handshake() {
      case .moved: return
      case .wantsRead: try wait(POLLIN)
      case .wantsWrite: try wait(POLLOUT)
      case .ended: throw failed(.closed, "the connection was closed during the TLS handshake")
      case .failed(let problem): throw failure(problem)
      }
    }
  }

  /// What was read ahead and not taken yet.
  var buffered: UnsafeMutableRawBufferPointer { .init(rebasing: buffer[start..<end]) }

  /// Takes the first `count` buffered bytes away.
  func consume(_ count: Int) {
    start += count
    if start == end {
      start = 0
      end = 0
    }
  }

  /// Reads more into the buffer; false at the end of the stream. `limit` bounds the buffer, which must not be full.
  func fill(limit: Int) throws(HTTPFailure) -> Bool {
    if end == buffer.count {
      if start > 0 {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
        end -= start
        start = 0
      } else {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: min(limit, buffer.count * 2), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<end]))
        buffer.deallocate()
        buffer = larger
      }
    }
    let count = try receive(UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
    end += count
    return count > 0
  }

  /// Reads into `target`, buffered bytes first; 0 is the end of the stream.
  func read(into target: UnsafeMutableRawBufferPointer) throws(HTTPFailure) -> Int {
    if start < end {
      let count = min(target.count, end - start)
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<start + count]))
      consume(count)
      return count
    }
    return try receive(target)
  }

  private func receive(_ target: UnsafeMutableRawBufferPointer) throws(HTTPFailure) -> Int {
    guard target.count > 0 else { return 0 }
    while true {
      switch receiveNow(target) {
      case .moved(let count):
        moved += count
        return count
      case .wantsRead: try wait(POLLIN)
      case .wantsWrite: try wait(POLLOUT)
      case .ended: return 0
      case .failed(let problem): throw failure(problem)
      }
    }
  }

  private func receiveNow(_ target: UnsafeMutableRawBufferPointer) -> TransferOutcome {
    guard socket >= 0 else { return .ended }
    if let tls { return tls.read(into: target) }
    while true {
      let count = recv(socket, target.baseAddress, target.count, 0)
      if count > 0 { return .moved(count) }
      if count == 0 { return .ended }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wantsRead
      default: return .failed(.system(SystemError("receive")))
      }
    }
  }

  /// True when a byte, or the end of the stream, is there to be read: for a kept connection it is no longer of use.
  func hasInput() -> Bool {
    if start < end { return true }
    if let tls { return tls.hasInput() }
    var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0
  }

  /// Sends all bytes. With `stoppingForInput`, answers false as soon as the other side has said something instead.
  @discardableResult
  func write(_ bytes: UnsafeRawBufferPointer, stoppingForInput: Bool = false) throws(HTTPFailure) -> Bool {
    var rest = bytes
    while rest.count > 0 {
      switch sendNow(rest) {
      case .moved(let count):
        moved += count
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      case .wantsWrite:
        if try !waitToWrite(stoppingForInput) { return false }
      case .wantsRead: try wait(POLLIN)
      case .ended: throw failed(.closed, "the connection was closed")
      case .failed(let problem): throw failure(problem)
      }
    }
    return true
  }

  @discardableResult
  func write(_ bytes: [UInt8]) throws(HTTPFailure) -> Bool {
    try withBytes(bytes) { (raw) throws(HTTPFailure) in try write(raw) }
  }

  private func sendNow(_ bytes: UnsafeRawBufferPointer) -> TransferOutcome {
    guard socket >= 0 else { return .ended }
    if let tls { return tls.write(bytes) }
    while true {
      let count = Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count >= 0 { return .moved(count) }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wantsWrite
      case EPIPE: return .ended
      default: return .failed(.system(SystemError("send")))
      }
    }
  }

  /// Sends `count` bytes of a file, without a copy when there is no TLS. Answers false when it stopped for input.
  func sendFile(
    _ file: Int32, offset: Int64, count: Int64, stoppingForInput: Bool, onProgress: ((Int64) -> Void)?
  ) throws(HTTPFailure) -> Bool {
    if tls != nil {
      return try copyFile(
        file, offset: offset, count: count, stoppingForInput: stoppingForInput, onProgress: onProgress)
    }
    var sent: Int64 = 0
    while sent < count {
      let step = dhow_sendfile(socket, file, offset + sent, Int(min(count - sent, 1 << 20)))
      if step > 0 {
        sent += Int64(step)
        moved += step
        onProgress?(sent)
      } else if step == 0 {
        throw failed(.body, "the file became shorter while it was sent")
      } else {
        switch errno {
        case EINTR: continue
        case EAGAIN: if try !waitToWrite(stoppingForInput) { return false }
        case EPIPE, ECONNRESET: throw failed(.closed, "the connection was closed")
        default: throw HTTPFailure(SystemError("sendfile", peer))
        }
      }
    }
    return true
  }

  private func copyFile(
    _ file: Int32, offset: Int64, count: Int64, stoppingForInput: Bool, onProgress: ((Int64) -> Void)?
  ) throws(HTTPFailure) -> Bool {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
    defer { block.deallocate() }
    var sent: Int64 = 0
    while sent < count {
      let got = pread(file, block.baseAddress, Int(min(count - sent, Int64(block.count))), off_t(offset + sent))
      if got < 0 {
        if errno == EINTR { continue }
        throw HTTPFailure(SystemError("read"))
      }
      if got == 0 { throw failed(.body, "the file became shorter while it was sent") }
      let part = UnsafeRawBufferPointer(rebasing: block[..<got])
      if try !write(part, stoppingForInput: stoppingForInput) { return false }
      sent += Int64(got)
      onProgress?(sent)
    }
    return true
  }

  private func waitToWrite(_ stoppingForInput: Bool) throws(HTTPFailure) -> Bool {
    guard stoppingForInput else {
      try wait(POLLOUT)
      return true
    }
    let ready = try wait(POLLIN | POLLOUT)
    if ready & Int16(POLLIN | POLLHUP) != 0, hasInput() { return false }
    // A TLS record that was not an answer is read by now: only room to write ends the wait.
    if ready & Int16(POLLOUT) == 0 { try wait(POLLOUT) }
    return true
  }

  /// Waits for poll(2) events within the patience; answers what came.
  @discardableResult
  func wait(_ events: Int32) throws(HTTPFailure) -> Int16 {
    guard socket >= 0 else { throw failed(.closed, "the connection was closed") }
    var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
    while true {
      let before = MonotonicClock.now
      var allowed = patience.idle.inNanoseconds
      if let deadline { allowed = min(allowed, deadline - before) }
      if allowed <= 0 { throw failed(.timeout, "no complete answer in time") }
      let ready = poll(&entry, 1, Int32(clamping: (allowed + 999_999) / 1_000_000))
      let code = errno
      waited += MonotonicClock.now - before
      if ready > 0 {
        if waited >= patience.idle.inNanoseconds { try judgeWindow() }
        return entry.revents
      }
      if ready == 0 {
        let late = deadline.map { $0 <= MonotonicClock.now } ?? false
        let seconds = max(1, patience.idle.components.seconds)
        throw failed(.timeout, late ? "no complete answer in time" : "nothing moved for \(seconds) s")
      }
      if code != EINTR { throw HTTPFailure(SystemError("poll", peer, errno: code)) }
    }
  }

  private func judgeWindow() throws(HTTPFailure) {
    let enough = moved >= patience.leastBytes
    let seconds = waited / 1_000_000_000
    if !enough { throw failed(.timeout, "only \(moved) bytes moved in \(seconds) s") }
    waited = 0
    moved = 0
  }

  /// Begins a new window of `patience`: another request has nothing to do with the waits of the last.
  func forgetWaits() {
    waited = 0
    moved = 0
  }

  func failed(_ kind: HTTPFailure.Kind, _ reason: String) -> HTTPFailure {
    HTTPFailure(kind, peer.isEmpty ? reason : "\(peer): \(reason)")
  }

  private func failure(_ problem: TransferProblem) -> HTTPFailure {
    switch problem {
    case .system(let error) where error.errno == ECONNRESET || error.errno == EPIPE:
      failed(.closed, "the connection was closed by the other side")
    case .system(let error) where error.errno == ETIMEDOUT: failed(.timeout, error.reason)
    case .system(let error): failed(.closed, error.description)
    case .cut: failed(.closed, "the connection was cut")
    case .tls(let problem, let reason): failed(.tls(problem), reason)
    }
  }
}

/// What one attempt to move bytes came to.
enum TransferOutcome {
  case moved(Int)
  case wantsRead, wantsWrite
  /// The other side ended the stream in good order.
  case ended
  case failed(TransferProblem)
}

enum TransferProblem {
  case system(SystemError)
  /// The stream ended without TLS's own end.
  case cut
  case tls(HTTPFailure.TLSProblem, String)
}

extension Duration {
  var inNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let whole = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return whole.overflow ? .max : whole.partialValue + attoseconds / 1_000_000_000
  }
}

/// `withUnsafeBytes` that keeps the type of what is thrown.
func withBytes<Answer>(
  _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(HTTPFailure) -> Answer
) throws(HTTPFailure) -> Answer {
  let result = bytes.withUnsafeBytes { raw in
    Result { () throws(HTTPFailure) in try body(raw) }
  }
  return try result.get()
}
