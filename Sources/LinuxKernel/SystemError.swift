package import Basics
internal import Glibc

/// A system call that failed: the call, the object as the user would know it, and errno.
package struct SystemError: Error, Equatable, Sendable {
  package var call: String
  /// The path or object the call was about; empty when there is none.
  package var operand: String
  package var errno: Int32

  package init(_ call: String, _ operand: String = "", errno: Int32 = Glibc.errno) {
    self.call = call
    self.operand = operand
    self.errno = errno
  }

  /// errno in words, as strerror(3) has it in the C locale, first letter lower case.
  package var reason: String {
    guard let text = strerror(errno) else { return "error \(errno)" }
    let words = String(cString: text)
    return words.prefix(1).lowercased() + words.dropFirst()
  }

  /// The error as one phrase: `open /etc/passwd: permission denied`.
  package var description: String { operand.isEmpty ? "\(call): \(reason)" : "\(call) \(operand): \(reason)" }

  /// The error for people, with the kind that errno means.
  package func engineError(_ doing: String, hint: String? = nil) -> EngineError {
    EngineError(kind, doing, description, hint: hint ?? defaultHint)
  }

  private var kind: EngineError.Kind {
    switch errno {
    case ENOENT, ESRCH: .notFound
    case EEXIST: .alreadyExists
    case EACCES, EPERM, EROFS: .denied
    case EBUSY: .inUse
    case ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM: .limitReached
    case ENOSYS, EOPNOTSUPP: .unsupported
    default: .internal
    }
  }

  /// The way out that errno alone tells.
  package var defaultHint: String? {
    switch errno {
    case ENOSYS:
      "dhow needs Linux 5.15 or later; or a filter around this process (another container, a sandbox) hides the call"
    case ENOSPC, EDQUOT: "make room on that filesystem, for example with: dhow image prune"
    case EMFILE: "raise the limit of open files: ulimit -n"
    default: nil
    }
  }
}

/// Runs a call that answers -1 and errno, again when a signal interrupted it.
@discardableResult
package func systemCall<Answer: SignedInteger>(
  _ call: @autoclosure () -> String, _ operand: @autoclosure () -> String = "", _ body: () -> Answer
) throws(SystemError) -> Answer {
  while true {
    let answer = body()
    if answer >= 0 { return answer }
    let code = errno
    if code != EINTR { throw SystemError(call(), operand(), errno: code) }
  }
}
