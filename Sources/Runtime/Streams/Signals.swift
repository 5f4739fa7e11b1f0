internal import Basics
internal import Glibc

/// Signal names and numbers as people write them: `SIGHUP`, `HUP`, `hup`, `1`, `SIGRTMIN+3`, `RTMAX-1`.
package enum Signals {
  /// The number of a name or number; nil when there is no such signal. Case does not matter.
  package static func number(_ text: String) -> Int32? { SignalName.number(of: text) }

  /// `SIGTERM` for 15; the number itself where there is no name.
  package static func name(_ number: Int32) -> String {
    SignalName.name(of: number).map { "SIG" + $0 } ?? String(number)
  }

  /// The bit of a signal in the masks of `CLinux`.
  static func bit(_ number: Int32) -> UInt64 { 1 << UInt64(number - 1) }

  /// What a command in the foreground passes on to its container: everything but what cannot be caught, what the kernel
  /// raises for our own faults, our own children, SIGPIPE of our own output, and the two by which the shell's job
  /// control stops a background job that uses the terminal.
  static let proxied: [Int32] = [
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCONT, SIGTSTP, SIGWINCH, SIGIO, SIGPWR, SIGVTALRM,
    SIGPROF, SIGXCPU,
  ]
}
