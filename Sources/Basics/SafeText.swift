/// Text from outside made safe to show on a terminal: control characters, escape sequences and bidirectional overrides
/// appear visibly escaped (`\x1b`, `\u{202E}`), so that a label or a registry's error cannot drive the terminal
/// (SECURITY B13). Newline and tab are escaped as well: a table cell is one line.
package func safeText(_ text: String) -> String {
  var plain = text
  if plain.withUTF8({ $0.allSatisfy { (0x20..<0x7F).contains($0) } }) { return text }
  guard text.unicodeScalars.contains(where: isUnsafeToShow) else { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    guard isUnsafeToShow(scalar) else {
      result.unicodeScalars.append(scalar)
      continue
    }
    switch scalar {
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case "\r": result += "\\r"
    case _ where scalar.value < 0x80: result += "\\x" + hexText([UInt8(scalar.value)])
    default: result += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
    }
  }
  return result
}

private func isUnsafeToShow(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0..<0x20, 0x7F..<0xA0: true
  // Marks, embeddings, overrides and isolates of bidirectional text; line and paragraph separators; the byte order mark.
  case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
  default: false
  }
}
