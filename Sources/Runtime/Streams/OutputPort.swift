internal import CLinux
internal import Glibc
package import LinuxKernel

/// One of our own output descriptors (stdout, stderr), written without ever waiting for its reader.
///
/// The descriptor is shared with the program that started us, so O_NONBLOCK must not be set on it: sockets and pipes
/// are written with per-call flags, a terminal through an own opening of it, and where neither works only as much as
/// poll(2) promises. What does not fit waits in `pending`, and the owner stops producing when that grows too long.
package final class OutputPort {
  private enum Kind { case socket, pipe, file, reopened, polled }

  private let descriptor: Int32
  private let loop: EventLoop
  private var kind: Kind
  private var queue = ByteQueue()
  private let watchesReader: Bool
  /// errno of the write that failed for good; nothing is written any more, what comes is dropped.
  package private(set) var failure: Int32?

  /// Bytes accepted and not yet written.
  package var pending: Int { queue.count }

  /// - Parameter watchesReader: notice without writing that the reader of a pipe has gone.
  package init(_ descriptor: Int32, loop: EventLoop, watchesReader: Bool = false) {
    self.loop = loop
    self.watchesReader = watchesReader
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      // A closed stdout is a reader that has gone.
      self.descriptor = descriptor
      kind = .file
      failure = EBADF
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFSOCK: kind = .socket
    case S_IFIFO: kind = .pipe
    case S_IFCHR where isatty(descriptor) == 1:
      let own = open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
      kind = own < 0 ? .polled : .reopened
      self.descriptor = own < 0 ? descriptor : own
      return
    default: kind = .file
    }
    self.descriptor = descriptor
    if watchesReader, kind == .pipe { watch([]) }
  }

  deinit {
    loop.forget(descriptor)
    if kind == .reopened { close(descriptor) }
  }

  /// Writes what can be written now and keeps the rest.
  package func write(_ bytes: UnsafeRawBufferPointer) {
    guard failure == nil, !bytes.isEmpty else { return }
    var rest = bytes
    while queue.isEmpty, !rest.isEmpty {
      let written = writeSome(rest)
      if written < 0 { break }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
    guard failure == nil, !rest.isEmpty else { return }
    queue.append(rest)
    wait()
  }

  private func wait() {
    if loop.isWatching(descriptor) { loop.change(descriptor, .writable) } else { watch(.writable) }
  }

  private func watch(_ events: ReadyEvents) {
    do throws(SystemError) {
      try loop.watch(descriptor, events) { [unowned self] events in
        // A pipe reports this as soon as its last reader has gone (pipe(7)).
        if events.contains(.failed), self.kind == .pipe { self.fail(EPIPE) } else { self.flush() }
      }
    } catch { fail(error.errno) }
  }

  private func flush() {
    while !queue.isEmpty {
      let written = queue.withBytes { writeSome($0) }
      if written < 0 { break }
      queue.consume(written)
    }
    guard queue.isEmpty, failure == nil else { return }
    if watchesReader, kind == .pipe { loop.change(descriptor, []) } else { loop.forget(descriptor) }
  }

  private func fail(_ code: Int32) {
    failure = code
    queue.removeAll()
    loop.forget(descriptor)
  }

  /// Bytes written, or -1 when it would wait or has failed for good.
  private func writeSome(_ bytes: UnsafeRawBufferPointer) -> Int {
    while true {
      let written =
        switch kind {
        case .socket: dhow_send_nowait(descriptor, bytes.baseAddress, bytes.count, nil, 0)
        case .pipe: dhow_write_nowait(descriptor, bytes.baseAddress, bytes.count)
        case .file, .reopened: Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        case .polled: writePolled(bytes)
        }
      if written >= 0 { return written }
      switch errno {
      case EINTR: continue
      case EAGAIN: return -1
      // Kernels that cannot do it for pipes, and sockets given as something else.
      case EOPNOTSUPP where kind == .pipe, ENOTSOCK where kind == .socket: kind = .polled
      case let code:
        fail(code)
        return -1
      }
    }
  }

  /// poll(2) answers "writable" for a pipe when one page fits and for a terminal when some bytes do.
  private func writePolled(_ bytes: UnsafeRawBufferPointer) -> Int {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&wanted, 1, 0) > 0 else {
      errno = EAGAIN
      return -1
    }
    return Glibc.write(descriptor, bytes.baseAddress, min(bytes.count, isatty(descriptor) == 1 ? 256 : 4096))
  }
}
