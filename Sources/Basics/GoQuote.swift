/// Text in double quotes as Go's `%q` writes it, which is how docker quotes what it refuses; control and unprintable
/// characters come out escaped, so that the result is safe on a terminal.
package func goQuoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case "\r": result += "\\r"
    case "\u{07}": result += "\\a"
    case "\u{08}": result += "\\b"
    case "\u{0B}": result += "\\v"
    case "\u{0C}": result += "\\f"
    default:
      if scalar.value < 0x20 || scalar.value == 0x7F {
        result += "\\x" + hexText([UInt8(scalar.value)])
      } else if scalar.value > 0x7F, safeText(String(scalar)) != String(scalar) {
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }
  return result + "\""
}
