/// Lengths of time as people type and read them, in docker's words (Go's time.ParseDuration, docker/go-units).
package enum HumanDuration {
  /// Why a duration was refused, in Go's words.
  package struct ParseError: Error, Equatable, Sendable {
    package var reason: String
  }

  /// Nanoseconds of `1h30m`, `10s`, `-1.5h`, `300ms` or `0`.
  package static func parse(_ text: String) throws(ParseError) -> Int64 {
    let invalid = ParseError(reason: "time: invalid duration \(goQuoted(text))")
    var rest = text.utf8[...]
    var negative = false
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      negative = sign == UInt8(ascii: "-")
      rest.removeFirst()
    }
    if rest.elementsEqual("0".utf8) { return 0 }
    guard !rest.isEmpty else { throw invalid }
    var total: Double = 0
    while !rest.isEmpty {
      let number = rest.prefix { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
      guard !number.isEmpty, let value = decimal(number) else { throw invalid }
      rest = rest.dropFirst(number.count)
      let unit = rest.prefix { !(0x30...0x39).contains($0) && $0 != UInt8(ascii: ".") }
      guard !unit.isEmpty else { throw ParseError(reason: "time: missing unit in duration \(goQuoted(text))") }
      guard let scale = nanoseconds(of: String(Substring(unit))) else {
        throw ParseError(
          reason: "time: unknown unit \(goQuoted(String(Substring(unit)))) in duration \(goQuoted(text))")
      }
      total += value * scale
      guard total < 9.2e18 else { throw invalid }
      rest = rest.dropFirst(unit.count)
    }
    return Int64((negative ? -total : total).rounded())
  }

  /// A length of time in one unit, as `ps` and `images` say it: "2 weeks", "About an hour". `nanoseconds` may not be
  /// negative; what lies in the future counts as nothing (clock jumps).
  package static func text(nanoseconds: Int64) -> String {
    let seconds = max(0, nanoseconds) / 1_000_000_000
    if seconds < 1 { return "Less than a second" }
    if seconds == 1 { return "1 second" }
    if seconds < 60 { return "\(seconds) seconds" }
    let minutes = seconds / 60
    if minutes == 1 { return "About a minute" }
    if minutes < 60 { return "\(minutes) minutes" }
    let hours = (seconds + 1800) / 3600
    if hours == 1 { return "About an hour" }
    if hours < 48 { return "\(hours) hours" }
    if hours < 24 * 7 * 2 { return "\(hours / 24) days" }
    if hours < 24 * 30 * 2 { return "\(hours / 24 / 7) weeks" }
    if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
    return "\(seconds / 3600 / 24 / 365) years"
  }

  /// "2 weeks ago" as of `now`.
  package static func ago(_ moment: Timestamp, now: Timestamp) -> String {
    text(nanoseconds: now.nanoseconds.subtractingReportingOverflow(moment.nanoseconds).partialValue) + " ago"
  }

  private static func decimal(_ digits: Substring.UTF8View) -> Double? {
    guard digits.contains(where: { $0 != UInt8(ascii: ".") }) else { return nil }
    return Double("0" + String(Substring(digits)) + (digits.last == UInt8(ascii: ".") ? "0" : ""))
  }

  private static func nanoseconds(of unit: String) -> Double? {
    switch unit {
    case "ns": 1
    case "us", "µs", "μs": 1e3
    case "ms": 1e6
    case "s": 1e9
    case "m": 60e9
    case "h": 3600e9
    default: nil
    }
  }
}
