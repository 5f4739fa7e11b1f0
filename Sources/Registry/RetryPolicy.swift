internal import Basics
internal import Glibc

/// How often and after what pause a request is sent again (SECURITY B8): the pause doubles, with jitter, so that many
/// clients of a registry that came back do not arrive together.
package struct RetryPolicy: Sendable {
  /// Attempts of one request, the first included.
  package var attempts = 5
  /// Before the second attempt, in milliseconds.
  package var firstPause: Int64 = 250
  package var longestPause: Int64 = 8000

  package init() {}

  package init(attempts: Int, firstPause: Int64, longestPause: Int64) {
    self.attempts = attempts
    self.firstPause = firstPause
    self.longestPause = longestPause
  }

  /// Milliseconds to wait after the `failures`-th failure in a row: between half and all of the doubled pause.
  /// - Parameter random: a number of 0..<1.
  func pause(after failures: Int, random: Double) -> Int64 {
    let doublings = min(max(failures - 1, 0), 20)
    let full = min(longestPause, firstPause << Int64(doublings))
    return full / 2 + Int64(Double(full - full / 2) * random)
  }

  /// Waits before the next attempt; as long as the registry asked for when it did.
  func wait(after failures: Int, retryAfter: Int64? = nil) {
    var milliseconds = pause(after: failures, random: Double.random(in: 0..<1))
    if let retryAfter { milliseconds = max(milliseconds, retryAfter * 1000) }
    let end = MonotonicClock.now + milliseconds * 1_000_000
    while true {
      let left = (end - MonotonicClock.now) / 1_000_000
      if left <= 0 { return }
      poll(nil, 0, Int32(min(left, 60_000)))
    }
  }
}

/// What a `Retry-After` header says, in seconds from now (RFC 9110 10.2.3); nil when it is none. A date is taken as the
/// longest wait there is, since registries send seconds.
func retryAfterSeconds(_ text: String) -> Int64? {
  let digits = text.utf8.drop { $0 == 0x20 }
  guard let first = digits.first else { return nil }
  guard (0x30...0x39).contains(first) else { return .max }
  guard digits.count <= 12 else { return .max }
  return Int64(String(decoding: digits, as: UTF8.self)) ?? .max
}
