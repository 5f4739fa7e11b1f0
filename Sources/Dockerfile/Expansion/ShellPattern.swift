internal import Basics

/// A pattern of `${v#p}`, `${v%p}` and `${v/p/r}`: `*`, `?`, and a backslash before these and itself (POSIX shell,
/// 2.13, without brackets).
struct ShellPattern {
  private enum Piece {
    case any, one
    case literal(Unicode.Scalar)
  }

  private let pieces: [Piece]

  init(_ text: String) throws(BuildDiagnostic) {
    var pieces: [Piece] = []
    var scalars = text.unicodeScalars.makeIterator()
    while let scalar = scalars.next() {
      switch scalar {
      case "*": pieces.append(.any)
      case "?": pieces.append(.one)
      case "\\":
        // `}` and `/` end parts of the substitution, so they are escaped without being special here.
        guard let escaped = scalars.next(), "*?\\}/".unicodeScalars.contains(escaped) else {
          throw BuildDiagnostic("invalid pattern (\(safeText(text))) in substitution: invalid escape")
        }
        pieces.append(.literal(escaped))
      default: pieces.append(.literal(scalar))
      }
    }
    self.pieces = pieces
  }

  private init(pieces: [Piece]) { self.pieces = pieces }

  func removingPrefix(
    of value: String, longest: Bool, budget: inout ExpansionBudget
  ) throws(BuildDiagnostic) -> String {
    let scalars = Array(value.unicodeScalars)
    guard let length = try match(scalars[...], longest: longest, budget: &budget) else { return value }
    return text(scalars[length...])
  }

  func removingSuffix(
    of value: String, longest: Bool, budget: inout ExpansionBudget
  ) throws(BuildDiagnostic) -> String {
    let backwards = Array(value.unicodeScalars.reversed())
    let pattern = ShellPattern(pieces: pieces.reversed())
    guard let length = try pattern.match(backwards[...], longest: longest, budget: &budget) else { return value }
    return text(backwards[length...].reversed())
  }

  func replacing(
    in value: String, with replacement: String, all: Bool, budget: inout ExpansionBudget
  ) throws(BuildDiagnostic) -> String {
    let scalars = Array(value.unicodeScalars)
    var result = String.UnicodeScalarView()
    var start = 0
    var followsMatch = false
    while start <= scalars.count {
      let length = try match(scalars[start...], longest: true, budget: &budget)
      if let length, length > 0 || !followsMatch {
        try budget.spend(bytes: replacement.utf8.count)
        result.append(contentsOf: replacement.unicodeScalars)
        start += length
        followsMatch = length > 0
        guard all else { break }
        if length > 0 { continue }
      }
      followsMatch = false
      if start < scalars.count { result.append(scalars[start]) }
      start += 1
    }
    if start < scalars.count { result.append(contentsOf: scalars[start...]) }
    return String(result)
  }

  /// How many scalars at the beginning match: the fewest, or the most. All positions of the pattern go through the
  /// value together, so that no pattern takes more than length times length.
  private func match(
    _ value: ArraySlice<Unicode.Scalar>, longest: Bool, budget: inout ExpansionBudget
  ) throws(BuildDiagnostic) -> Int? {
    var states = [Bool](repeating: false, count: pieces.count + 1)
    states[0] = true
    close(&states)
    var found: Int? = states[pieces.count] ? 0 : nil
    if found != nil, !longest { return found }
    for (index, scalar) in value.enumerated() {
      try budget.spend(steps: states.count)
      var following = [Bool](repeating: false, count: states.count)
      var any = false
      for state in pieces.indices where states[state] {
        switch pieces[state] {
        case .any: following[state] = true
        case .one: following[state + 1] = true
        case .literal(let literal):
          guard literal == scalar else { continue }
          following[state + 1] = true
        }
        any = true
      }
      guard any else { break }
      states = following
      close(&states)
      if states[pieces.count] {
        found = index + 1
        if !longest { break }
      }
    }
    return found
  }

  /// Adds the positions reachable without a scalar, which all lie further on.
  private func close(_ states: inout [Bool]) {
    for state in pieces.indices where states[state] {
      if case .any = pieces[state] { states[state + 1] = true }
    }
  }

  private func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
