internal import Glibc
internal import LinuxKernel

/// Our own stdin, read only while there is room for what it gives, so that input we do not pass on stays there for the
/// next program.
final class InputPort {
  private let descriptor: Int32
  private let loop: EventLoop
  private let scratch: ScratchBuffer
  private let deliver: (UnsafeRawBufferPointer) -> Void
  private let onEnd: () -> Void
  private(set) var isAtEnd = false

  /// Starts reading; a closed stdin is at its end from the start.
  init(
    _ descriptor: Int32, loop: EventLoop, scratch: ScratchBuffer,
    deliver: @escaping (UnsafeRawBufferPointer) -> Void, onEnd: @escaping () -> Void
  ) {
    self.descriptor = descriptor
    self.loop = loop
    self.scratch = scratch
    self.deliver = deliver
    self.onEnd = onEnd
    do throws(SystemError) {
      try loop.watch(descriptor, .readable) { [unowned self] _ in self.readOnce() }
    } catch { isAtEnd = true }
  }

  deinit { loop.forget(descriptor) }

  /// Calls `onEnd` when stdin was closed from the start, which `init` cannot.
  func reportClosedStart() { if isAtEnd { onEnd() } }

  func pause() { loop.change(descriptor, []) }
  func resume() { if !isAtEnd { loop.change(descriptor, .readable) } }

  /// Reads no more.
  func stop() {
    isAtEnd = true
    loop.forget(descriptor)
  }

  private func readOnce() {
    guard !isAtEnd else { return }
    let got = read(descriptor, scratch.bytes.baseAddress, 16_384)
    if got > 0 {
      deliver(UnsafeRawBufferPointer(rebasing: scratch.bytes[..<got]))
    } else if got == 0 || (errno != EINTR && errno != EAGAIN) {
      stop()
      onEnd()
    }
  }
}
