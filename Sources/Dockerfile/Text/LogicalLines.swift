internal import Basics

/// One instruction's text, joined, before anybody knows what it means.
struct LogicalLine {
  var text: String
  var range: SourceRange
  var comments: [String]
  var heredocs: [Heredoc] = []
  /// The continuation has an empty line, which BuildKit will refuse one day.
  var emptyContinuation: Bool
}

/// Takes a Dockerfile apart into instructions: comments, directives, continuation lines and heredocs.
struct LogicalLineReader {
  private(set) var directives = ParserDirectives()
  private(set) var lines: [LogicalLine] = []

  private let physical: [Substring]
  private var index = 0
  private var directiveReader = DirectiveReader()

  /// `lines` keep their line ends.
  init(_ lines: [Substring]) throws(BuildDiagnostic) {
    physical = lines
    var comments: [String] = []
    while index < physical.count {
      let start = index
      let line = trimmedLeft(withoutLineEnd(physical[index]))
      index += 1
      if line.first == "#" {
        if let directive = try directiveReader.read(line, at: index) {
          try apply(directive)
          continue
        }
        let comment = trimmed(line.dropFirst())
        // An empty comment ends a description, as an empty line does.
        if comment.isEmpty { comments = [] } else { comments.append(String(comment)) }
        continue
      }
      directiveReader.end()
      guard !line.isEmpty else {
        comments = []
        continue
      }
      try instruction(line, from: start, comments)
      comments = []
    }
  }

  private mutating func apply(_ directive: Directive) throws(BuildDiagnostic) {
    switch directive.name {
    case "syntax": directives.syntax = directive.value.split(separator: " ").first.map(String.init)
    case "escape":
      guard directive.value == "\\" || directive.value == "`", let scalar = directive.value.unicodeScalars.first else {
        throw BuildDiagnostic(
          "invalid escape token '\(safeText(directive.value))' does not match ` or \\", at: directive.range,
          word: directive.value)
      }
      directives.escape = scalar
    default:
      do throws(BuildDiagnostic) { directives.check = try LintConfiguration(parsing: directive.value) } catch {
        throw error.located(at: directive.range)
      }
    }
  }

  private mutating func instruction(
    _ first: Substring.UnicodeScalarView, from start: Int, _ comments: [String]
  ) throws(BuildDiagnostic) {
    guard lines.count < DockerfileLimits.instructions else {
      throw BuildDiagnostic("more than \(DockerfileLimits.instructions) instructions", at: SourceRange(start + 1))
    }
    var (text, continues) = withoutContinuation(first)
    var emptyContinuation = false
    while continues, index < physical.count {
      let line = withoutLineEnd(physical[index])
      index += 1
      let content = trimmedLeft(line)
      if content.first == "#" { continue }
      if content.isEmpty {
        emptyContinuation = true
        continue
      }
      let (piece, again) = withoutContinuation(line)
      text.append(contentsOf: piece)
      continues = again
      guard text.count <= DockerfileLimits.instructionBytes else {
        throw BuildDiagnostic(
          "the instruction is longer than \(DockerfileLimits.instructionBytes) bytes", at: SourceRange(start + 1))
      }
    }
    var line = LogicalLine(
      text: String(text), range: SourceRange(start + 1, index), comments: comments, emptyContinuation: emptyContinuation
    )
    try readHeredocs(of: &line)
    lines.append(line)
  }

  /// What follows the instruction until every heredoc it announces has ended.
  private mutating func readHeredocs(of line: inout LogicalLine) throws(BuildDiagnostic) {
    guard line.text.utf8.contains(UInt8(ascii: "<")), InstructionLine.mayHaveHeredocs(line.text, directives.escape)
    else { return }
    let words = HeredocWord.all(in: line.text)
    guard words.count <= DockerfileLimits.heredocsPerInstruction else {
      throw BuildDiagnostic(
        "more than \(DockerfileLimits.heredocsPerInstruction) heredocs in one instruction", at: line.range)
    }
    for word in words {
      var content = ""
      var ended = false
      while index < physical.count {
        let raw = physical[index]
        index += 1
        var end = withoutLineEnd(raw)
        if word.stripsTabs { end = end.drop { $0 == "\t" } }
        if end.elementsEqual(word.name.unicodeScalars) {
          ended = true
          break
        }
        content += raw
      }
      guard ended else {
        throw BuildDiagnostic(
          "unterminated heredoc", at: SourceRange(line.range.first, index),
          hint: "end it with a line that is \(safeText(word.name)) and nothing else", word: "<<")
      }
      line.heredocs.append(
        Heredoc(name: word.name, expands: word.expands, stripsTabs: word.stripsTabs, content: content))
    }
    line.range.last = index
  }

  /// A line goes on when its last character but blanks is the escape character, and the one before is not.
  private func withoutContinuation(_ line: Substring.UnicodeScalarView) -> (String.UnicodeScalarView, Bool) {
    var end = line.endIndex
    while end > line.startIndex, line[line.index(before: end)] == " " || line[line.index(before: end)] == "\t" {
      end = line.index(before: end)
    }
    guard end > line.startIndex, line[line.index(before: end)] == directives.escape else {
      return (String.UnicodeScalarView(line), false)
    }
    end = line.index(before: end)
    if end > line.startIndex, line[line.index(before: end)] == directives.escape {
      return (String.UnicodeScalarView(line), false)
    }
    return (String.UnicodeScalarView(line[..<end]), true)
  }
}

func withoutLineEnd(_ line: Substring) -> Substring.UnicodeScalarView {
  var view = line.unicodeScalars
  while let last = view.last, last == "\n" || last == "\r" { view.removeLast() }
  return view
}

func trimmedLeft(_ view: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
  view.drop { $0.properties.isWhitespace }
}

func trimmed(_ view: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
  var view = trimmedLeft(view)
  while let last = view.last, last.properties.isWhitespace { view.removeLast() }
  return view
}

func trimmed(_ text: String) -> String { String(trimmed(Substring(text).unicodeScalars)) }
