import TestSupport
import Testing

/// What a failed command must look like: its exit code, nothing on standard output, and one sentence with its way out.
///
/// - Parameters:
///   - words: what the sentence and its hint must name, in any order.
///   - hint: whether a way out must be given on a line of its own.
func expectRefusal(
  _ outcome: Outcome, status: Int32, naming words: String..., hint: Bool = false,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let lines = outcome.err.split(separator: "\n").map(String.init)
  let comment = Comment(rawValue: outcome.description)
  #expect(outcome.status == status, comment, sourceLocation: sourceLocation)
  #expect(!outcome.timedOut, comment, sourceLocation: sourceLocation)
  #expect(outcome.out == "", comment, sourceLocation: sourceLocation)
  #expect(lines.first?.hasPrefix("dhow: ") == true, comment, sourceLocation: sourceLocation)
  // Below it a way out, or for a wrong use of flags and words docker's own lines.
  for line in lines.dropFirst() {
    let known = ["hint: ", "Usage:  dhow ", "Run 'dhow "].contains { line.hasPrefix($0) }
    #expect(known, comment, sourceLocation: sourceLocation)
  }
  #expect(lines.count <= 3, comment, sourceLocation: sourceLocation)
  if hint { #expect(lines.count >= 2, comment, sourceLocation: sourceLocation) }
  for word in words {
    #expect(outcome.err.contains(word), "\"\(word)\" is not named: \(outcome)", sourceLocation: sourceLocation)
  }
}

extension Store {
  /// What the store holds, by kind: to see that a command that failed left nothing.
  func holdings() throws -> [String] {
    // Locks and the layout's own files may appear at the first use; they hold nothing.
    try paths().filter { path in
      guard let slash = path.firstIndex(of: "/") else { return false }
      return !["locks"].contains(String(path[..<slash]))
    }
  }

  /// Runs a command that must be refused, and see that it left the store as it was.
  func expectNothingLeft(
    after body: (Store) throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try holdings()
    try body(self)
    let after = try holdings()
    #expect(Set(after).subtracting(before) == [], "left behind", sourceLocation: sourceLocation)
    #expect(Set(before).subtracting(after) == [], "lost", sourceLocation: sourceLocation)
  }

  /// The store works and says so itself: it is clean, it lists, and it runs a container.
  func expectWorking(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let listing = try dhow("ps", "-a")
    #expect(listing.status == 0, "\(what): \(listing)", sourceLocation: sourceLocation)
    let images = try dhow("images")
    #expect(images.status == 0, "\(what): \(images)", sourceLocation: sourceLocation)
    let check = try dhow("system", "check")
    #expect(check.status == 0, "\(what): \(check)", sourceLocation: sourceLocation)
    let trial = try dhow("run", "--rm", "--network", "none", "busybox", "echo", "works")
    #expect(trial.out == "works", "\(what): \(trial)", sourceLocation: sourceLocation)
  }
}
