/// Variables in the order in which they were first set.
package struct Variables: Equatable, Sendable {
  package private(set) var names: [String] = []
  private var values: [String: String] = [:]

  package init() {}

  /// From `NAME=value` entries; a later one replaces an earlier one in its place.
  package init(entries: [String]) {
    for entry in entries {
      let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      self[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
    }
  }

  package subscript(name: String) -> String? {
    get { values[name] }
    set {
      if newValue == nil, values[name] != nil { names.removeAll { $0 == name } }
      if newValue != nil, values[name] == nil { names.append(name) }
      values[name] = newValue
    }
  }

  /// `NAME=value`, in order.
  package var entries: [String] { names.map { "\($0)=\(values[$0] ?? "")" } }
}
