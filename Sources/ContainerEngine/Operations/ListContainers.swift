package import Basics
internal import Networking
internal import OCI
internal import Storage

extension Engine {
  /// The newest first, without `all` only those that run; a container with a damaged record is listed as such.
  /// - Parameter sizes: adds up the bytes of each container's files, which reads them all.
  package func listContainers(all: Bool, sizes: Bool) throws(EngineError) -> [ContainerSummary] {
    // Looked at first: a container that starts meanwhile is found running by its start record.
    let started = try containers.idsInRunRoot()
    let ids = all ? try containers.ids() : started
    let hasState = Set(started)
    var summaries: [ContainerSummary] = []
    summaries.reserveCapacity(ids.count)
    for id in ids {
      do throws(EngineError) {
        let status = try containers.status(of: id, mayHaveState: hasState.contains(id))
        guard all || status.isRunning, let record = try containers.record(id) else { continue }
        var summary = ContainerSummary(record, status)
        if status.isRunning, record.healthcheck != nil { summary.health = try containers.health(of: id)?.status }
        summary.restart = record.settings.restart
        summary.startsOnBoot = try startsOnBoot(record, status)
        if status.isRunning, record.settings.usesBridges { summary.published = try containerNetwork(id)?.ports ?? [] }
        if sizes { summary.sizes = try self.sizes(of: record) }
        summaries.append(summary)
      } catch {
        summaries.append(ContainerSummary(damaged: id, error))
      }
    }
    summaries.sort { ($0.created, $0.id) > ($1.created, $1.id) }
    return summaries
  }

  /// Removes stopped containers; `accepts` decides for each.
  /// - Parameter dryRun: only says which.
  package func pruneContainers(
    dryRun: Bool = false, _ accepts: (ContainerSummary) -> Bool
  ) throws(EngineError) -> PruneReport {
    var report = PruneReport(removed: [], reclaimedBytes: 0)
    for container in try listContainers(all: true, sizes: true) where container.isPrunable && accepts(container) {
      do throws(EngineError) {
        if !dryRun { try removeContainer(container.id, force: false, volumes: true) }
        report.removed.append(container.id)
        report.reclaimedBytes += container.sizes?.writable ?? 0
      } catch { report.failures.append(error) }
    }
    return report
  }
}

extension ContainerSummary {
  init(_ record: ContainerRecord, _ status: ContainerStatus) {
    let state: State =
      switch status {
      case .created: .created
      case .running(let running):
        switch (running.phase, running.lastEnd) {
        case (.paused, _): .paused(since: running.startedAt)
        case (.restarting, let end?): .restarting(code: end.code, at: end.finishedAt)
        default: .running(since: running.startedAt)
        }
      case .exited(let exit): .exited(code: exit.code, at: exit.finishedAt)
      case .lost: .lost
      }
    var labels = record.defaults.labels
    for (name, value) in record.settings.labels {
      if let index = labels.firstIndex(where: { $0.0 == name }) {
        labels[index].1 = value
      } else {
        labels.append((name, value))
      }
    }
    self.init(
      id: record.id, name: record.name, image: record.image, imageID: record.imageID?.description ?? "",
      layers: record.layers.map(\.description), command: record.command, created: record.created, state: state,
      labels: labels, network: record.settings.network.isEmpty ? "none" : record.settings.network,
      mounts: record.settings.mounts)
    networks = record.settings.networks.isEmpty ? [network] : record.settings.networks.map(\.network)
    exposed = record.defaults.exposedPorts.map(\.description)
    for port in record.settings.exposedPorts where !exposed.contains(port) { exposed.append(port) }
  }

  /// A container of which only the id is known.
  init(damaged id: String, _ error: EngineError) {
    self.init(
      id: id, name: "", image: "", imageID: "", layers: [], command: [], created: Timestamp(nanoseconds: 0),
      state: .damaged(error.reason), labels: [], network: "", mounts: [])
  }

  fileprivate var isPrunable: Bool {
    switch state {
    case .created, .exited, .lost: true
    case .running, .paused, .restarting, .damaged: false
    }
  }
}
