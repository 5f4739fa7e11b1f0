import Glibc

/// What a filter answers: the value of SECCOMP_RET_ (seccomp(2), linux/seccomp.h).
package struct SeccompAction: Hashable, Sendable {
  package var value: UInt32
  package init(value: UInt32) { self.value = value }

  package static let allow = SeccompAction(value: 0x7FFF_0000)
  package static let log = SeccompAction(value: 0x7FFC_0000)
  package static let killProcess = SeccompAction(value: 0x8000_0000)
  package static let killThread = SeccompAction(value: 0)
  package static let trap = SeccompAction(value: 0x0003_0000)
  package static func errno(_ code: UInt32) -> SeccompAction { SeccompAction(value: 0x0005_0000 | code & 0xFFFF) }
  package static func trace(_ data: UInt32) -> SeccompAction { SeccompAction(value: 0x7FF0_0000 | data & 0xFFFF) }

  package static let notPermitted = errno(UInt32(EPERM))
  package static let noSuchCall = errno(UInt32(ENOSYS))

  /// The greatest error number a filter may answer (MAX_ERRNO).
  package static let greatestErrno: UInt32 = 4095

  /// The action of an OCI name (config-linux.md, "Seccomp"); nil when we have none of that name.
  /// - Parameter data: error number or trace message; EPERM when nil, as in runc.
  package init?(ociName: String, data: UInt32?) {
    switch ociName {
    case "SCMP_ACT_ALLOW": self = .allow
    case "SCMP_ACT_LOG": self = .log
    case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": self = .killThread
    case "SCMP_ACT_KILL_PROCESS": self = .killProcess
    case "SCMP_ACT_TRAP": self = .trap
    case "SCMP_ACT_ERRNO": self = .errno(data ?? UInt32(EPERM))
    case "SCMP_ACT_TRACE": self = .trace(data ?? UInt32(EPERM))
    default: return nil
    }
  }

  /// The call is carried out.
  var isPermissive: Bool { self == .allow || self == .log }
}

/// One comparison of an argument of a call; the words are those of the OCI runtime spec.
package struct SeccompComparison: Hashable, Sendable {
  package enum Operation: String, Sendable {
    case notEqual = "SCMP_CMP_NE"
    case less = "SCMP_CMP_LT"
    case lessOrEqual = "SCMP_CMP_LE"
    case equal = "SCMP_CMP_EQ"
    case greaterOrEqual = "SCMP_CMP_GE"
    case greater = "SCMP_CMP_GT"
    /// `argument & value == valueTwo`
    case maskedEqual = "SCMP_CMP_MASKED_EQ"
  }
  /// 0 to 5.
  package var index: UInt32
  package var operation: Operation
  package var value: UInt64
  package var valueTwo: UInt64 = 0
}

/// All comparisons hold: that action.
struct SeccompCase: Hashable {
  var comparisons: [SeccompComparison]
  var action: SeccompAction
}

/// What becomes of one system call: the first case that holds, else `otherwise`.
struct SeccompVerdict: Hashable {
  var cases: [SeccompCase] = []
  var otherwise: SeccompAction

  static func always(_ action: SeccompAction) -> SeccompVerdict { SeccompVerdict(otherwise: action) }
}

/// The verdicts of one interface: each holds from `start` up to the next one's.
struct SeccompRuns {
  var interface: SyscallInterface
  /// `start` without the bit of x32, ascending from 0; `verdict` counts into the list they belong to.
  var runs: [(start: UInt32, verdict: Int)]

  init(_ interface: SyscallInterface) {
    self.interface = interface
    runs = []
  }

  /// Appends the next run, or lengthens the last one when nothing changes.
  mutating func append(_ start: UInt32, _ verdict: Int) {
    if let last = runs.last {
      if last.verdict == verdict { return }
      if last.start == start { runs.removeLast() }
      if let last = runs.last, last.verdict == verdict { return }
    }
    runs.append((start, verdict))
  }
}
