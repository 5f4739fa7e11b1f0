internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Storage

/// Work in a child process, for what would bind this process for good: a mount namespace, or the user's namespace where
/// this process must still stay outside.
enum ChildTask {
  /// Runs `body` in a child and waits for it; what it throws is thrown here.
  static func run(doing: String, _ body: () throws -> Void) throws(EngineError) {
    try during(doing) {
      let ends = try File.pipe()
      let pid = try Spawn.fork()
      if pid == 0 {
        close(ends.read)
        var failure: EngineError?
        do throws(EngineError) { try during(doing, body) } catch { failure = error }
        if let failure {
          // A parent that is gone needs no answer.
          try? File.writeAll(ends.write, JSON([failure.kind.rawValue, failure.reason, failure.hint ?? ""]).bytes())
        }
        _exit(failure == nil ? 0 : 1)
      }
      close(ends.write)
      let reports = OwnedDescriptor(owning: ends.read)
      let answer = try File.readAll(reports.raw, limit: 1 << 20, shown: "the child's answer")
      let end = try Spawn.wait(pid)
      guard !answer.isEmpty else {
        guard case .exited(0) = end else { throw EngineError(.internal, doing, "its child ended before it was done") }
        return
      }
      let words = try JSON(parsing: answer).arrayValue?.compactMap(\.stringValue) ?? []
      guard words.count == 3 else { throw EngineError(.internal, doing, "its child did not say what went wrong") }
      throw EngineError(
        EngineError.Kind(rawValue: words[0]) ?? .internal, doing, words[1], hint: words[2].isEmpty ? nil : words[2])
    }
  }
}
