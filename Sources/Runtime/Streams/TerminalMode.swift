package import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Size of a terminal in characters.
package struct WindowSize: Equatable, Sendable {
  package var rows: UInt16
  package var columns: UInt16

  package init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }

  /// The size of the terminal behind a descriptor; nil when it is none or does not know its size.
  package init?(of descriptor: Int32) {
    var (rows, columns): (UInt16, UInt16) = (0, 0)
    guard dhow_window_size(descriptor, &rows, &columns) == 0, rows > 0, columns > 0 else { return nil }
    self.init(rows: rows, columns: columns)
  }

  func apply(to terminal: Int32) { _ = dhow_set_window_size(terminal, columns, rows) }
}

/// The caller's terminal in raw mode: every key reaches the container. The mode found is restored when this value goes,
/// and by the event loops that hold it on every signal that ends us.
package final class RawTerminal {
  private let descriptor: Int32
  private var saved: termios
  private var isRaw = true

  /// Nil when the descriptor is no terminal.
  /// - Throws: `EngineError` when the terminal refuses the mode.
  package init?(_ descriptor: Int32) throws(EngineError) {
    saved = termios()
    self.descriptor = descriptor
    guard tcgetattr(descriptor, &saved) == 0 else { return nil }
    var raw = saved
    cfmakeraw(&raw)
    guard Self.set(descriptor, &raw) else {
      isRaw = false
      throw SystemError("tcsetattr").engineError("putting the terminal into raw mode")
    }
  }

  deinit { restore() }

  /// Gives the terminal its old mode back; safe to call again.
  package func restore() {
    guard isRaw else { return }
    isRaw = false
    _ = Self.set(descriptor, &saved)
  }

  /// Restores the mode and begins a new line: what was left stays on its own.
  func leave() {
    restore()
    _ = write(descriptor, "\n", 1)
  }

  /// Back to raw mode after `restore`, for a process that was stopped and continued.
  func makeRawAgain() {
    guard !isRaw else { return }
    var raw = saved
    cfmakeraw(&raw)
    isRaw = Self.set(descriptor, &raw)
  }

  /// SIGTTOU would stop a process in the background that sets the mode; blocked, the call is carried out
  /// (tcsetattr(3p)).
  private static func set(_ descriptor: Int32, _ mode: inout termios) -> Bool {
    var old = sigset_t()
    var blocked = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGTTOU)
    pthread_sigmask(SIG_BLOCK, &blocked, &old)
    defer { pthread_sigmask(SIG_SETMASK, &old, nil) }
    while tcsetattr(descriptor, TCSADRAIN, &mode) != 0 { if errno != EINTR { return false } }
    return true
  }
}
