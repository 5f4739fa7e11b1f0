package import Basics
internal import CLinux

/// How a container's PID 1 ended.
package struct ExitStatus: Equatable, Sendable {
  /// The program's own exit code, or 128 + signal.
  package var code: Int32
  /// The signal that ended it, 0 when none did.
  package var signal: Int32
  package var finishedAt: Timestamp

  package init(code: Int32, signal: Int32 = 0, finishedAt: Timestamp) {
    self.code = code
    self.signal = signal
    self.finishedAt = finishedAt
  }

  /// From a status of wait(2).
  init(waitStatus status: Int32, finishedAt: Timestamp) {
    if dhow_wifsignaled(status) != 0 {
      let signal = dhow_wtermsig(status)
      self.init(code: 128 + signal, signal: signal, finishedAt: finishedAt)
    } else {
      self.init(code: dhow_wexitstatus(status), finishedAt: finishedAt)
    }
  }
}
