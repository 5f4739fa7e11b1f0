/// A JSON document whose shape is not what its reader expects.
package struct JSONShapeError: Error, Equatable, Sendable {
  /// Path of the member, such as "image config.rootfs.diff_ids".
  package var path: String
  package var reason: String

  package init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }
}

/// The members of an object, read with their expected types. Absent and null are one thing, as in Go's decoder.
package struct JSONFields {
  package let object: JSONObject
  package let path: String

  /// - Throws: `JSONShapeError` when `json` is no object.
  package init(_ json: JSON, _ path: String) throws(JSONShapeError) {
    guard case .object(let object) = json else { throw JSONShapeError(path: path, reason: "is not an object") }
    self.object = object
    self.path = path
  }

  package func failure(_ name: String, _ reason: String) -> JSONShapeError {
    JSONShapeError(path: "\(path).\(name)", reason: reason)
  }

  /// The member, nil when it is absent or null.
  package func value(_ name: String) -> JSON? {
    guard let value = object[name], value != .null else { return nil }
    return value
  }

  package func optionalString(_ name: String) throws(JSONShapeError) -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value else { throw failure(name, "is not a string") }
    return text
  }

  package func string(_ name: String) throws(JSONShapeError) -> String {
    guard let text = try optionalString(name) else { throw failure(name, "is missing") }
    return text
  }

  package func optionalInteger(_ name: String) throws(JSONShapeError) -> Int64? {
    guard let value = value(name) else { return nil }
    guard case .integer(let number) = value else { throw failure(name, "is not an integer") }
    return number
  }

  package func integer(_ name: String) throws(JSONShapeError) -> Int64 {
    guard let number = try optionalInteger(name) else { throw failure(name, "is missing") }
    return number
  }

  /// False when absent.
  package func bool(_ name: String) throws(JSONShapeError) -> Bool { try optionalBool(name) ?? false }

  package func optionalBool(_ name: String) throws(JSONShapeError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard case .bool(let flag) = value else { throw failure(name, "is not true or false") }
    return flag
  }

  package func optionalArray(_ name: String) throws(JSONShapeError) -> [JSON]? {
    guard let value = value(name) else { return nil }
    guard case .array(let elements) = value else { throw failure(name, "is not an array") }
    return elements
  }

  /// Empty when absent.
  package func array(_ name: String) throws(JSONShapeError) -> [JSON] { try optionalArray(name) ?? [] }

  package func optionalStrings(_ name: String) throws(JSONShapeError) -> [String]? {
    guard let elements = try optionalArray(name) else { return nil }
    var result: [String] = []
    result.reserveCapacity(elements.count)
    for element in elements {
      guard case .string(let text) = element else { throw failure(name, "has an element that is not a string") }
      result.append(text)
    }
    return result
  }

  /// Empty when absent.
  package func strings(_ name: String) throws(JSONShapeError) -> [String] { try optionalStrings(name) ?? [] }

  /// String members of a nested object, in their order; empty when absent.
  package func pairs(_ name: String) throws(JSONShapeError) -> [(String, String)] {
    guard let fields = try fields(name) else { return [] }
    var result: [(String, String)] = []
    for member in fields.object.members {
      guard case .string(let text) = member.value else { throw fields.failure(member.name, "is not a string") }
      result.append((member.name, text))
    }
    return result
  }

  /// A nested object, nil when absent.
  package func fields(_ name: String) throws(JSONShapeError) -> JSONFields? {
    guard let value = value(name) else { return nil }
    return try JSONFields(value, "\(path).\(name)")
  }

  /// The objects of a nested array; empty when absent.
  package func objects(_ name: String) throws(JSONShapeError) -> [JSONFields] {
    var result: [JSONFields] = []
    for (index, element) in try array(name).enumerated() {
      result.append(try JSONFields(element, "\(path).\(name)[\(index)]"))
    }
    return result
  }
}

/// Builds an object member by member and leaves out what says nothing: nil, false, empty lists.
package struct JSONBuilder {
  package private(set) var object = JSONObject()

  package init() {}

  package mutating func set(_ name: String, _ value: JSON?) {
    if let value { object.members.append((name, value)) }
  }
  package mutating func set(_ name: String, _ value: String?) {
    if let value { object.members.append((name, .string(value))) }
  }
  package mutating func set(_ name: String, _ value: Int64?) {
    if let value { object.members.append((name, .integer(value))) }
  }
  package mutating func set(_ name: String, _ value: Bool) {
    if value { object.members.append((name, .bool(true))) }
  }
  package mutating func set(_ name: String, _ value: [String]) {
    if !value.isEmpty { object.members.append((name, JSON(value))) }
  }
  package mutating func set(_ name: String, _ value: [(String, String)]) {
    if !value.isEmpty { object.members.append((name, JSON(value))) }
  }
  package mutating func set(_ name: String, _ value: [JSON]) {
    if !value.isEmpty { object.members.append((name, .array(value))) }
  }

  package var json: JSON { .object(object) }
}
