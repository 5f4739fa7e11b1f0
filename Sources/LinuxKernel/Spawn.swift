internal import CLinux
internal import Glibc

/// How a process ended.
package enum ProcessEnd: Equatable, Sendable {
  case exited(Int32)
  case signaled(Int32)

  /// From a wait(2) status.
  package init(waitStatus status: Int32) {
    self = dhow_wifsignaled(status) != 0 ? .signaled(dhow_wtermsig(status)) : .exited(dhow_wexitstatus(status))
  }

  /// The exit code a shell reports: the program's own, or 128 and the signal.
  package var shellCode: Int32 {
    switch self {
    case .exited(let code): code
    case .signaled(let signal): 128 + signal
    }
  }
}

/// Starting other programs (posix_spawn(3)): the id-map helpers, and runtimes the user named.
package enum Spawn {
  /// Starts `path` with `arguments` (the first is its name). Descriptors other than `descriptors` are closed in it.
  /// - Parameter descriptors: what becomes 0, 1, 2, … of the child; nil is /dev/null.
  /// - Returns: the pid, to be waited for.
  package static func start(
    _ path: String, _ arguments: [String], environment: [String], descriptors: [Int32?] = [nil, nil, nil]
  ) throws(SystemError) -> Int32 {
    var pid: Int32 = 0
    let failure = withCStrings(arguments) { argv in
      withCStrings(environment) { envp in
        dhow_spawn(path, argv, envp, descriptors.map { $0 ?? -1 }, Int32(descriptors.count), &pid)
      }
    }
    if failure != 0 { throw SystemError("start", path, errno: failure) }
    return pid
  }

  /// Waits for a child of ours.
  package static func wait(_ pid: Int32) throws(SystemError) -> ProcessEnd {
    var status: Int32 = 0
    try systemCall("wait", "process \(pid)") { waitpid(pid, &status, 0) }
    return ProcessEnd(waitStatus: status)
  }

  /// Forks. Answers 0 in the child. Only for a process with one thread.
  package static func fork() throws(SystemError) -> Int32 {
    try systemCall("fork") { dhow_fork() }
  }

  /// Finds a helper program among directories that only the system writes, and checks that root owns it: `PATH` belongs
  /// to whoever calls us (SECURITY E13).
  ///
  /// Root is who owns `/`: in a user namespace of ours that is not 0, which is us.
  package static func systemProgram(_ name: String) -> String? {
    guard let root = try? File.status("/").uid else { return nil }  // A root that cannot be seen has no programs.
    for directory in ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin"] {
      let path = directory + "/" + name
      // Absence here is an answer, not a failure.
      guard let status = try? File.status(path, followLink: true) else { continue }
      if status.kind == .regular, status.uid == root, status.mode & 0o022 == 0, status.mode & 0o111 != 0 { return path }
    }
    return nil
  }
}

/// A program that runs as soon as it is told to, in a child that exists before: what we change about ourselves in
/// between does not reach it.
final class WaitingProgram {
  /// Room for the words of 340 ranges (user_namespaces(7)) and for the child's stack.
  private static let memorySize = 65_536
  private let memory: UnsafeMutableRawPointer
  private let pid: Int32

  /// - Parameters:
  ///   - ready: one byte read from this descriptor starts the program; its end instead, and the child exits with 0.
  ///   - arguments: the first is its name.
  init(_ ready: Int32, _ path: String, _ arguments: [String]) throws(SystemError) {
    guard let memory = dhow_map_stack(Self.memorySize) else { throw SystemError("mmap") }
    let pid = withCStrings(arguments) { dhow_start_when_told(ready, path, $0, memory, Self.memorySize) }
    guard pid > 0 else {
      let failure = SystemError("start", path)
      dhow_unmap_stack(memory, Self.memorySize)
      throw failure
    }
    (self.memory, self.pid) = (memory, pid)
  }

  /// Waits for its end; to be called once.
  func wait() throws(SystemError) -> ProcessEnd {
    let end = try Spawn.wait(pid)
    dhow_unmap_stack(memory, Self.memorySize)
    return end
  }
}

/// Calls `body` with a null-ended array of C strings that live during the call.
package func withCStrings<Answer>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws -> Answer
) rethrows -> Answer {
  var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
  pointers.append(nil)
  defer { for pointer in pointers { free(pointer) } }
  return try pointers.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { preconditionFailure("an array with an element has an address") }
    return try body(base)
  }
}
