internal import Glibc

/// A moment of wall-clock time in nanoseconds since the Unix epoch: what records, logs and images are stamped with.
/// Waits and time-outs use `MonotonicClock`, never this (SECURITY F12).
package struct Timestamp: Hashable, Comparable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
  package init(seconds: Int64) {
    self.nanoseconds = seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue
  }

  package static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }

  /// The wall clock, as late in the program as possible: output that must reproduce takes a time as an argument.
  package static var now: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// Whole seconds since the epoch, rounded down.
  package var seconds: Int64 {
    let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return remainder < 0 ? quotient - 1 : quotient
  }

  /// RFC 3339 in UTC as Go's RFC3339Nano prints it: trailing zeros of the fraction are dropped, `Z` ends it.
  package var rfc3339: String { rfc3339(dropZeros: true) }

  /// RFC 3339 in UTC with all nine digits of the fraction, as docker's logs have it.
  package var rfc3339Nine: String { rfc3339(dropZeros: false) }

  /// The zero time of Go, which docker's inspect shows for what has not happened.
  package static let goZero = "0001-01-01T00:00:00Z"

  private func rfc3339(dropZeros: Bool) -> String {
    let (year, month, day) = civilDate(days: seconds.dividedDown(by: 86_400))
    let second = seconds - seconds.dividedDown(by: 86_400) * 86_400
    var text: [UInt8] = []
    text.reserveCapacity(32)
    appendPadded(year, 4, &text)
    text.append(UInt8(ascii: "-"))
    appendPadded(month, 2, &text)
    text.append(UInt8(ascii: "-"))
    appendPadded(day, 2, &text)
    text.append(UInt8(ascii: "T"))
    appendPadded(second / 3600, 2, &text)
    text.append(UInt8(ascii: ":"))
    appendPadded(second / 60 % 60, 2, &text)
    text.append(UInt8(ascii: ":"))
    appendPadded(second % 60, 2, &text)
    let fraction = nanoseconds - seconds * 1_000_000_000
    if fraction > 0 || !dropZeros {
      text.append(UInt8(ascii: "."))
      appendPadded(fraction, 9, &text)
      while dropZeros, text.last == UInt8(ascii: "0") { text.removeLast() }
    }
    text.append(UInt8(ascii: "Z"))
    return String(decoding: text, as: UTF8.self)
  }

  /// Parses RFC 3339 with any fraction and offset; nil when it is something else.
  package init?(rfc3339 text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] | 0x20 == 0x74, bytes[13] == 0x3A,
      bytes[16] == 0x3A, let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
      let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]),
      let second = number(bytes[17..<19]), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
      second < 61
    else { return nil }
    var position = 19
    var fraction: Int64 = 0
    if bytes[position] == UInt8(ascii: ".") {
      var unit: Int64 = 100_000_000
      position += 1
      let start = position
      while position < bytes.count, let digit = number(bytes[position..<position + 1]) {
        fraction += digit * unit
        unit /= 10
        position += 1
      }
      guard position > start else { return nil }
    }
    guard position < bytes.count, let offset = Self.offset(bytes[position...]) else { return nil }
    let total = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    guard total.magnitude < 9_000_000_000 else { return nil }
    self.init(nanoseconds: total * 1_000_000_000 + fraction)
  }

  /// Seconds east of UTC of `Z` or `+hh:mm`.
  private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
    guard let first = bytes.first else { return nil }
    if first | 0x20 == UInt8(ascii: "z") { return bytes.count == 1 ? 0 : nil }
    let start = bytes.startIndex
    guard bytes.count == 6, first == UInt8(ascii: "+") || first == UInt8(ascii: "-"),
      let hours = number(bytes[start + 1..<start + 3]), bytes[start + 3] == UInt8(ascii: ":"),
      let minutes = number(bytes[start + 4..<start + 6]), hours < 24, minutes < 60
    else { return nil }
    return (first == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60)
  }
}

/// Time for waits and time-outs: never jumps. Nanoseconds since an arbitrary moment of this boot (CLOCK_MONOTONIC).
package enum MonotonicClock {
  package static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

extension Int64 {
  fileprivate func dividedDown(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

private func number(_ digits: ArraySlice<UInt8>) -> Int64? {
  var result: Int64 = 0
  for byte in digits {
    guard (0x30...0x39).contains(byte) else { return nil }
    result = result * 10 + Int64(byte - 0x30)
  }
  return result
}

private func appendPadded(_ value: Int64, _ width: Int, _ text: inout [UInt8]) {
  var divisor: Int64 = 1
  for _ in 1..<width { divisor *= 10 }
  while divisor > 0 {
    text.append(0x30 + UInt8(value / divisor % 10))
    divisor /= 10
  }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (the era algorithm of H. Hinnant).
private func days(year: Int64, month: Int64, day: Int64) -> Int64 {
  let y = month <= 2 ? year - 1 : year
  let era = y.dividedDown(by: 400)
  let yearOfEra = y - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

private func civilDate(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let z = days + 719_468
  let era = z.dividedDown(by: 146_097)
  let dayOfEra = z - era * 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let m = (5 * dayOfYear + 2) / 153
  let month = m < 10 ? m + 3 : m - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * m + 2) / 5 + 1)
}
