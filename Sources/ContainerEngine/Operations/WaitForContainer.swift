package import Basics
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

extension Engine {
  /// Waits until the container does not run and answers its exit code: at once when it has ended before. One that was
  /// never started counts as ended with 0, as in docker.
  package func waitForContainer(_ name: String) throws(EngineError) -> Int32 {
    let doing = "waiting for \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    while case .running = try containers.status(of: id) {
      guard let connection = try connection(to: id) else {
        usleep(1000)
        continue
      }
      if let status = try MonitorConnection.waitForExit(connection) { return status.code }
    }
    switch try containers.status(of: id) {
    case .exited(let exit): return exit.code
    case .created: return 0
    default: return try recordedEnd(of: id, doing: doing)
    }
  }
}
