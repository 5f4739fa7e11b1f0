internal import Basics
internal import CLinux
internal import Glibc

/// What a descriptor is waited for, and what came of it (epoll_ctl(2)).
package struct ReadyEvents: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package static let readable = ReadyEvents(rawValue: 0x001)
  package static let writable = ReadyEvents(rawValue: 0x004)
  /// Reported even when not asked for.
  package static let failed = ReadyEvents(rawValue: 0x008)
  package static let hungUp = ReadyEvents(rawValue: 0x010)
}

/// One thread's wait for descriptors, signals and deadlines (epoll(7)). Nothing runs, and no CPU is used, while there
/// is nothing to do.
/// Descriptors that epoll cannot watch because they never wait (files, /dev/null) count as always ready while they are
/// watched.
package final class EventLoop {
  private struct Entry {
    var generation: UInt32
    var events: ReadyEvents
    var alwaysReady: Bool
    var handler: (ReadyEvents) -> Void
  }
  private struct Deadline {
    let id: Int
    let at: Int64
    let action: () -> Void
  }

  private let epoll: OwnedDescriptor
  private var entries: [Int32: Entry] = [:]
  private var alwaysReady: [Int32] = []
  private var generation: UInt32 = 0
  private var deadlines: [Deadline] = []
  private var nextDeadline = 0
  /// Called once when the loop has had nothing to do for a moment after it was busy: the time to give memory back.
  package var onIdle: (() -> Void)?
  private var busySinceIdle = false

  /// How long nothing must happen before `onIdle` is called.
  private static let idleMilliseconds: Int32 = 100

  package init() throws(SystemError) {
    epoll = OwnedDescriptor(owning: try systemCall("epoll_create") { dhow_epoll_create() })
  }

  /// Watches a descriptor, which stays the caller's; no events at all still reports a hang-up or failure.
  package func watch(
    _ descriptor: Int32, _ events: ReadyEvents, handler: @escaping (ReadyEvents) -> Void
  ) throws(SystemError) {
    generation &+= 1
    var entry = Entry(generation: generation, events: events, alwaysReady: false, handler: handler)
    let data = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    if dhow_epoll_ctl(epoll.raw, 1, descriptor, events.rawValue, data) < 0 {
      let code = errno
      guard code == EPERM else { throw SystemError("epoll_ctl", errno: code) }
      entry.alwaysReady = true
      alwaysReady.append(descriptor)
    }
    entries[descriptor] = entry
  }

  /// Changes what a watched descriptor is waited for.
  package func change(_ descriptor: Int32, _ events: ReadyEvents) {
    guard var entry = entries[descriptor], entry.events != events else { return }
    entry.events = events
    entries[descriptor] = entry
    if entry.alwaysReady { return }
    let data = UInt64(entry.generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    _ = dhow_epoll_ctl(epoll.raw, 3, descriptor, events.rawValue, data)
  }

  /// Forgets a descriptor; to be called before it is closed.
  package func forget(_ descriptor: Int32) {
    guard let entry = entries.removeValue(forKey: descriptor) else { return }
    if entry.alwaysReady {
      alwaysReady.removeAll { $0 == descriptor }
    } else {
      _ = dhow_epoll_ctl(epoll.raw, 2, descriptor, 0, 0)
    }
  }

  package func isWatching(_ descriptor: Int32) -> Bool { entries[descriptor] != nil }

  /// Runs `action` once after so many nanoseconds; the answer is for `cancel`.
  @discardableResult
  package func after(nanoseconds: Int64, _ action: @escaping () -> Void) -> Int {
    nextDeadline += 1
    deadlines.append(Deadline(id: nextDeadline, at: MonotonicClock.now + nanoseconds, action: action))
    return nextDeadline
  }

  package func cancel(deadline id: Int) { deadlines.removeAll { $0.id == id } }

  /// Handles events until `done` holds; it is asked after each round.
  package func run(until done: () -> Bool) throws(SystemError) {
    while !done() { try runOnce() }
  }

  /// Waits for events and handles what came.
  package func runOnce() throws(SystemError) {
    var events: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0, 0, 0, 0, 0)
    var data: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    let timeout = waitMilliseconds()
    let epoll = self.epoll.raw
    let count = withUnsafeMutablePointer(to: &events) { events in
      withUnsafeMutablePointer(to: &data) { data in
        dhow_epoll_wait(
          epoll, UnsafeMutableRawPointer(events).assumingMemoryBound(to: UInt32.self),
          UnsafeMutableRawPointer(data).assumingMemoryBound(to: UInt64.self), 8, timeout)
      }
    }
    if count < 0, errno != EINTR { throw SystemError("epoll_wait") }
    let ranDeadline = runDeadlines()
    let ranAlwaysReady = runAlwaysReady()
    withUnsafeBytes(of: &events) { events in
      withUnsafeBytes(of: &data) { data in
        for index in 0..<max(0, Int(count)) {
          dispatch(
            data.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self),
            events.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
        }
      }
    }
    noteIdle(wasBusy: count > 0 || ranDeadline || ranAlwaysReady)
  }

  private func dispatch(_ data: UInt64, _ events: UInt32) {
    let descriptor = Int32(bitPattern: UInt32(truncatingIfNeeded: data))
    // An earlier handler of this round may have closed the descriptor and another may have got its number.
    guard let entry = entries[descriptor], entry.generation == UInt32(truncatingIfNeeded: data >> 32) else { return }
    entry.handler(ReadyEvents(rawValue: events))
  }

  private func runAlwaysReady() -> Bool {
    guard !alwaysReady.isEmpty else { return false }
    var ran = false
    for descriptor in alwaysReady {
      guard let entry = entries[descriptor], !entry.events.isEmpty else { continue }
      entry.handler(entry.events)
      ran = true
    }
    return ran
  }

  private func runDeadlines() -> Bool {
    guard !deadlines.isEmpty else { return false }
    let now = MonotonicClock.now
    let due = deadlines.filter { $0.at <= now }
    guard !due.isEmpty else { return false }
    deadlines.removeAll { $0.at <= now }
    for deadline in due { deadline.action() }
    return true
  }

  private func waitMilliseconds() -> Int32 {
    if alwaysReady.contains(where: { entries[$0]?.events.isEmpty == false }) { return 0 }
    var wait = busySinceIdle && onIdle != nil ? Self.idleMilliseconds : -1
    if let first = deadlines.map(\.at).min() {
      let left = max(0, first - MonotonicClock.now)
      let milliseconds = Int32(clamping: (left + 999_999) / 1_000_000)
      wait = wait < 0 ? milliseconds : min(wait, milliseconds)
    }
    return wait
  }

  private func noteIdle(wasBusy: Bool) {
    if wasBusy {
      busySinceIdle = true
    } else if busySinceIdle {
      busySinceIdle = false
      onIdle?()
    }
  }
}
