internal import Glibc
package import LinuxKernel

/// The container's stdin: the write end of a pipe, or the master of its terminal. Never waits; what the container has
/// not taken yet is kept in `pending`, and those who feed it stop at `highWater`.
package final class InputSink {
  /// Bytes kept at most by well-behaved feeders.
  package static let highWater = 65_536

  private let descriptor: Int32
  private var owned: OwnedDescriptor?
  private let loop: EventLoop
  /// On a terminal the loop watches the master for both directions; its owner calls `flush` and this asks for it.
  private let shareInterest: ((Bool) -> Void)?
  private var queue = ByteQueue()
  private var closing = false
  package private(set) var isClosed = false
  /// Called when `pending` has become 0 or the container has closed its end.
  package var onDrained: (() -> Void)?

  package var pending: Int { queue.count }

  /// A pipe's write end, which becomes non-blocking: its read end is another open file and is not affected.
  package init(pipe: consuming OwnedDescriptor, loop: EventLoop) {
    descriptor = pipe.raw
    owned = consume pipe
    self.loop = loop
    shareInterest = nil
    _ = fcntl(descriptor, F_SETFL, O_WRONLY | O_NONBLOCK)
  }

  /// A terminal's non-blocking master that somebody else watches and closes.
  package init(terminal: Int32, loop: EventLoop, wantsWritable: @escaping (Bool) -> Void) {
    descriptor = terminal
    owned = nil
    self.loop = loop
    shareInterest = wantsWritable
  }

  deinit { if shareInterest == nil { loop.forget(descriptor) } }

  package func write(_ bytes: UnsafeRawBufferPointer) {
    guard !isClosed, !closing, !bytes.isEmpty else { return }
    var rest = bytes
    while queue.isEmpty, !rest.isEmpty, !isClosed {
      let written = writeSome(rest)
      if written < 0 { break }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
    guard !isClosed, !rest.isEmpty else { return }
    queue.append(rest)
    waitForSpace(true)
  }

  /// Ends the input after what is pending. A terminal has no end of input; nothing happens there.
  package func finish() {
    guard shareInterest == nil, !isClosed else { return }
    closing = true
    if queue.isEmpty { close() }
  }

  /// Writes on when the descriptor has become writable.
  package func flush() {
    while !queue.isEmpty, !isClosed {
      let written = queue.withBytes { writeSome($0) }
      if written < 0 { break }
      queue.consume(written)
    }
    guard queue.isEmpty, !isClosed else { return }
    waitForSpace(false)
    if closing { close() }
    onDrained?()
  }

  private func waitForSpace(_ wanted: Bool) {
    if let shareInterest {
      shareInterest(wanted)
    } else if wanted, !loop.isWatching(descriptor) {
      do throws(SystemError) {
        try loop.watch(descriptor, .writable) { [unowned self] _ in self.flush() }
      } catch { close() }
    } else {
      loop.change(descriptor, wanted ? .writable : [])
    }
  }

  private func writeSome(_ bytes: UnsafeRawBufferPointer) -> Int {
    while true {
      let written = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      if written >= 0 { return written }
      if errno == EINTR { continue }
      if errno == EAGAIN { return -1 }
      // EPIPE: the container has closed its stdin; whatever else comes has no reader.
      close()
      onDrained?()
      return -1
    }
  }

  private func close() {
    isClosed = true
    queue.removeAll()
    if shareInterest == nil {
      loop.forget(descriptor)
      owned = nil
    }
  }
}
