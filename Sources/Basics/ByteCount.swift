/// Sizes as people type and read them, in docker's words (docker/go-units).
package enum ByteCount {
  /// Why a size was refused.
  package struct ParseError: Error, Equatable, Sendable {
    package var reason: String
  }

  /// Bytes of a size such as `64m`, `1.5g`, `512`, `10 KiB`; letters are binary multiples whatever their case.
  package static func parse(_ text: String) throws(ParseError) -> Int64 {
    let bytes = Array(text.utf8)
    guard let last = bytes.lastIndex(where: { isDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: " ") })
    else { throw ParseError(reason: "invalid size: '\(text)'") }
    let digits = bytes[last] == UInt8(ascii: " ") ? bytes[..<last] : bytes[...last]
    let suffix = String(decoding: bytes[(last + 1)...], as: UTF8.self).lowercased()
    guard let number = decimal(digits), number.isFinite else { throw ParseError(reason: "invalid size: '\(text)'") }
    guard let multiplier = multiplier(of: suffix) else { throw ParseError(reason: "invalid suffix: '\(suffix)'") }
    let total = number * multiplier
    guard total < 9_223_372_036_854_774_784 else { throw ParseError(reason: "size is too large: '\(text)'") }
    return Int64(total)
  }

  /// A size in powers of a thousand, as docker's lists show it: `4.26MB`. `digits` are significant ones.
  package static func decimalText(_ bytes: Int64, digits: Int = 4) -> String {
    scaled(bytes, base: 1000, units: ["B", "kB", "MB", "GB", "TB", "PB", "EB"], digits: digits)
  }

  /// A size in powers of 1024, as limits and statistics show it: `64MiB`.
  package static func binaryText(_ bytes: Int64) -> String {
    scaled(bytes, base: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], digits: 4)
  }

  /// go-units prints `1e+03MB` for what rounds up to the next unit; here the next unit is used.
  private static func scaled(_ bytes: Int64, base: Double, units: [String], digits: Int) -> String {
    var value = Double(bytes)
    var unit = 0
    while abs(value) >= base, unit + 1 < units.count {
      value /= base
      unit += 1
    }
    var text = significant(value, digits)
    if base == 1000, text == "1000" || text == "-1000", unit + 1 < units.count {
      text = text == "1000" ? "1" : "-1"
      unit += 1
    }
    return text + units[unit]
  }

  /// `value` below 1024 with that many significant digits and no trailing zeros (C's %g without its exponent form).
  private static func significant(_ value: Double, _ digits: Int) -> String {
    let whole = abs(value)
    let wholeDigits = whole < 1 ? 0 : whole < 10 ? 1 : whole < 100 ? 2 : whole < 1000 ? 3 : 4
    let places = max(0, digits - max(wholeDigits, 1))
    var scale: Double = 1
    for _ in 0..<places { scale *= 10 }
    let rounded = (whole * scale).rounded(.toNearestOrEven)
    let integer = Int64(rounded / scale)
    var fraction = Int64(rounded) - integer * Int64(scale)
    var text = (value < 0 ? "-" : "") + String(integer)
    guard fraction > 0 else { return text }
    var width = places
    while fraction % 10 == 0 {
      fraction /= 10
      width -= 1
    }
    let tail = String(fraction)
    text += "." + String(repeating: "0", count: width - tail.utf8.count) + tail
    return text
  }

  private static func multiplier(of suffix: String) -> Double? {
    let letters = Array(suffix.utf8)
    guard let first = letters.first else { return 1 }
    guard letters.count <= 3 else { return nil }
    if first == UInt8(ascii: "b") { return letters.count == 1 ? 1 : nil }
    guard let power = [UInt8]("kmgtp".utf8).firstIndex(of: first) else { return nil }
    let rest = String(decoding: letters.dropFirst(), as: UTF8.self)
    guard rest.isEmpty || rest == "b" || rest == "ib" else { return nil }
    return Double(UInt64(1) << (10 * UInt64(power + 1)))
  }

  /// Digits with at most one point; nil for anything else.
  private static func decimal(_ digits: ArraySlice<UInt8>) -> Double? {
    guard digits.contains(where: isDigit),
      digits.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }),
      digits.count(where: { $0 == UInt8(ascii: ".") }) <= 1
    else { return nil }
    var text = String(decoding: digits, as: UTF8.self)
    if text.hasPrefix(".") { text = "0" + text }
    if text.hasSuffix(".") { text += "0" }
    return Double(text)
  }
}

private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
