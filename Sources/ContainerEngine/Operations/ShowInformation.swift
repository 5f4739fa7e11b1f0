package import Basics
internal import LinuxKernel
internal import Storage

extension Engine {
  /// docker's `info` (Engine API 1.50, `SystemInfo`), as far as there is something to say without a daemon.
  package func information() throws(EngineError) -> JSON {
    var counts = ContainerCounts()
    for id in try containers.ids() {
      // A container that cannot be read does not run, but it is there.
      counts.add((try? containers.status(of: id)) ?? .created)
    }
    return InformationView(
      counts: counts, imageCount: try images.list().count { !$0.isReferrer }, location: directory.location,
      features: try directory.features(), isRootless: isRootless, idMap: try idMap(), host: MachineFacts()
    ).json
  }
}

/// How many containers there are in each state.
struct ContainerCounts: Equatable {
  var running = 0
  var paused = 0
  var stopped = 0

  var all: Int { running + paused + stopped }

  mutating func add(_ status: ContainerStatus) {
    switch status {
    case .running(let state): if state.phase == .paused { paused += 1 } else { running += 1 }
    case .created, .exited, .lost: stopped += 1
    }
  }
}
