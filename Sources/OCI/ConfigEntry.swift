import Basics

/// Reads the members of an image's container defaults with their limits (SECURITY B7, B11).
struct ConfigEntry {
  let fields: JSONFields

  init(_ fields: JSONFields) { self.fields = fields }

  /// A string without NUL.
  func text(_ name: String, limit: Int) throws(JSONShapeError) -> String {
    let text = try fields.optionalString(name) ?? ""
    guard text.utf8.count <= limit else { throw fields.failure(name, "is longer than \(limit) bytes") }
    guard !text.utf8.contains(0) else { throw fields.failure(name, "contains a NUL byte") }
    return text
  }

  /// Arguments for execve(2): no NUL, none too long for the kernel.
  func arguments(_ name: String) throws(JSONShapeError) -> [String]? {
    guard let list = try fields.optionalStrings(name) else { return nil }
    guard list.count <= OCILimits.configEntries else { throw tooMany(name) }
    for element in list {
      guard !element.utf8.contains(0) else { throw fields.failure(name, "contains a NUL byte") }
      guard element.utf8.count <= OCILimits.argumentBytes else {
        throw fields.failure(name, "has an entry longer than \(OCILimits.argumentBytes) bytes")
      }
    }
    return list
  }

  func environment(_ name: String) throws(JSONShapeError) -> [String] {
    var result: [String] = []
    for entry in try arguments(name) ?? [] {
      guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")) else {
        guard !entry.isEmpty else { throw fields.failure(name, "has an empty entry") }
        result.append(entry + "=")
        continue
      }
      guard equals > entry.utf8.startIndex else { throw fields.failure(name, "has an entry without a name") }
      result.append(entry)
    }
    return result
  }

  func ports(_ name: String) throws(JSONShapeError) -> [ExposedPort] {
    var result: [ExposedPort] = []
    for member in try names(name) {
      guard let port = ExposedPort(member) else {
        throw fields.failure(name, "\"\(safeText(String(member.prefix(40))))\" is no port/protocol")
      }
      result.append(port)
    }
    return result
  }

  /// Paths of volumes: inside the root, not the root itself (CVE-2022-23648).
  func volumes(_ name: String) throws(JSONShapeError) -> [String] {
    var result: [String] = []
    for path in try names(name) {
      let components = path.split(separator: "/").filter { $0 != "." }
      guard !components.isEmpty, !components.contains(".."), path.utf8.count <= 4096, !path.utf8.contains(0) else {
        throw fields.failure(name, "\"\(safeText(String(path.prefix(80))))\" is no path of a volume")
      }
      result.append("/" + components.joined(separator: "/"))
    }
    return result
  }

  func labels(_ name: String) throws(JSONShapeError) -> [(String, String)] {
    let labels = try fields.pairs(name)
    guard labels.count <= OCILimits.configEntries else { throw tooMany(name) }
    return labels
  }

  /// `SIGTERM`, `TERM`, `RTMIN+3` or a number from 1 to 64. Whether the name is known is decided where it is used.
  func stopSignal(_ name: String) throws(JSONShapeError) -> String? {
    let text = try text(name, limit: 32)
    guard !text.isEmpty else { return nil }
    if let number = Int(text) {
      guard (1...64).contains(number) else { throw fields.failure(name, "is \(number), which is no signal") }
      return text
    }
    let isName = text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || $0 == UInt8(ascii: "+")
        || $0 == UInt8(ascii: "-")
    }
    guard isName else { throw fields.failure(name, "is no name of a signal") }
    return text
  }

  /// The member names of a Go set.
  private func names(_ name: String) throws(JSONShapeError) -> [String] {
    let members = try fields.fields(name)?.object.members.map(\.name) ?? []
    guard members.count <= OCILimits.configEntries else { throw tooMany(name) }
    return members
  }

  private func tooMany(_ name: String) -> JSONShapeError {
    fields.failure(name, "has more than \(OCILimits.configEntries) entries")
  }
}
