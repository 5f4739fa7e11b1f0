internal import Basics

/// One pattern: `*` and `?` within a name, `**` across directories, `[a-z]`, `\` before a character that means itself.
struct IgnorePattern: Sendable {
  private enum Piece: Sendable {
    case byte(UInt8)
    case one
    case star
    case set([ClosedRange<UInt8>], negated: Bool)
    /// `**/`: nothing, or any directories. Two pieces: where it begins, and within.
    case directories
    case withinDirectories
    /// `**` at the end.
    case everything
  }

  let text: String
  let takesBack: Bool
  private let pieces: [Piece]
  /// `**name`, where nothing else is special: anything that ends so, whatever stands before.
  private let suffix: [UInt8]?
  /// The pattern, when nothing in it is special.
  private let literal: [UInt8]?

  init(_ text: String, takesBack: Bool) throws(BuildDiagnostic) {
    self.text = text
    self.takesBack = takesBack
    let bytes = Array(text.utf8)
    guard bytes.count <= DockerfileLimits.ignorePatternBytes else {
      throw BuildDiagnostic("a pattern is longer than \(DockerfileLimits.ignorePatternBytes) bytes")
    }
    let special = Array("*?[]\\".utf8)
    pieces = try Self.pieces(bytes[...], of: text)
    let tail = bytes.dropFirst(2)
    suffix = text.hasPrefix("**") && !tail.contains(where: special.contains) ? Array(tail) : nil
    literal = bytes.contains(where: special.contains) ? nil : bytes
  }

  private static func pieces(_ text: ArraySlice<UInt8>, of whole: String) throws(BuildDiagnostic) -> [Piece] {
    var rest = text
    var pieces: [Piece] = []
    func invalid() -> BuildDiagnostic { BuildDiagnostic("syntax error in pattern \(goQuoted(whole))") }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "*") where rest.first == UInt8(ascii: "*"):
        rest.removeFirst()
        if rest.first == UInt8(ascii: "/") { rest.removeFirst() }
        pieces += rest.isEmpty ? [.everything] : [.directories, .withinDirectories]
      case UInt8(ascii: "*"): pieces.append(.star)
      case UInt8(ascii: "?"): pieces.append(.one)
      case UInt8(ascii: "["): pieces.append(try set(&rest, invalid))
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst() else { throw invalid() }
        pieces.append(.byte(escaped))
      default: pieces.append(.byte(byte))
      }
    }
    return pieces
  }

  /// `[a-z]`, `[^a-z]`; the opening bracket is gone already.
  private static func set(
    _ rest: inout ArraySlice<UInt8>, _ invalid: () -> BuildDiagnostic
  ) throws(BuildDiagnostic) -> Piece {
    func one() throws(BuildDiagnostic) -> UInt8 {
      guard var byte = rest.popFirst() else { throw invalid() }
      if byte == UInt8(ascii: "\\") {
        guard let escaped = rest.popFirst() else { throw invalid() }
        byte = escaped
      }
      return byte
    }
    let negated = rest.first == UInt8(ascii: "^")
    if negated { rest.removeFirst() }
    var ranges: [ClosedRange<UInt8>] = []
    while rest.first != UInt8(ascii: "]") || ranges.isEmpty {
      let low = try one()
      var high = low
      if rest.first == UInt8(ascii: "-") {
        rest.removeFirst()
        high = try one()
      }
      guard low <= high else { throw invalid() }
      ranges.append(low...high)
    }
    rest.removeFirst()
    return .set(ranges, negated: negated)
  }

  /// Whether it matches the path or a directory above it.
  func matchesPathOrParent(_ path: [UInt8]) -> Bool {
    let slash = UInt8(ascii: "/")
    if let literal {
      return path.starts(with: literal) && (path.count == literal.count || path[literal.count] == slash)
    }
    if let suffix { return suffixMatches(suffix, path) }
    var states = [Bool](repeating: false, count: pieces.count + 1)
    states[0] = true
    close(&states)
    for byte in path {
      // A directory above that matches takes all below it.
      if byte == slash, states[pieces.count] { return true }
      states = following(states, byte)
      close(&states)
    }
    return states[pieces.count]
  }

  private func suffixMatches(_ suffix: [UInt8], _ path: [UInt8]) -> Bool {
    func matches(_ path: ArraySlice<UInt8>) -> Bool {
      if path.suffix(suffix.count).elementsEqual(suffix) { return true }
      return suffix.first == UInt8(ascii: "/") && path.elementsEqual(suffix.dropFirst())
    }
    for index in path.indices where path[index] == UInt8(ascii: "/") && matches(path[..<index]) { return true }
    return matches(path[...])
  }

  /// Where the pattern may stand after one more byte.
  private func following(_ states: [Bool], _ byte: UInt8) -> [Bool] {
    let slash = UInt8(ascii: "/")
    var result = [Bool](repeating: false, count: states.count)
    for state in pieces.indices where states[state] {
      switch pieces[state] {
      case .byte(let wanted): if byte == wanted { result[state + 1] = true }
      case .one: if byte != slash { result[state + 1] = true }
      case .star: if byte != slash { result[state] = true }
      case .set(let ranges, let negated):
        if byte != slash, ranges.contains(where: { $0.contains(byte) }) != negated { result[state + 1] = true }
      case .directories: break
      case .withinDirectories:
        result[state] = true
        if byte == slash { result[state + 1] = true }
      case .everything: result[state] = true
      }
    }
    return result
  }

  /// Adds the states that are reached without a byte, which all lie further on.
  private func close(_ states: inout [Bool]) {
    for state in pieces.indices where states[state] {
      switch pieces[state] {
      case .star, .everything: states[state + 1] = true
      case .directories:
        states[state + 1] = true
        states[state + 2] = true
      default: break
      }
    }
  }

  /// Whether a path below `directory` could match, from the names before the first special one.
  func mayMatch(below directory: String) -> Bool {
    let mine = text.split(separator: "/")
    for (index, name) in directory.split(separator: "/").enumerated() {
      guard index < mine.count else { return true }
      let part = mine[index]
      if part.utf8.contains(where: { Array("*?[\\".utf8).contains($0) }) { return true }
      if part != name { return false }
    }
    return true
  }
}
