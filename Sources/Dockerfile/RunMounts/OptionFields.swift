internal import Basics

/// `key=value,key,…` of `--mount` and `--device`: a line of comma-separated values, whose fields may be quoted (RFC
/// 4180).
struct OptionFields {
  var fields: [(key: String, value: String?, text: String)] = []

  init(parsing text: String, flag: String) throws(BuildDiagnostic) {
    for field in try Self.separated(text, flag: flag) {
      let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      fields.append(
        (key: String(parts[0]).lowercased(), value: parts.count == 2 ? String(parts[1]) : nil, text: field))
    }
    guard fields.count <= DockerfileLimits.optionFields else {
      throw BuildDiagnostic("--\(flag) has more than \(DockerfileLimits.optionFields) fields", word: "--" + flag)
    }
  }

  private static func separated(_ text: String, flag: String) throws(BuildDiagnostic) -> [String] {
    var fields: [String] = []
    var scalars = text.unicodeScalars[...]
    while true {
      var field = String.UnicodeScalarView()
      if scalars.first == "\"" {
        scalars.removeFirst()
        var closed = false
        while let scalar = scalars.popFirst() {
          if scalar != "\"" {
            field.append(scalar)
          } else if scalars.first == "\"" {
            scalars.removeFirst()
            field.append("\"")
          } else {
            closed = true
            break
          }
        }
        guard closed, scalars.isEmpty || scalars.first == "," else {
          throw BuildDiagnostic("--\(flag): a quote is not closed at the end of a field", word: "--" + flag)
        }
      } else {
        while let scalar = scalars.first, scalar != "," {
          guard scalar != "\"" else {
            throw BuildDiagnostic("--\(flag): a quote stands within a field that has none around", word: "--" + flag)
          }
          field.append(scalar)
          scalars.removeFirst()
        }
      }
      fields.append(String(field))
      guard scalars.popFirst() != nil else { return fields }
    }
  }
}

extension BuildDiagnostic {
  /// A value that is not one of a few words.
  static func invalidChoice(_ message: String, _ word: String, among known: [String]) -> BuildDiagnostic {
    BuildDiagnostic(
      message,
      hint: nearest(to: word, among: known).map { "did you mean \($0)?" } ?? "one of " + known.joined(separator: ", "),
      word: word)
  }
}
