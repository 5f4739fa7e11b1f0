internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Storage

/// Work in a child process, for what would bind this process for good: a mount namespace, or the user's namespace where
/// this process must still stay outside.
struct ChildTask {
  private let doing: String
  private let pid: Int32
  private let reports: Int32

  /// Runs `body` in a child and waits for it; what it throws is thrown here.
  static func run(doing: String, _ body: () throws -> Void) throws(EngineError) {
    _ = try start(doing: doing) { _ in
      try body()
      return []
    }.finish()
  }

  /// Starts `body` in a child. It must be waited for with `finish`.
  /// - Parameter body: is given the descriptor that must stay open in the child, and answers sentences for the user.
  static func start(doing: String, _ body: (Int32) throws -> [String]) throws(EngineError) -> ChildTask {
    try during(doing) {
      let ends = try File.pipe()
      let pid = try Spawn.fork()
      if pid == 0 {
        close(ends.read)
        var failure: EngineError?
        var words: [String] = []
        do throws(EngineError) { words = try during(doing) { try body(ends.write) } } catch { failure = error }
        if let failure { words = [failure.kind.rawValue, failure.reason, failure.hint ?? ""] }
        if !words.isEmpty {
          // A parent that is gone needs no answer.
          try? File.writeAll(ends.write, JSON(words).bytes())
        }
        _exit(failure == nil ? 0 : 1)
      }
      close(ends.write)
      return ChildTask(doing: doing, pid: pid, reports: ends.read)
    }
  }

  /// Waits for the child.
  /// - Returns: its sentences. What it threw is thrown here.
  func finish() throws(EngineError) -> [String] {
    try during(doing) {
      let reports = OwnedDescriptor(owning: reports)
      let answer = try File.readAll(reports.raw, limit: 1 << 20, shown: "the child's answer")
      let end = try Spawn.wait(pid)
      let words = answer.isEmpty ? [] : try JSON(parsing: answer).arrayValue?.compactMap(\.stringValue) ?? []
      if case .exited(0) = end { return words }
      if case .signaled(SIGPIPE) = end { BrokenPipe.endProcess() }
      guard !words.isEmpty else { throw EngineError(.internal, doing, "its child ended before it was done") }
      guard words.count == 3 else { throw EngineError(.internal, doing, "its child did not say what went wrong") }
      throw EngineError(
        EngineError.Kind(rawValue: words[0]) ?? .internal, doing, words[1], hint: words[2].isEmpty ? nil : words[2])
    }
  }
}
