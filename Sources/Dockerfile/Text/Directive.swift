/// `# name=value` at the top of the file.
struct Directive {
  var name: String
  var value: String
  var range: SourceRange
}

/// Reads directives, which stand before anything else, even before comments; each at most once.
struct DirectiveReader {
  private static let names: Set<String> = ["syntax", "escape", "check"]
  private var seen: Set<String> = []
  private var ended = false

  /// The directive of a line that begins with `#`; nil for a comment, after which there is no directive any more.
  mutating func read(_ line: Substring.UnicodeScalarView, at number: Int) throws(BuildDiagnostic) -> Directive? {
    guard !ended else { return nil }
    // `#!` in the first line: the Dockerfile is a script.
    if number == 1, line.starts(with: "#!".unicodeScalars) { return nil }
    guard let directive = Self.directive(trimmedLeft(line.dropFirst()), at: number) else {
      end()
      return nil
    }
    guard seen.insert(directive.name).inserted else {
      throw BuildDiagnostic("only one \(directive.name) parser directive can be used", at: directive.range)
    }
    return directive
  }

  mutating func end() { ended = true }

  /// The check directive in a comment above one instruction, which is for that instruction alone.
  static func check(in comments: [String]) -> String? {
    for comment in comments {
      if let directive = directive(Substring(comment).unicodeScalars, at: 0), directive.name == "check" {
        return directive.value
      }
    }
    return nil
  }

  private static func directive(_ text: Substring.UnicodeScalarView, at number: Int) -> Directive? {
    let name = text.prefix { ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) }
    let key = String(name).lowercased()
    let rest = trimmedLeft(text.dropFirst(name.count))
    guard names.contains(key), rest.first == "=" else { return nil }
    let value = trimmed(rest.dropFirst())
    return value.isEmpty ? nil : Directive(name: key, value: String(value), range: SourceRange(number))
  }
}
