/// The fields of a message's head, in order; names compare without case (RFC 9110 section 5.1).
package struct HTTPHeaders: Sendable, ExpressibleByDictionaryLiteral {
  package private(set) var fields: [(name: String, value: String)]

  package init() { fields = [] }
  package init(dictionaryLiteral elements: (String, String)...) { fields = elements.map { (name: $0.0, value: $0.1) } }

  /// The first value of that name.
  package func first(_ name: String) -> String? { fields.first { sameToken($0.name, name) }?.value }

  /// All values of that name, in order.
  package func all(_ name: String) -> [String] { fields.filter { sameToken($0.name, name) }.map(\.value) }

  package mutating func add(_ name: String, _ value: String) { fields.append((name: name, value: value)) }

  /// Replaces all fields of that name.
  package mutating func set(_ name: String, _ value: String) {
    remove(name)
    add(name, value)
  }

  package mutating func remove(_ name: String) { fields.removeAll { sameToken($0.name, name) } }
}

/// ASCII equality without case.
func sameToken(_ a: String, _ b: String) -> Bool {
  let a = a.utf8
  let b = b.utf8
  guard a.count == b.count else { return false }
  return zip(a, b).allSatisfy { lowerCased($0) == lowerCased($1) }
}

func lowerCased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }
