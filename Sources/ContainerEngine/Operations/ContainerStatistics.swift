package import Basics
package import Runtime
internal import Storage

/// What a container uses, as `stats` shows it.
package struct ContainerStatistics: Sendable {
  package var id: String
  package var name: String
  /// Nil when it does not run.
  package var usage: ContainerUsage?
}

extension Engine {
  /// One look at the named containers, or at all that run, or with `all` at all.
  package func containerStatistics(_ names: [String], all: Bool) throws(EngineError) -> [ContainerStatistics] {
    var ids: [String] = []
    if names.isEmpty {
      ids = try listContainers(all: all, sizes: false).map(\.id)
    } else {
      for name in names { ids.append(try containers.find(name, doing: "reading the statistics of \(safeText(name))")) }
    }
    var result: [ContainerStatistics] = []
    for id in ids {
      // One that goes while we look is not there.
      guard let status = try? containers.status(of: id), let record = try? containers.record(id) else { continue }
      var usage: ContainerUsage?
      if case .running(let state) = status, let program = state.program {
        usage = ContainerUsage(cgroup: CgroupPlacement(record: state.cgroup), program: program)
      }
      if usage == nil, names.isEmpty, !all { continue }
      result.append(ContainerStatistics(id: id, name: record.name, usage: usage))
    }
    return result
  }
}
