// Two halves of one stream on two processors.
internal import Glibc
internal import LinuxKernel

/// Reads another source in a thread of its own, some buffers ahead of whoever reads this one: so a blob is fetched and
/// uncompressed while what came before is unpacked.
///
/// Only for a process that exists for this work and ends with it: a process with threads must not fork, and the thread of
/// a stream that is given up half-way is left to the end of the process, as it may wait for a network.
package final class OverlappedSource: ByteSource {
  /// Bytes of a buffer, and how many there are.
  private static let bufferSize = 1 << 18
  private static let bufferCount = 8

  private let ring: Ring
  private var current: Int?
  private var position = 0

  /// `source` is used by the thread alone from here on, until the end of the stream was read.
  package init(_ source: any ByteSource) throws {
    ring = Ring(source, size: Self.bufferSize, count: Self.bufferCount)
    try ring.start()
  }

  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if current == nil {
      guard let next = try ring.takeFilled() else { return 0 }
      (current, position) = (next, 0)
    }
    guard let index = current else { return 0 }
    let filled = ring.content(of: index)
    let count = min(buffer.count, filled.count - position)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: filled[position..<position + count]))
    position += count
    if position == filled.count {
      ring.giveBack()
      current = nil
    }
    return count
  }
}

/// The buffers between the two threads. What the mutex guards is touched under it alone; a buffer belongs to the reader
/// from `takeFilled` to `giveBack` and to the thread else.
private final class Ring: @unchecked Sendable {
  private let source: any ByteSource
  private let size: Int
  private let count: Int
  private let memory: UnsafeMutableRawBufferPointer
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var lengths: [Int]
  /// Buffers filled and given back since the beginning.
  private var filled = 0
  private var emptied = 0
  private var isAtEnd = false
  private var failure: (any Error)?

  init(_ source: any ByteSource, size: Int, count: Int) {
    self.source = source
    self.size = size
    self.count = count
    memory = .allocate(byteCount: size * count, alignment: 64)
    lengths = [Int](repeating: 0, count: count)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
    memory.deallocate()
  }

  func start() throws {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self).toOpaque()
    let code = pthread_create(
      &thread, &attributes,
      { context in
        guard let context else { return nil }
        Unmanaged<Ring>.fromOpaque(context).takeRetainedValue().fill()
        return nil
      }, context)
    guard code == 0 else {
      Unmanaged<Ring>.fromOpaque(context).release()
      throw SystemError("pthread_create", errno: code)
    }
  }

  private func locked<Value>(_ body: () throws -> Value) rethrows -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  private func buffer(_ index: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: memory[index * size..<(index + 1) * size])
  }

  /// The thread.
  private func fill() {
    while true {
      let index = locked {
        while filled - emptied == count { pthread_cond_wait(changed, mutex) }
        return filled % count
      }
      do {
        let length = try readFully(into: buffer(index))
        locked {
          lengths[index] = length
          if length > 0 { filled += 1 } else { isAtEnd = true }
          pthread_cond_signal(changed)
        }
        if length == 0 { return }
      } catch {
        locked {
          failure = error
          isAtEnd = true
          pthread_cond_signal(changed)
        }
        return
      }
    }
  }

  /// Half-full buffers would make the ring shorter than it is.
  private func readFully(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var length = 0
    while length < buffer.count {
      let got = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[length...]))
      if got == 0 { break }
      length += got
    }
    return length
  }

  /// The next buffer with bytes, nil at the end.
  func takeFilled() throws -> Int? {
    try locked {
      while filled == emptied {
        if let failure { throw failure }
        if isAtEnd { return nil }
        pthread_cond_wait(changed, mutex)
      }
      return emptied % count
    }
  }

  func content(of index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: buffer(index)[..<lengths[index]])
  }

  func giveBack() {
    locked {
      emptied += 1
      pthread_cond_signal(changed)
    }
  }
}
