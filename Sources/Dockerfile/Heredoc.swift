/// A document in the Dockerfile: `<<EOF` … `EOF`.
package struct Heredoc: Equatable, Sendable {
  /// The word that ends it, which is also the file's name for COPY and ADD.
  package var name: String
  /// False when any part of the word was quoted: variables then stay as they are.
  package var expands: Bool
  /// `<<-`: leading tabs are taken off.
  package var stripsTabs: Bool
  /// Lines with their ends, tabs still there.
  package var content: String

  /// What the program or the file gets: with leading tabs off for `<<-`.
  package var body: String {
    guard stripsTabs else { return content }
    var result = String.UnicodeScalarView()
    var lineBegins = true
    for scalar in content.unicodeScalars {
      if lineBegins, scalar == "\t" { continue }
      lineBegins = scalar == "\n"
      result.append(scalar)
    }
    return String(result)
  }
}
