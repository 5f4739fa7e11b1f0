internal import Basics
internal import Glibc

/// `-e`, `--env-file`, `-l`, `--label-file` and everything else of the form NAME=VALUE.
enum EnvironmentSyntax {
  /// Entries of one file and of one command line (E11).
  private static let fileLimit = 4 << 20

  /// `NAME=VALUE` as it is, `NAME` with the caller's value; nil for a name that the caller does not have.
  static func variable(_ text: String) throws(FlagValueError) -> String? {
    let name = text.prefix { $0 != "=" }
    guard !name.isEmpty else { throw FlagValueError("invalid environment variable: \(text)") }
    guard !text.utf8.contains(0) else { throw FlagValueError("invalid environment variable: it has a NUL byte") }
    guard name.utf8.count == text.utf8.count else { return text }
    return callersValue(text).map { "\(text)=\($0)" }
  }

  /// The variables of an environment file, in docker's format: a variable a line, `#` comments, values as they stand.
  static func variables(ofFile path: String) throws -> [String] {
    try lines(ofFile: path, kind: "env").compactMap { entry in
      entry.value.map { "\(entry.name)=\($0)" } ?? callersValue(entry.name).map { "\(entry.name)=\($0)" }
    }
  }

  /// The labels of a label file; a name without a value is a label with an empty one.
  static func labels(ofFile path: String) throws -> [(String, String)] {
    try lines(ofFile: path, kind: "label").map { ($0.name, $0.value ?? "") }
  }

  /// `NAME=VALUE` or `NAME`; `kind` names the thing in errors.
  static func pair(_ text: String, kind: String = "label") throws(FlagValueError) -> (String, String) {
    let name = String(text.prefix { $0 != "=" })
    guard !name.isEmpty else { throw FlagValueError("invalid \(kind) '\(text)': empty name") }
    return (name, String(text.dropFirst(name.count + 1)))
  }

  /// Proxy variables of the caller, which containers get unless told otherwise.
  static var callersProxies: [String] {
    ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap { [$0, $0.lowercased()] }
      .compactMap { name in callersValue(name).map { "\(name)=\($0)" } }
  }

  private static func lines(ofFile path: String, kind: String) throws -> [(name: String, value: String?)] {
    let bytes = try LocalFile.read(path, limit: fileLimit, doing: "reading the \(kind) file \(path)")
    var result: [(name: String, value: String?)] = []
    var number = 0
    for raw in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      var content = raw
      if number == 1, content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
      if content.last == 0x0D { content = content.dropLast() }
      guard let line = String(validating: content, as: UTF8.self) else {
        throw EngineError(.invalidInput, "invalid \(kind) file (\(path))", "invalid utf8 bytes at line \(number)")
      }
      if let entry = try entry(line, path, kind) { result.append(entry) }
    }
    return result
  }

  private static func entry(_ line: String, _ path: String, _ kind: String) throws -> (name: String, value: String?)? {
    let text = line.drop { $0 == " " || $0 == "\t" }
    guard let first = text.first, first != "#" else { return nil }
    let name = String(text.prefix { $0 != "=" })
    func refused(_ reason: String) -> EngineError {
      EngineError(.invalidInput, "invalid \(kind) file (\(path))", reason)
    }
    guard !name.isEmpty else { throw refused("no variable name on line '\(text)'") }
    guard !name.contains(where: { $0 == " " || $0 == "\t" }) else {
      throw refused("variable '\(name)' contains whitespaces")
    }
    guard !text.utf8.contains(0) else { throw refused("variable '\(name)' has a NUL byte") }
    return (name, name.count == text.count ? nil : String(text.dropFirst(name.count + 1)))
  }

  private static func callersValue(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    return String(cString: value)
  }
}
