internal import Basics
package import OCI

/// EXPOSE: ports the image listens on.
package struct ExposeInstruction: Equatable, Sendable {
  /// As written, sorted, with their variables.
  package var words: [String]
  /// Filled by the expansion; ranges become single ports.
  package var ports: [ExposedPort] = []
}

extension ExposeInstruction: InstructionPayload {
  static let keyword = "EXPOSE"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    words = line.blankSeparated.sorted()
    guard !words.isEmpty else { throw BuildDiagnostic("EXPOSE requires at least one argument") }
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    var expanded: [String] = []
    for word in words { expanded += try expansion.words(word) }
    words = expanded
    ports = []
    for word in words {
      ports += try ExposedWord(word).ports
      guard ports.count <= DockerfileLimits.exposedPorts else { throw BuildDiagnostic("too many ports", word: word) }
    }
  }

  var instruction: Instruction { .expose(self) }
}

/// One word of EXPOSE: `[[ip:]host:]port[-port][/protocol]`; address and host port are taken for compatibility and
/// mean nothing.
struct ExposedWord {
  var ports: [ExposedPort]
  /// As written.
  var transport: String
  var hasHostPart: Bool

  init(_ word: String) throws(BuildDiagnostic) {
    func invalid(_ reason: String) -> BuildDiagnostic {
      BuildDiagnostic("invalid port: \(goQuoted(word)): \(safeText(reason))", word: word)
    }
    let parts = word.split(separator: ":", omittingEmptySubsequences: false)
    hasHostPart = parts.count > 1
    let container = (parts.last ?? "").split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = container.first, !first.isEmpty else { throw invalid("no port specified") }
    transport = container.count == 2 && !container[1].isEmpty ? String(container[1]) : "tcp"
    guard let known = ExposedPort.TransportProtocol(rawValue: transport.lowercased()) else {
      throw invalid("invalid proto: \(transport)")
    }
    guard let range = Self.range(first) else { throw invalid("invalid containerPort: \(first)") }
    if parts.count > 1, !parts[parts.count - 2].isEmpty {
      guard let host = Self.range(parts[parts.count - 2]) else {
        throw invalid("invalid hostPort: \(parts[parts.count - 2])")
      }
      guard host.count == range.count || range.count == 1 else {
        throw invalid("invalid ranges specified for container and host Ports")
      }
    }
    ports = range.map { ExposedPort(number: $0, transport: known) }
  }

  /// `80` or `8000-8010`, from 0 to 65535.
  private static func range(_ text: Substring) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard ends.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let first = ends.first.flatMap({ UInt16($0) }), let last = ends.last.flatMap({ UInt16($0) }), first <= last
    else { return nil }
    return first...last
  }
}
