internal import Basics
internal import Glibc

/// A buffered stream to one of our own descriptors. Nothing is printed by `print`: its locks and start-up cost time on
/// every command, and a failed write has to be told.
///
/// `flush` must be called by whoever ends the program; it throws what writing met.
package final class Output {
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var failure: Int32 = 0
  /// Bytes kept before they are written; long lists go out in pieces.
  private static let limit = 64 << 10

  package init(descriptor: Int32) { self.descriptor = descriptor }

  /// Collects what is written instead of showing it, for tests.
  package static func collecting() -> Output { Output(descriptor: -1) }

  package func write(_ text: String) {
    buffer.append(contentsOf: text.utf8)
    if buffer.count >= Self.limit { drain() }
  }

  package func write(bytes: [UInt8]) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.limit { drain() }
  }

  package func line(_ text: String) { write(text + "\n") }

  /// What a collecting stream has collected.
  package var collected: String { String(decoding: buffer, as: UTF8.self) }

  /// Whether a person is looking at it.
  package var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Columns and rows of the terminal, asked for anew each time: people change them. Nil off a terminal, and on one that
  /// does not say.
  package var terminalSize: (columns: Int, rows: Int)? {
    var size = winsize()
    guard descriptor >= 0, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
  }

  /// Writes everything out.
  /// - Throws: `BrokenPipe` when the reader has gone, `EngineError` for any other failure, such as a full disk.
  package func flush() throws {
    drain()
    guard failure != 0 else { return }
    let code = failure
    failure = 0
    if code == EPIPE { throw BrokenPipe() }
    throw EngineError(
      .unavailable, "writing to \(descriptor == 2 ? "standard error" : "standard output")", text(of: code))
  }

  private func drain() {
    guard descriptor >= 0 else { return }
    var position = 0
    while failure == 0, position < buffer.count {
      let count = buffer.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress?.advanced(by: position), $0.count - position)
      }
      if count >= 0 {
        position += count
      } else if errno == EAGAIN {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&waiting, 1, -1)
      } else if errno != EINTR {
        failure = errno
      }
    }
    buffer.removeAll(keepingCapacity: true)
  }

  private func text(of code: Int32) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }
}

/// The reader of our output has gone: the program ends quietly.
package struct BrokenPipe: Error {
  package init() {}
}

/// Makes sure that descriptors 0 to 2 are open, on /dev/null where the caller closed them, so that no file of ours
/// becomes somebody's standard output.
package func reopenClosedStandardDescriptors() {
  for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
    // The lowest free descriptor is this one, since the lower ones are open by now.
    _ = open("/dev/null", O_RDWR)
  }
}
