/// One assignment of ENV or LABEL.
package struct KeyValue: Equatable, Sendable {
  package var key: String
  package var value: String
  /// `ENV key value`, the old form of one assignment a line.
  package var usesSpace: Bool

  package init(key: String, value: String, usesSpace: Bool = false) {
    self.key = key
    self.value = value
    self.usesSpace = usesSpace
  }
}
