import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI

/// The operations a child carries out between clone and exec, with the memory they point into.
///
/// Built completely before the clone; `child.c` only walks it. The order of the parts is written in `init`.
struct LaunchPlan {
  let arena = PlanArena()
  private(set) var operations: [dhow_operation] = []
  /// What each operation does, for the error it may end in.
  private(set) var subjects: [String] = []
  /// /dev/shm is that of the container whose IPC namespace is joined.
  var borrowsShm = false

  mutating func add(
    _ kind: dhow_operation_kind, _ subject: @autoclosure () -> String,
    _ set: (inout dhow_operation, PlanArena) -> Void = { _, _ in }
  ) {
    var operation = dhow_operation()
    operation.kind = kind.rawValue
    operation.a = -1
    operation.b = -1
    set(&operation, arena)
    operations.append(operation)
    subjects.append(subject())
  }

  /// Closes every descriptor from 3 on that is not in `kept`.
  mutating func closeAll(except kept: [Int32]) {
    var first: UInt64 = 3
    for descriptor in Set(kept).sorted() where descriptor >= 3 {
      if UInt64(descriptor) > first { closeRange(first, UInt64(descriptor) - 1) }
      first = UInt64(descriptor) + 1
    }
    closeRange(first, UInt64(UInt32.max))
  }

  private mutating func closeRange(_ first: UInt64, _ last: UInt64) {
    add(DHOW_OP_CLOSE_RANGE, "closing descriptors") { op, _ in
      op.value = first
      op.value2 = last
    }
  }

  mutating func value(_ kind: dhow_operation_kind, _ subject: String, _ value: UInt64, _ value2: UInt64 = 0) {
    add(kind, subject) { op, _ in
      op.value = value
      op.value2 = value2
    }
  }
}

let rootSlot = Int32(DHOW_SLOT_ROOT)
let procSlot = Int32(DHOW_SLOT_PROC)
let devSlot = Int32(DHOW_SLOT_DEV)
let settingsSlot = Int32(DHOW_SLOT_SETTINGS)
let cgroupSlot = Int32(DHOW_SLOT_CGROUP)
let shmSlot = Int32(DHOW_SLOT_SHM)
let ptsSlot = Int32(DHOW_SLOT_PTS)

/// Values of statfs(2)'s f_type.
enum FileSystemMagic {
  static let proc: UInt64 = 0x9FA0
  static let tmpfs: UInt64 = 0x0102_1994
  static let devpts: UInt64 = 0x1CD1
}

/// O_PATH of open(2), which glibc's headers show only under _GNU_SOURCE: the descriptor names a file and opens nothing.
let pathOnly: Int32 = 0o10_000_000
