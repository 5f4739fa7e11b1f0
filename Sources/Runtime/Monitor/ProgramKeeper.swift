package import Basics
internal import Glibc
internal import LinuxKernel

/// What a monitor asks when a program has ended: whether and when it is to be started again, and to do it. The monitor's
/// process, its lock, its socket and its log stay the same over all runs.
package struct ProgramKeeper {
  /// An attempt to start the program again.
  package enum Attempt: ~Copyable {
    case started(LaunchedProcess)
    /// Not now: after so many nanoseconds.
    case later(Int64)
    /// It could not be started; counts as an end of its own.
    case failed(ExitStatus)
    /// It is not to be started any more.
    case over
  }

  /// Called after each end, with all output passed on. Nanoseconds until the next start, nil for the last end.
  package var delay: (ExitStatus) -> Int64?
  /// Starts the program with these descriptors as its stdin, stdout and stderr (-1 with a terminal).
  package var start: ((stdin: Int32, stdout: Int32, stderr: Int32)) -> Attempt

  package init(
    delay: @escaping (ExitStatus) -> Int64?,
    start: @escaping ((stdin: Int32, stdout: Int32, stderr: Int32)) -> Attempt
  ) {
    self.delay = delay
    self.start = start
  }

  /// What came of the next run.
  enum Next: ~Copyable {
    case process(LaunchedProcess)
    case failure(ExitStatus)
  }

  /// Waits and starts the program again; nil when it is not to be started any more.
  func again(after nanoseconds: Int64, in monitor: Monitor) throws(SystemError) -> Next? {
    var wait = nanoseconds
    while true {
      try monitor.serve(nanoseconds: wait)
      if monitor.isToEnd { return nil }
      try monitor.renewStreams()
      switch start(monitor.childDescriptors) {
      case .started(let process): return .process(process)
      case .later(let nanoseconds): wait = nanoseconds
      case .failed(let status): return .failure(status)
      case .over: return nil
      }
    }
  }
}
