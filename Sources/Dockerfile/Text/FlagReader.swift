internal import Basics

/// Reads an instruction's flags by the names it knows; whatever is left over is an error.
struct FlagReader {
  private var values: [String: [String?]] = [:]

  /// - Parameter repeatable: flags that may be given more than once.
  init(
    _ line: InstructionLine, known: [String], repeatable: Set<String> = []
  ) throws(BuildDiagnostic) {
    for flag in line.flags {
      let parts = flag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0].dropFirst(2))
      guard known.contains(name) else {
        let hint = nearest(to: name, among: known).map { "did you mean --\($0)?" }
        throw BuildDiagnostic("unknown flag: --\(safeText(name))", hint: hint, word: "--" + name)
      }
      guard values[name] == nil || repeatable.contains(name) else {
        throw BuildDiagnostic("duplicate flag specified: --\(name)", word: "--" + name)
      }
      values[name, default: []].append(parts.count == 2 ? String(parts[1]) : nil)
    }
  }

  func text(_ name: String) throws(BuildDiagnostic) -> String? {
    try texts(name).last
  }

  func texts(_ name: String) throws(BuildDiagnostic) -> [String] {
    var result: [String] = []
    for value in values[name] ?? [] {
      guard let value else { throw BuildDiagnostic("missing a value on flag: --\(name)", word: "--" + name) }
      result.append(value)
    }
    return result
  }

  /// Nil when the flag was not given.
  func bool(_ name: String) throws(BuildDiagnostic) -> Bool? {
    guard let value = values[name]?.last else { return nil }
    switch value?.lowercased() {
    case nil, "true": return true
    case "false": return false
    case "": throw BuildDiagnostic("missing a value on flag: --\(name)", word: "--" + name)
    case .some(let other):
      throw BuildDiagnostic(
        "expecting boolean value for flag --\(name), not: \(safeText(other))", word: "--" + name)
    }
  }
}
