/// What a finished program left: its status and what it wrote.
package struct Outcome: Sendable, CustomStringConvertible {
  package var arguments: [String]
  /// The exit code, or 128 + the signal that ended it, as a shell says it.
  package var status: Int32
  /// The signal that ended it, if one did.
  package var signal: Int32?
  package var stdout: [UInt8]
  package var stderr: [UInt8]
  /// It was still running when its time was over, and was killed.
  package var timedOut: Bool
  /// It ended while some other process still held its standard output or error open: a detached child that leaks.
  package var outputHeldOpen: Bool

  /// Standard output as text, without the last line feed.
  package var out: String { text(stdout) }
  /// Standard error as text, without the last line feed.
  package var err: String { text(stderr) }
  /// The lines of standard output.
  package var lines: [String] {
    out.isEmpty ? [] : out.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }
  package var succeeded: Bool { status == 0 && !timedOut }

  package var description: String {
    let ended = timedOut ? "timed out" : signal.map { "signal \($0)" } ?? "status \(status)"
    return "\(arguments.joined(separator: " ")): \(ended)\nstdout: \(out)\nstderr: \(err)"
  }

  private func text(_ bytes: [UInt8]) -> String {
    var end = bytes.count
    if end > 0, bytes[end - 1] == 0x0A { end -= 1 }
    // Repairing throws for every wrong byte inside the standard library, and the test library walks the stack at each throw:
    // minutes for a tar on standard output. Bytes that are no text are shown as Latin-1 instead.
    if let text = String(validating: bytes[..<end], as: UTF8.self) { return text }
    return String(String.UnicodeScalarView(bytes[..<end].map { Unicode.Scalar($0) }))
  }
}

/// A fixture could not do its part; the text says which and why.
package struct FixtureError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }
}
