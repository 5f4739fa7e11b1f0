internal import Basics

/// Readers of plain values with the words Go's strconv has for what it refuses, since docker shows those.

/// Go's strconv.ParseBool.
package func parseBool(_ text: String) throws(FlagValueError) -> Bool {
  switch text {
  case "1", "t", "T", "TRUE", "true", "True": true
  case "0", "f", "F", "FALSE", "false", "False": false
  default: throw FlagValueError("strconv.ParseBool: parsing \(goQuoted(text)): invalid syntax")
  }
}

/// Go's strconv.ParseInt with base 0 and 64 bits: a sign, then decimal, 0x, 0o, 0b or 0-octal digits.
package func parseInteger(_ text: String) throws(FlagValueError) -> Int64 {
  let negative = text.hasPrefix("-")
  let digits = negative || text.hasPrefix("+") ? text.dropFirst() : text[...]
  let magnitude = try parseMagnitude(digits, of: text, "ParseInt")
  let limit = negative ? UInt64(Int64.max) + 1 : UInt64(Int64.max)
  guard magnitude <= limit else {
    throw FlagValueError("strconv.ParseInt: parsing \(goQuoted(text)): value out of range")
  }
  return negative ? Int64(truncatingIfNeeded: 0 &- magnitude) : Int64(magnitude)
}

/// Go's strconv.ParseUint with base 0 and `bits` bits.
package func parseUnsigned(_ text: String, bits: Int = 64) throws(FlagValueError) -> UInt64 {
  let value = try parseMagnitude(text[...], of: text, "ParseUint")
  guard bits == 64 || value < UInt64(1) << UInt64(bits) else {
    throw FlagValueError("strconv.ParseUint: parsing \(goQuoted(text)): value out of range")
  }
  return value
}

package func parseBytes(_ text: String) throws(FlagValueError) -> Int64 {
  do {
    return try ByteCount.parse(text)
  } catch {
    throw FlagValueError(error.reason)
  }
}

package func parseDuration(_ text: String) throws(FlagValueError) -> Int64 {
  do {
    return try HumanDuration.parse(text)
  } catch {
    throw FlagValueError(error.reason)
  }
}

private func parseMagnitude(_ digits: Substring, of text: String, _ function: String) throws(FlagValueError) -> UInt64 {
  var bytes = digits.utf8[...]
  var radix: UInt64 = 10
  if bytes.count > 1, bytes.first == UInt8(ascii: "0") {
    bytes.removeFirst()
    switch bytes[bytes.startIndex] | 0x20 {
    case UInt8(ascii: "x"): radix = 16
    case UInt8(ascii: "o"): radix = 8
    case UInt8(ascii: "b"): radix = 2
    default: radix = 8
    }
    if bytes[bytes.startIndex] > UInt8(ascii: "9"), bytes[bytes.startIndex] != UInt8(ascii: "_") { bytes.removeFirst() }
  }
  guard !bytes.isEmpty else { throw FlagValueError("strconv.\(function): parsing \(goQuoted(text)): invalid syntax") }
  var value: UInt64 = 0
  for byte in bytes {
    if byte == UInt8(ascii: "_"), radix != 10 { continue }
    guard let digit = hexDigitValue(byte), UInt64(digit) < radix else {
      throw FlagValueError("strconv.\(function): parsing \(goQuoted(text)): invalid syntax")
    }
    let (product, overflow) = value.multipliedReportingOverflow(by: radix)
    let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
    guard !overflow, !carry else {
      throw FlagValueError("strconv.\(function): parsing \(goQuoted(text)): value out of range")
    }
    value = sum
  }
  return value
}
