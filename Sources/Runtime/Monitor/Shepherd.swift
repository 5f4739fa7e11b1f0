package import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Two promises of a container in the foreground meet when its output goes into a pipe: the process the caller started
/// is the container's monitor, with whom it lives and dies; and when the pipe's reader goes (`| head`), the pipeline
/// ends although the container runs on. A process that is waited for can only do the second by ending, so with a pipe
/// on stdout, and only then, the monitor is a child and the process the caller knows waits for it: it passes signals
/// on, exits as the monitor does, takes the monitor with it when it is killed, and is let go alone when the reader has
/// gone.
package final class Shepherd {
  private var report: OwnedDescriptor?
  private static let released = UInt8(ascii: "r")
  /// What a shell reports of a program that SIGPIPE has ended.
  private static let releasedCode: Int32 = 128 + 13

  private let parent: Int32

  private init(report: consuming OwnedDescriptor, parent: Int32) {
    self.parent = parent
    self.report = consume report
  }

  /// Whether stdout is a pipe.
  package static var isNeeded: Bool {
    var status = stat()
    return fstat(STDOUT_FILENO, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  /// To be called right before the `Monitor` of a foreground container is made, in its user namespace. It forks: what
  /// follows runs in the child, and the caller's process never returns from here. It keeps no descriptor but its stdio.
  /// - Returns: what `LocalClient.shepherd` takes.
  package static func start() throws(EngineError) -> Shepherd {
    do throws(SystemError) {
      let report = try File.pipe()
      let parent = getpid()
      // Held back before the fork: none may be lost between the two.
      var mask = Signals.bit(SIGPIPE)
      for signal in Signals.proxied { mask |= Signals.bit(signal) }
      try systemCall("sigprocmask") { dhow_block_signals(mask) }
      // What can fail fails before the fork: afterwards nobody could be told.
      let signals = try systemCall("signalfd") { dhow_signalfd(mask) }
      let monitor = try systemCall("fork") { dhow_fork() }
      if monitor > 0 { tend(monitor, report: report, signals) }
      close(report.read)
      close(signals)
      let shepherd = Shepherd(report: OwnedDescriptor(owning: report.write), parent: parent)
      try shepherd.bind()
      return shepherd
    } catch { throw error.engineError("starting the container's monitor") }
  }

  /// When the caller's process is killed, the monitor is, and with it the container (prctl(2), PR_SET_PDEATHSIG). To be
  /// called again after a change of user namespace, which the kernel forgets it by.
  func bind() throws(SystemError) {
    try systemCall("prctl") { dhow_prctl(1, UInt(SIGKILL), 0) }
    if report != nil, getppid() != parent { _exit(1) }
  }

  /// Lets the caller's process end alone; this one goes on in a session of its own with /dev/null as stdio.
  func release() {
    guard let descriptor = report.take()?.take() else { return }
    _ = dhow_prctl(1, 0, 0)
    setsid()
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    for standard in 0...2 as ClosedRange<Int32> { dup2(null, standard) }
    if null > 2 { close(null) }
    var word = Self.released
    _ = write(descriptor, &word, 1)
    close(descriptor)
  }

  /// The caller's process: waits for the monitor.
  private static func tend(_ monitor: Int32, report: (read: Int32, write: Int32), _ signals: Int32) -> Never {
    // Locks of files live as long as any copy of their descriptor; this process may keep none.
    let kept = [report.read, signals].sorted()
    _ = dhow_close_range(3, UInt32(kept[0] - 1))
    if kept[1] > kept[0] + 1 { _ = dhow_close_range(UInt32(kept[0] + 1), UInt32(kept[1] - 1)) }
    _ = dhow_close_range(UInt32(kept[1] + 1), .max)
    dhow_trim_memory()
    while true {
      var wanted = (
        pollfd(fd: report.read, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
      )
      let ready = withUnsafeMutablePointer(to: &wanted) {
        poll(UnsafeMutableRawPointer($0).assumingMemoryBound(to: pollfd.self), 2, -1)
      }
      if ready > 0, wanted.1.revents != 0 { pass(signals, to: monitor) }
      if ready > 0, wanted.0.revents != 0 { end(monitor, report.read) }
    }
  }

  private static func pass(_ signals: Int32, to monitor: Int32) {
    var origin: Int32 = 0
    while true {
      let signal = dhow_read_signal(signals, &origin)
      if signal < 0 { return }
      // What the terminal sends to its process group (SI_KERNEL) has reached the monitor as well.
      if signal != SIGPIPE, origin != 0x80 { kill(monitor, signal) }
    }
  }

  private static func end(_ monitor: Int32, _ report: Int32) -> Never {
    var word: UInt8 = 0
    if read(report, &word, 1) == 1, word == released { _exit(releasedCode) }
    var status: Int32 = 0
    while waitpid(monitor, &status, 0) < 0, errno == EINTR {}
    _exit(ExitStatus(waitStatus: status, finishedAt: .now).code)
  }
}
