internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Which of the container's outputs bytes came from. A terminal has one output, which counts as stdout.
package enum OutputStream: UInt8, Sendable { case stdout = 1, stderr = 2 }

/// One of the container's outputs: the read end of a pipe, or the master of its terminal.
final class OutputSource {
  private let descriptor: Int32
  private var owned: OwnedDescriptor?
  /// A slave of our own: without it the master would report a hang-up, for ever and at full speed, whenever the
  /// programs inside happen to have the terminal closed.
  private var peer: OwnedDescriptor?
  private let stream: OutputStream
  private let loop: EventLoop
  private let scratch: ScratchBuffer
  private let deliver: (OutputStream, UnsafeRawBufferPointer) -> Void
  private var paused = false
  private var wantsWritable = false
  private(set) var isAtEnd = false
  /// On a terminal: the master has room for input.
  var onWritable: (() -> Void)?
  var terminal: Int32 { descriptor }

  init(
    _ stream: OutputStream, _ source: consuming OwnedDescriptor, isTerminal: Bool, loop: EventLoop,
    scratch: ScratchBuffer, deliver: @escaping (OutputStream, UnsafeRawBufferPointer) -> Void
  ) throws(SystemError) {
    descriptor = source.raw
    owned = consume source
    self.stream = stream
    self.loop = loop
    self.scratch = scratch
    self.deliver = deliver
    if isTerminal {
      let slave = dhow_terminal_peer(descriptor)
      if slave >= 0 { peer = OwnedDescriptor(owning: slave) }
    }
    _ = fcntl(descriptor, F_SETFL, (isTerminal ? O_RDWR : O_RDONLY) | O_NONBLOCK)
    try loop.watch(descriptor, .readable) { [unowned self] events in
      if events.contains(.writable) { self.onWritable?() }
      guard !events.isDisjoint(with: [.readable, .hungUp, .failed]) else { return }
      if !self.paused {
        _ = self.readOnce()
      } else if events.contains(.hungUp) {
        // epoll reports a hang-up whether asked or not; what is left is read when the readers have caught up.
        self.loop.forget(self.descriptor)
      }
    }
  }

  deinit { loop.forget(descriptor) }

  /// Stops reading: the program blocks when the pipe or terminal is full.
  func pause() {
    guard !paused, !isAtEnd else { return }
    paused = true
    updateInterest()
  }

  func resume() {
    guard paused, !isAtEnd else { return }
    paused = false
    updateInterest()
  }

  func setWantsWritable(_ wanted: Bool) {
    guard !isAtEnd else { return }
    wantsWritable = wanted
    updateInterest()
  }

  private func updateInterest() {
    var events: ReadyEvents = paused ? [] : .readable
    if wantsWritable { events.insert(.writable) }
    if !loop.isWatching(descriptor) {
      // It was forgotten at a hang-up while paused; what is left in it is read by `drain`.
      if !paused { drain() }
      return
    }
    loop.change(descriptor, events)
  }

  /// Reads and delivers what is there now: all that a dead program has left (its pid namespace died with it, so nobody
  /// writes any more; a stranger who still holds the pipe is not waited for).
  func drain() {
    peer = nil
    while !isAtEnd, readOnce() {}
  }

  /// One read; false when nothing was there or the end is reached.
  private func readOnce() -> Bool {
    while true {
      let got = read(descriptor, scratch.bytes.baseAddress, scratch.bytes.count)
      if got > 0 {
        deliver(stream, UnsafeRawBufferPointer(rebasing: scratch.bytes[..<got]))
        return true
      }
      if got < 0, errno == EINTR { continue }
      if got < 0, errno == EAGAIN { return false }
      // 0 on a pipe and EIO on a terminal: every writer has gone.
      finish()
      return false
    }
  }

  private func finish() {
    isAtEnd = true
    loop.forget(descriptor)
    peer = nil
    owned = nil
  }
}
