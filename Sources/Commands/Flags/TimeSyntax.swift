internal import Basics
internal import Glibc

/// Moments as docker's `--since`, `--until` and filters take them.
enum TimeSyntax {
  /// A length of time before `now` (`10m`), RFC 3339 in all its shortened forms, local when it names no zone, or seconds
  /// since the epoch with a fraction.
  static func moment(_ text: String, now: Timestamp = .now) throws(FlagValueError) -> Timestamp {
    if let nanoseconds = duration(text) {
      return Timestamp(nanoseconds: now.nanoseconds.subtractingReportingOverflow(nanoseconds).partialValue)
    }
    if let stamp = Timestamp(rfc3339: text) ?? seconds(text) ?? date(text) { return stamp }
    throw FlagValueError(
      "failed to parse \(goQuoted(text)) as a time", hint: "write 42m, 2013-01-02T13:23:37Z or 1136073600")
  }

  private static func duration(_ text: String) -> Int64? {
    // "0" is also a number of seconds; both mean what they say. Anything else that is no duration is read as a time.
    text == "0" ? nil : try? HumanDuration.parse(text)
  }

  private static func seconds(_ text: String) -> Timestamp? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let whole = Int64(parts[0]), abs(whole) < 9_000_000_000 else { return nil }
    guard parts.count == 2 else { return Timestamp(seconds: whole) }
    guard !parts[1].isEmpty, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let fraction = Int64((parts[1] + "000000000").prefix(9))
    else { return nil }
    return Timestamp(nanoseconds: whole * 1_000_000_000 + (whole < 0 ? -fraction : fraction))
  }

  /// `2006-01-02`, `2006-01-02T15`, `2006-01-02T15:04`, `2006-01-02T15:04:05[.9]`, each perhaps with `Z`.
  private static func date(_ text: String) -> Timestamp? {
    let isUTC = text.hasSuffix("Z")
    let body = Array((isUTC ? text.dropLast() : text[...]).utf8)
    let shapes = [10: "T00:00:00", 13: ":00:00", 16: ":00"]
    let whole = body.prefix { $0 != UInt8(ascii: ".") }.count
    guard let missing = whole == 19 ? "" : shapes[body.count],
      let stamp = Timestamp(rfc3339: String(decoding: body, as: UTF8.self) + missing + "Z")
    else { return nil }
    return isUTC ? stamp : inLocalZone(stamp)
  }

  /// The moment at which clocks here show what `stamp` shows in UTC.
  private static func inLocalZone(_ stamp: Timestamp) -> Timestamp? {
    var seconds = time_t(stamp.seconds)
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else { return nil }
    parts.tm_isdst = -1
    let local = mktime(&parts)
    return Timestamp(nanoseconds: Int64(local) * 1_000_000_000 + stamp.nanoseconds - stamp.seconds * 1_000_000_000)
  }
}
