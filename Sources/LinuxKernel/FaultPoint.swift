internal import Glibc

/// A named place where tests kill, pause or fail the program (docs/TESTING.md). Compiled into debug builds only.
///
/// - `DHOW_FAULT=NAME:kill` ends the process with SIGKILL there, `NAME:pause:/path/of/fifo` waits until the FIFO is
///   opened for writing, `NAME:enospc` and `NAME:eio` throw that error. Several are separated by commas; `NAME#3`
///   means the third time only.
/// - `DHOW_FAULT_TRACE=FILE` appends the name of every point passed.
@inline(__always)
package func faultPoint(_ name: StaticString) throws(SystemError) {
  #if FAULT_POINTS
    try FaultPoints.pass(name)
  #endif
}

#if FAULT_POINTS
  private enum FaultPoints {
    nonisolated(unsafe) static var passed: [String: Int] = [:]

    static func pass(_ point: StaticString) throws(SystemError) {
      let name = "\(point)"
      if let trace = getenv("DHOW_FAULT_TRACE") {
        let file = open(trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o666)
        let line = Array("\(name)\n".utf8)
        _ = write(file, line, line.count)
        close(file)
      }
      guard let text = getenv("DHOW_FAULT") else { return }
      passed[name, default: 0] += 1
      for rule in String(cString: text).split(separator: ",") {
        let parts = rule.split(separator: ":", maxSplits: 2)
        guard parts.count >= 2 else { continue }
        let target = parts[0].split(separator: "#")
        guard target[0] == name, target.count == 1 || Int(target[1]) == passed[name] else { continue }
        try carryOut(parts[1], parts.count > 2 ? String(parts[2]) : "", name)
      }
    }

    private static func carryOut(_ action: Substring, _ argument: String, _ name: String) throws(SystemError) {
      switch action {
      case "kill": kill(getpid(), SIGKILL)
      case "pause": close(open(argument, O_RDONLY | O_CLOEXEC))
      case "enospc": throw SystemError("write", name, errno: ENOSPC)
      case "eio": throw SystemError("write", name, errno: EIO)
      default: break
      }
    }
  }
#endif
