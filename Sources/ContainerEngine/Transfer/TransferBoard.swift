internal import CLinux
internal import Glibc
internal import LinuxKernel
internal import Synchronization

/// How far each worker process is: memory that they share with their parent, who looks at it now and then. A worker tells
/// nothing over a pipe while bytes flow, and costs no system call.
final class TransferBoard {
  private let slots: UnsafeMutablePointer<Slot>
  private let count: Int

  fileprivate struct Slot: ~Copyable {
    let phase = Atomic<Int64>(TransferPhase.preparing.rawValue)
    let current = Atomic<Int64>(0)
    let total = Atomic<Int64>(0)
  }

  /// A worker's own place on the board.
  struct Writer {
    fileprivate let slot: UnsafeMutablePointer<Slot>

    func set(_ phase: TransferPhase) { slot.pointee.phase.store(phase.rawValue, ordering: .relaxed) }
    func set(current: Int64) { slot.pointee.current.store(current, ordering: .relaxed) }
    func set(total: Int64) { slot.pointee.total.store(total, ordering: .relaxed) }
  }

  init(count: Int) throws(SystemError) {
    self.count = max(count, 1)
    let size = self.count * MemoryLayout<Slot>.stride
    guard
      let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED
    else { throw SystemError("mmap") }
    slots = memory.bindMemory(to: Slot.self, capacity: self.count)
    for index in 0..<self.count { (slots + index).initialize(to: Slot()) }
  }

  deinit { munmap(slots, count * MemoryLayout<Slot>.stride) }

  func writer(_ index: Int) -> Writer {
    precondition(index < count, "a slot of the board")
    return Writer(slot: slots + index)
  }

  /// What a slot says. A worker that was cut off in the middle of a change leaves nothing worse than an old number.
  func read(_ index: Int, id: String) -> TransferItem {
    precondition(index < count, "a slot of the board")
    let slot = slots + index
    return TransferItem(
      id: id, phase: TransferPhase(rawValue: slot.pointee.phase.load(ordering: .relaxed)) ?? .preparing,
      current: slot.pointee.current.load(ordering: .relaxed), total: slot.pointee.total.load(ordering: .relaxed))
  }
}
