/// One of the build checks, with BuildKit's name.
package struct LintRule: Hashable, Sendable {
  package var name: String
  package var description: String
  /// Docker's page about it; empty for the one that has none.
  package var page: String
  /// Only with `experimental=`.
  package var experimental = false

  init(_ name: String, _ description: String, page: String, experimental: Bool = false) {
    self.name = name
    self.description = description
    self.page = page.isEmpty ? "" : "https://docs.docker.com/go/dockerfile/rule/\(page)/"
    self.experimental = experimental
  }
}
