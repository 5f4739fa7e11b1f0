internal import OCI

/// All that a step depends on, named, and the one digest of it that the cache knows it by. What is not in here must not
/// have an effect on the step.
struct StepKey {
  private(set) var parts: [(name: String, value: String)] = []
  /// Files behind one of the parts with a hash each, for explanations; no part of the key by themselves.
  var files: [(path: String, hash: String)] = []
  /// The variables of RUN, one by one.
  var environment: [String] = []
  /// Files listed at most.
  static let fileLimit = 20_000

  init(_ kind: String, parent: String) {
    // A change of what builders make of a step makes a new key.
    add("dhow-build", "1")
    add("step", kind)
    add("parent", parent)
  }

  mutating func add(_ name: String, _ value: String) { parts.append((name, value)) }

  mutating func add(_ name: String, _ values: [String]) {
    add(name, values.map { "\($0.utf8.count):\($0)" }.joined(separator: ","))
  }

  var hex: String {
    var stream = SHA256Stream()
    for part in parts {
      // Lengths in front: no value can look like another part.
      stream.update(Array("\(part.name.utf8.count) \(part.name) \(part.value.utf8.count) \(part.value)\n".utf8))
    }
    return stream.hex
  }
}
