package import Basics
internal import LinuxKernel
internal import OCI
internal import Runtime
package import Storage

extension Engine {
  /// A container's record.
  package func containerRecord(_ name: String, doing: String) throws(EngineError) -> ContainerRecord {
    let id = try containers.find(name, doing: doing)
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    return record
  }

  /// docker's `inspect` of one container (Engine API 1.50, with the older members the founding documents show).
  /// - Parameter size: also adds up the bytes of the container's files, which reads them all.
  package func inspectContainer(_ name: String, size: Bool) throws(EngineError) -> JSON {
    let doing = "inspecting \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    let status = try containers.status(of: id)
    let hostname = RuntimeSpecBuilder.hostname(
      record.settings, id: id, host: HostFacts.current(isHostRoot: !isRootless).hostname)
    var view = ContainerInspect(
      id: id, name: record.name, created: record.created, commandLine: record.command, imageName: record.image,
      imageID: record.imageID?.description ?? "", settings: record.settings, image: record.defaults,
      environment: ContainerEnvironment.merged(record, hostname: hostname), hostname: hostname,
      state: inspectedState(status), files: inspectedFiles(record, isRunning: status.isRunning))
    switch status {
    case .running(let state): view.restartCount = state.restartCount
    case .exited(let exit): view.restartCount = exit.restartCount
    case .lost(let start, _): view.restartCount = start.restartCount
    case .created: break
    }
    view.healthcheck = record.healthcheck ?? record.settings.healthcheck
    if record.healthcheck != nil { view.state.health = try containers.health(of: id) }
    view.volumesDirectory = directory.location.root + "/" + StatePath.volumes
    if record.settings.rootDirectory == nil { view.overlay = try overlayPaths(record) }
    if status.isRunning { view.network = try containerNetwork(id) }
    for (target, alias) in record.settings.links {
      // One that was removed is linked to no more.
      if let other = try containers.record(target) { view.links.append((other.name, alias)) }
    }
    if size { view.sizes = try sizes(of: record) }
    return view.json
  }

  private func inspectedState(_ status: ContainerStatus) -> ContainerInspect.State {
    switch status {
    case .created: return ContainerInspect.State(status: "created")
    case .running(let state):
      var view = ContainerInspect.State(
        status: [.paused, .restarting].contains(state.phase) ? state.phase.rawValue : "running")
      if let end = state.lastEnd {
        view.finishedAt = end.finishedAt
        // That of the run before is nobody's question while the next one lives.
        if state.phase == .restarting {
          view.exitCode = Int64(end.code)
          view.oomKilled = end.oomKilled
          view.error = end.error
        }
      }
      view.pid = Int64(state.program?.pid ?? 0)
      view.startedAt = state.startedAt
      view.effectiveLimits = CgroupPlacement(record: state.cgroup).effectiveLimits
      return view
    case .exited(let exit):
      var view = ContainerInspect.State(status: "exited")
      view.exitCode = Int64(exit.code)
      view.error = exit.error
      view.oomKilled = exit.oomKilled
      view.startedAt = exit.startedAt
      view.finishedAt = exit.finishedAt
      return view
    case .lost(let start, _):
      var view = ContainerInspect.State(status: "exited")
      view.error = "monitor lost: how the program ended is not known"
      view.startedAt = start.startedAt
      return view
    }
  }

  private func inspectedFiles(_ record: ContainerRecord, isRunning: Bool) -> ContainerInspect.Files {
    var files = ContainerInspect.Files()
    if isRunning {
      let paths = RuntimeFiles(of: record.id, directory.location)
      files.hostname = paths.hostname
      files.hosts = paths.hosts
      files.resolvConf = paths.resolvConf
    }
    if record.settings.logDriver != "none" {
      files.log = "\(directory.location.root)/\(StatePath.container(record.id))/\(StatePath.ContainerFile.log)"
    }
    return files
  }

  /// Absolute paths of the container's overlay, lower layers from the top.
  private func overlayPaths(_ record: ContainerRecord) throws(EngineError) -> ContainerInspect.Overlay {
    let root = directory.location.root + "/"
    let home = root + StatePath.container(record.id) + "/"
    let layers: ContainerLayers
    do throws(EngineError) {
      layers = try ContainerLayers(self, record, doing: "inspecting \(record.name)")
    } catch {
      // The container whose namespaces it joins is gone: until that is mended it has no map of its own to show.
      guard error.kind == .notFound else { throw error }
      layers = ContainerLayers(unshifted: record, self)
    }
    return ContainerInspect.Overlay(
      lower: try layers.trees().map { root + $0 },
      upper: home + StatePath.ContainerFile.upper, work: home + StatePath.ContainerFile.work)
  }

  /// Bytes of the writable layer, and of it with the image's layers.
  func sizes(of record: ContainerRecord) throws(EngineError) -> (writable: Int64, root: Int64) {
    let upper = "\(StatePath.container(record.id))/\(StatePath.ContainerFile.upper)"
    let writable = try SpaceUsage(directory).allocated(upper)
    var root = writable
    for layer in record.layers { root += try LayerStore(directory).record(layer).contentSize }
    return (writable, root)
  }
}
