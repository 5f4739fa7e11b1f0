internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Storage

/// A container that stands still for as long as this value lives. A process of its own lets it go on, also when this one
/// is killed: nobody finds a container paused whom nobody paused.
final class PauseHold {
  private let guardian: Int32
  private let doing: String
  /// Closed by our end, whatever it is.
  private var line: Int32

  /// - Parameters:
  ///   - release: lets the container go on.
  ///   - hold: makes it stand still; runs here, after the guardian is there.
  init(
    doing: String, release: () throws(EngineError) -> Void, hold: () throws(EngineError) -> Void
  ) throws(EngineError) {
    self.doing = doing
    let started = try during(doing) {
      let ends = try File.pipe()
      let pid = try Spawn.fork()
      if pid == 0 { PauseHold.wait(for: ends, then: release) }
      close(ends.read)
      return (pid, ends.write)
    }
    (guardian, line) = started
    // Of a hold that fails half-way the guardian undoes the half.
    try hold()
  }

  deinit {
    guard line >= 0 else { return }
    close(line)
    // The error that ended the work is the one to tell of; a guardian that failed too has said so itself.
    _ = try? Spawn.wait(guardian)
  }

  /// Lets the container go on now.
  /// - Throws: when it could not be.
  func release() throws(EngineError) {
    close(line)
    line = -1
    let end = try during(doing) { try Spawn.wait(guardian) }
    guard case .exited(0) = end else {
      throw EngineError(
        .internal, doing, "the container could not be made to go on", hint: "dhow unpause CONTAINER")
    }
  }

  /// The guardian.
  private static func wait(for ends: (read: Int32, write: Int32), then release: () throws(EngineError) -> Void) -> Never
  {
    close(ends.write)
    // Meant for the command; its end is what counts here.
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE] { signal(number, SIG_IGN) }
    var byte: UInt8 = 0
    while read(ends.read, &byte, 1) < 0, errno == EINTR {}
    do throws(EngineError) {
      try release()
      _exit(0)
    } catch {
      Log.note("\(error.doing): \(error.reason)")
      _exit(1)
    }
  }
}
