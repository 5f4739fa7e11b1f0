package import Basics
internal import LinuxKernel
internal import Runtime
internal import Storage

extension Engine {
  /// Has a container's monitor check its health now; the finding counts like those of the checks in their time.
  /// - Returns: whether the check succeeded.
  package func checkHealth(_ name: String) throws(EngineError) -> Bool {
    let doing = "checking the health of \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    guard case .running(let state) = try containers.status(of: id), state.phase == .running else {
      throw EngineError(
        .wrongState, doing, "container \(Identifier.short(id)) is not running", hint: "dhow start \(safeText(name))")
    }
    guard try containers.record(id)?.healthcheck != nil else {
      throw EngineError(
        .wrongState, doing, "it has no defined healthcheck", hint: "one is given to run or create by --health-cmd")
    }
    guard let connection = try connection(to: id), let code = try MonitorConnection.checkHealth(connection) else {
      throw EngineError(.unavailable, doing, "its monitor went away")
    }
    return code == 0
  }
}
