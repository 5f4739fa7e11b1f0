internal import Basics
internal import Glibc

/// `--filter KEY=VALUE`, repeatable.
package struct FilterOptions: CommandOptions, Equatable, Sendable {
  package struct Filter: Equatable, Sendable {
    /// In lower case; ends in `!` for `label!=x`.
    package var key: String
    package var value: String
  }

  package var filters: [Filter] = []

  package init() {}

  package static func flag(short: Character?) -> Flag<FilterOptions> {
    .list("filter", short, "filter", "Filter output based on conditions provided") { options, text in
      guard !text.isEmpty else { return }
      guard let equals = text.firstIndex(of: "=") else {
        throw FlagValueError("bad format of filter (expected name=value)")
      }
      let key = text[..<equals].filter { !$0.isWhitespace }.lowercased()
      let value = String(text[text.index(after: equals)...].drop(while: \.isWhitespace))
      options.filters.append(Filter(key: key, value: value))
    }
  }

  /// The values given for a key.
  func values(_ key: String) -> [String] { filters.filter { $0.key == key }.map(\.value) }

  /// - Throws: `EngineError` that lists the keys there are.
  func check(_ known: [String]) throws(EngineError) {
    for filter in filters where !known.contains(filter.key) {
      throw EngineError(
        .usage, "", "invalid filter '\(filter.key)'", hint: "filters here are \(known.joined(separator: ", "))")
    }
  }

  /// Whether `labels` has all that `label=` names and nothing that `label!=` names.
  func accepts(labels: [(String, String)]) -> Bool {
    func has(_ wanted: String) -> Bool {
      let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      return labels.contains { $0.0 == parts[0] && (parts.count == 1 || $0.1 == parts[1]) }
    }
    return values("label").allSatisfy(has) && !values("label!").contains(where: has)
  }
}

/// A regular expression (POSIX extended) of a filter; docker takes Go's, whose common part this is.
struct FilterPattern {
  private let source: String

  init(_ source: String) { self.source = source }

  /// Whether the pattern is found in `text`; a pattern that is none counts as plain text.
  func isFound(in text: String) -> Bool {
    if source == text { return true }
    // A hostile pattern may not cost more than its length.
    guard source.utf8.count <= 256 else { return false }
    var expression = regex_t()
    guard regcomp(&expression, source, REG_EXTENDED | REG_NOSUB) == 0 else { return text.contains(source) }
    defer { regfree(&expression) }
    return regexec(&expression, text, 0, nil, 0) == 0
  }
}
