package import Basics
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

/// What `wait` waits for, in the words of docker's API and of podman.
package enum WaitCondition: String, CaseIterable, Sendable {
  case created, configured, initialized
  case running, paused
  case stopped, exited, stopping
  case healthy, unhealthy
  case notRunning = "not-running"
  case nextExit = "next-exit"
  case removing, removed
}

extension Engine {
  /// Waits until the container does not run and answers its exit code: at once when it has ended before. One that was
  /// never started counts as ended with 0, as in docker. A container with a restart policy has one end after each run.
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

  /// Waits until one of the conditions holds.
  /// - Parameter interval: nanoseconds between two looks.
  /// - Returns: the exit code of a container that has ended, -1 of one that has not, as podman.
  package func waitForContainer(
    _ name: String, until conditions: [WaitCondition], interval: Int64
  ) throws(EngineError) -> Int32 {
    if conditions == [.stopped] || conditions == [.notRunning] { return try waitForContainer(name) }
    let doing = "waiting for \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    let runAtFirst = try runs(id)
    var last: Int32 = -1
    while true {
      guard try containers.exists(id) else {
        if conditions.contains(.removed) || conditions.contains(.removing) { return last }
        throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
      }
      let status = try containers.status(of: id)
      if case .exited(let exit) = status { last = exit.code }
      for condition in conditions {
        // A run that has ended since, also when the next one has begun.
        if condition == .nextExit {
          if runAtFirst != nil, try runs(id) != runAtFirst { return try lastCode(id, status) }
        } else if try holds(condition, status, id) {
          return last
        }
      }
      usleep(UInt32(clamping: max(1000, interval / 1000)))
    }
  }

  /// When the run that lasts began.
  private func runs(_ id: String) throws(EngineError) -> Timestamp? {
    guard case .running(let state) = try containers.status(of: id), state.phase != .restarting else { return nil }
    return state.startedAt
  }

  private func lastCode(_ id: String, _ status: ContainerStatus) throws(EngineError) -> Int32 {
    switch status {
    case .running(let state): return state.lastEnd?.code ?? -1
    case .exited(let exit): return exit.code
    default: return -1
    }
  }

  private func holds(
    _ condition: WaitCondition, _ status: ContainerStatus, _ id: String
  ) throws(EngineError) -> Bool {
    switch (condition, status) {
    case (.created, .created), (.configured, .created), (.initialized, .created): return true
    case (.running, .running(let state)): return state.phase == .running
    case (.paused, .running(let state)): return state.phase == .paused
    case (.stopped, .exited), (.exited, .exited), (.notRunning, .exited): return true
    case (.stopped, .lost), (.exited, .lost), (.notRunning, .lost), (.notRunning, .created): return true
    case (.stopped, .created): return true
    case (.healthy, .running), (.unhealthy, .running):
      return try containers.health(of: id)?.status.rawValue == condition.rawValue
    default: return false
    }
  }
}
