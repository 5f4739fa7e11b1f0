/// Lines of a Dockerfile, counted from 1, both ends included.
package struct SourceRange: Hashable, Sendable {
  package var first: Int
  package var last: Int

  package init(_ first: Int, _ last: Int? = nil) {
    self.first = first
    self.last = last ?? first
  }
}
