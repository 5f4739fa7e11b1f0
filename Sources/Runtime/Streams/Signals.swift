internal import Glibc

/// Signal names and numbers as people write them: `SIGHUP`, `HUP`, `hup`, `1`, `SIGRTMIN+3`, `RTMAX-1`.
package enum Signals {
  /// Linux's numbers on x86_64 and aarch64 (signal(7)); of two names for one number the first is the one shown.
  private static let table: [(name: String, number: Int32)] = [
    ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ILL", 4), ("TRAP", 5), ("ABRT", 6), ("IOT", 6), ("BUS", 7), ("FPE", 8),
    ("KILL", 9), ("USR1", 10), ("SEGV", 11), ("USR2", 12), ("PIPE", 13), ("ALRM", 14), ("TERM", 15), ("STKFLT", 16),
    ("CHLD", 17), ("CLD", 17), ("CONT", 18), ("STOP", 19), ("TSTP", 20), ("TTIN", 21), ("TTOU", 22), ("URG", 23),
    ("XCPU", 24), ("XFSZ", 25), ("VTALRM", 26), ("PROF", 27), ("WINCH", 28), ("IO", 29), ("POLL", 29), ("PWR", 30),
    ("SYS", 31), ("UNUSED", 31),
  ]
  /// The first and last real-time signal programs may use: glibc keeps 32 and 33 for itself.
  private static let realTime: ClosedRange<Int32> = 34...64

  /// The number of a name or number; nil when there is no such signal. Case does not matter.
  package static func number(_ text: String) -> Int32? {
    if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
    var name = text.uppercased()
    if name.hasPrefix("SIG") { name.removeFirst(3) }
    if let entry = table.first(where: { $0.name == name }) { return entry.number }
    if name.hasPrefix("RTMIN") { return realTime(base: realTime.lowerBound, name.dropFirst(5), sign: "+") }
    if name.hasPrefix("RTMAX") { return realTime(base: realTime.upperBound, name.dropFirst(5), sign: "-") }
    return nil
  }

  private static func realTime(base: Int32, _ rest: Substring, sign: Character) -> Int32? {
    if rest.isEmpty { return base }
    guard rest.first == sign, let offset = Int32(rest.dropFirst()), (0...30).contains(offset) else { return nil }
    let number = sign == "+" ? base + offset : base - offset
    return realTime.contains(number) ? number : nil
  }

  /// `SIGTERM` for 15; the number itself where there is no name.
  package static func name(_ number: Int32) -> String {
    if let entry = table.first(where: { $0.number == number }) { return "SIG" + entry.name }
    guard realTime.contains(number) else { return String(number) }
    return number == realTime.lowerBound ? "SIGRTMIN" : "SIGRTMIN+\(number - realTime.lowerBound)"
  }

  /// Every name, for completion and hints, in the order of the numbers.
  package static var names: [String] { table.map { "SIG" + $0.name } }

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
