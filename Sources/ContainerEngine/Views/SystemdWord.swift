/// Words in units of systemd.
package enum SystemdWord {
  /// A word of a command line (systemd.service(5), "COMMAND LINES").
  package static func quoted(_ word: String, keeping specifier: String? = nil) -> String {
    if let specifier, word.hasSuffix(specifier) {
      return quoted(String(word.dropLast(specifier.count))) + specifier
    }
    let text = escaped(word).replacing("$", "$$")
    let isPlain =
      !text.isEmpty
      && text.utf8.allSatisfy { byte in
        byte > 0x20 && byte < 0x7F && !"\"'\\;".utf8.contains(byte)
      }
    if isPlain { return text }
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        result += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// Specifiers begin with a percent sign (systemd.unit(5)).
  package static func escaped(_ text: String) -> String { text.replacing("%", "%%") }
}

extension String {
  fileprivate func replacing(_ character: Character, _ text: String) -> String {
    var result = ""
    for own in self { if own == character { result += text } else { result.append(own) } }
    return result
  }
}
