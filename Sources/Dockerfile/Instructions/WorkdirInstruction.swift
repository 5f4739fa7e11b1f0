/// WORKDIR: the directory of the steps that follow and of the container.
package struct WorkdirInstruction: Equatable, Sendable {
  package var path: String

  /// The absolute directory that results below `current`, without `.`, `..` and doubled slashes.
  package func directory(below current: String) -> String {
    let whole = path.hasPrefix("/") ? path : (current.isEmpty ? "/" : current) + "/" + path
    var parts: [Substring] = []
    for part in whole.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}

extension WorkdirInstruction: InstructionPayload {
  static let keyword = "WORKDIR"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    path = try line.single()
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) { path = try expansion.word(path) }

  var instruction: Instruction { .workdir(self) }
}
