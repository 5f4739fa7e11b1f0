internal import Basics

extension BuildDiagnostic {
  /// Lines before and after the place that an excerpt shows.
  private static let context = 2
  /// Lines of a long instruction that are shown.
  private static let longest = 20
  /// Characters of a line that are shown.
  private static let width = 200

  /// The place, the message, and the lines around with the place marked:
  ///
  ///     Dockerfile:3: unknown instruction: RUM
  ///        2 |     ENV a=b
  ///        3 | >>> RUM echo
  ///          |     ^~~
  ///        4 |     CMD sh
  package func rendered(in source: DockerfileSource) -> String {
    guard let range else { return safeText(source.name) + ": " + headline }
    return (["\(safeText(source.name)):\(range.first): \(headline)"] + excerpt(in: source)).joined(separator: "\n")
  }

  /// Rule and message on one line.
  private var headline: String { (rule.map { $0.name + ": " } ?? "") + safeText(message) }

  /// The lines around, the marked ones with `>>>`, and a caret under the word that is meant.
  package func excerpt(in source: DockerfileSource) -> [String] {
    guard let range, range.first >= 1, range.first <= source.lines.count else { return [] }
    let last = min(range.last, range.first + Self.longest, source.lines.count)
    let shown = max(1, range.first - Self.context)...min(source.lines.count, last + Self.context)
    let digits = max(4, String(shown.upperBound).count + 1)
    let marked = self.marked(in: source, range.first...last)
    var result: [String] = []
    for number in shown {
      let line = safeText(String(source.lines[number - 1].prefix(Self.width)).replacing(tabsWith: 4))
      let label = String(repeating: " ", count: digits - String(number).count) + String(number)
      let mark = (range.first...last).contains(number) ? ">>> " : "    "
      let text = "\(label) | \(mark)\(line)"
      result.append(line.isEmpty && mark == "    " ? "\(label) |" : text)
      if let marked, marked.line == number {
        let tail = String(repeating: "~", count: max(0, marked.length - 1))
        result.append(
          String(repeating: " ", count: digits) + " |     " + String(repeating: " ", count: marked.column) + "^" + tail)
      }
    }
    return result
  }

  /// Where `word` stands first within the marked lines.
  private func marked(
    in source: DockerfileSource, _ lines: ClosedRange<Int>
  ) -> (line: Int, column: Int, length: Int)? {
    guard let word = word?.split(separator: "\n").first.map(String.init), !word.isEmpty else { return nil }
    for number in lines {
      let line = String(source.lines[number - 1].prefix(Self.width))
      guard let offset = line.offset(of: word) else { continue }
      let before = safeText(String(line.prefix(offset)).replacing(tabsWith: 4))
      return (number, before.count, safeText(word).count)
    }
    return nil
  }
}

extension String {
  fileprivate func replacing(tabsWith width: Int) -> String {
    utf8.contains(0x09)
      ? split(separator: "\t", omittingEmptySubsequences: false).joined(separator: String(repeating: " ", count: width))
      : self
  }

  /// Characters before the first place of `word`.
  fileprivate func offset(of word: String) -> Int? {
    let mine = Array(self)
    let wanted = Array(word)
    guard !wanted.isEmpty, wanted.count <= mine.count else { return nil }
    return (0...mine.count - wanted.count).first { mine[$0..<$0 + wanted.count].elementsEqual(wanted) }
  }
}
