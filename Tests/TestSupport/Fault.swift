internal import Glibc

/// What shall happen at a named fault point of a debug build (`faultPoint` in LinuxKernel).
package enum Fault: Sendable {
  /// The process ends there as if by `kill -9`; `passage` counts from 1, nil means the first and every other.
  case kill(String, passage: Int? = nil)
  /// The process waits there until `PausePoint.release` is called.
  case pause(PausePoint)
  case noSpace(String, passage: Int? = nil)
  case inputOutputError(String, passage: Int? = nil)

  var rule: String {
    switch self {
    case .kill(let name, let passage): "\(Fault.place(name, passage)):kill"
    case .pause(let point): "\(point.name):pause:\(point.fifo)"
    case .noSpace(let name, let passage): "\(Fault.place(name, passage)):enospc"
    case .inputOutputError(let name, let passage): "\(Fault.place(name, passage)):eio"
    }
  }

  private static func place(_ name: String, _ passage: Int?) -> String {
    passage.map { "\(name)#\($0)" } ?? name
  }

  /// The environment that makes a program commit these faults.
  package static func environment(_ faults: [Fault]) -> [String: String] {
    guard !faults.isEmpty else { return [:] }
    var variables = ["DHOW_FAULT": faults.map(\.rule).joined(separator: ",")]
    for case .pause(let point) in faults { variables["DHOW_FAULT_TRACE"] = point.trace }
    return variables
  }
}

/// A fault point where a process waits until it is told to go on: races are won by construction, not by luck.
package struct PausePoint: Sendable {
  package let name: String
  let fifo: String
  /// The program writes the points it passes here, this one before it waits.
  let trace: String

  /// Made by `store.pausePoint(_:)`, with files of its own in the store's directory.
  init(_ name: String, directory: String) throws {
    self.name = name
    fifo = "\(directory)/pause.\(name)"
    trace = fifo + ".trace"
    guard mkfifo(fifo, 0o666) == 0, chmod(fifo, 0o666) == 0 else {
      throw FixtureError("mkfifo \(fifo): \(lastError())")
    }
    try write("", to: trace, mode: 0o666)
  }

  /// Waits until a process has arrived; false if none does in that time.
  package func isReached(within seconds: Double = 20) -> Bool {
    // A trace that cannot be read shows nobody arriving, which fails the test that asks.
    eventually(within: seconds) {
      String(decoding: bytesIfReadable(trace) ?? [], as: UTF8.self).split(separator: "\n").contains { $0 == name }
    }
  }

  /// Lets the process that waits go on; false if none waits.
  @discardableResult
  package func release(within seconds: Double = 5) -> Bool {
    eventually(within: seconds) {
      // Opening for writing succeeds only while somebody has it open for reading, and wakes them.
      let descriptor = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
      if descriptor >= 0 { close(descriptor) }
      return descriptor >= 0
    }
  }
}
