internal import Basics

/// What COPY and ADD take and where they put it.
package struct FileSources: Equatable, Sendable {
  /// Paths or patterns, for ADD URLs too, in their order.
  package var paths: [String]
  /// Heredocs, which become files named as the heredoc.
  package var documents: [Heredoc]
  package var destination: String
}

extension FileSources {
  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    let keyword = line.keyword.uppercased()
    let words = try line.list()
    guard words.count >= 2, let last = words.last else {
      throw BuildDiagnostic(
        "\(keyword) requires at least two arguments, but only one was provided. Destination could not be determined")
    }
    guard HeredocWord(last) == nil || line.jsonWords != nil else {
      throw BuildDiagnostic("\(keyword) cannot accept a heredoc as a destination", word: last)
    }
    destination = last
    paths = []
    documents = []
    for word in words.dropLast() {
      guard line.jsonWords == nil, let heredoc = HeredocWord(word) else {
        paths.append(word)
        continue
      }
      guard let document = line.heredocs.first(where: { $0.name == heredoc.name }) else {
        throw BuildDiagnostic("the heredoc \(safeText(heredoc.name)) has no body", word: word)
      }
      documents.append(document)
    }
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    paths = try expansion.list(paths)
    destination = try expansion.word(destination)
    for index in documents.indices where documents[index].expands {
      // Tabs go before variables come: those of a value stay.
      documents[index].content = try expansion.body(documents[index].body)
      documents[index].stripsTabs = false
    }
  }
}
