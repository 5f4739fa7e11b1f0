/// Names and numbers of Linux signals (signal(7)); the numbers are those of x86_64 and aarch64.
package enum SignalName {
  /// 34 is the first real-time signal that glibc leaves to programs.
  private static let firstRealTime: Int32 = 34
  private static let lastRealTime: Int32 = 64

  private static let numbers: [(name: String, number: Int32)] = [
    ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ILL", 4), ("TRAP", 5), ("ABRT", 6), ("IOT", 6), ("BUS", 7), ("FPE", 8),
    ("KILL", 9), ("USR1", 10), ("SEGV", 11), ("USR2", 12), ("PIPE", 13), ("ALRM", 14), ("TERM", 15), ("STKFLT", 16),
    ("CHLD", 17), ("CLD", 17), ("CONT", 18), ("STOP", 19), ("TSTP", 20), ("TTIN", 21), ("TTOU", 22), ("URG", 23),
    ("XCPU", 24), ("XFSZ", 25), ("VTALRM", 26), ("PROF", 27), ("WINCH", 28), ("IO", 29), ("POLL", 29), ("PWR", 30),
    ("SYS", 31), ("UNUSED", 31),
  ]

  /// The number of `TERM`, `SIGTERM`, `sigterm`, `RTMIN+3`, `RTMAX-1` or `15`; nil for what is no signal.
  package static func number(of text: String) -> Int32? {
    if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      guard let number = Int32(text), (1...lastRealTime).contains(number) else { return nil }
      return number
    }
    let upper = text.uppercased()
    let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
    if let known = numbers.first(where: { $0.name == name }) { return known.number }
    if name.hasPrefix("RTMIN") { return realTime(name.dropFirst(5), sign: "+", from: firstRealTime) }
    if name.hasPrefix("RTMAX") { return realTime(name.dropFirst(5), sign: "-", from: lastRealTime) }
    return nil
  }

  /// The name of a signal without SIG, nil for a number that has none.
  package static func name(of number: Int32) -> String? {
    if let known = numbers.first(where: { $0.number == number }) { return known.name }
    guard (firstRealTime...lastRealTime).contains(number) else { return nil }
    return number == firstRealTime ? "RTMIN" : "RTMIN+\(number - firstRealTime)"
  }

  private static func realTime(_ rest: Substring, sign: Character, from base: Int32) -> Int32? {
    guard let first = rest.first else { return base }
    guard first == sign, let offset = Int32(rest.dropFirst()), offset >= 0 else { return nil }
    let number = sign == "+" ? base + min(offset, 64) : base - min(offset, 64)
    return (firstRealTime...lastRealTime).contains(number) ? number : nil
  }
}
