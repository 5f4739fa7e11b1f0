package import Basics
internal import Glibc
internal import OCI
package import Storage

// What a container has to do with others at its start: the one that it replaces, those that it requires.
extension Engine {
  /// `--replace`: removes the container of the same name, if there is one, as `rm -f` does.
  func replace(_ request: ContainerRequest) throws(EngineError) {
    guard request.replaces else { return }
    guard let name = request.name else {
      throw EngineError(.usage, "", "cannot replace container without --name being set")
    }
    let doing = "replacing \(safeText(name))"
    do throws(EngineError) {
      let id = try containers.find(name, doing: doing)
      // A name that is the beginning of another one's id is nobody's.
      guard try containers.record(id)?.name == name else { return }
      // Who joins namespaces must stay outside the user's until the launch: the trash waits for another command then.
      try removeContainer(id, force: true, volumes: false, emptyingTrash: !request.settings.joinsNamespaces)
    } catch {
      if error.kind != .notFound { throw error }
    }
  }

  /// `--requires`: starts the containers that must run before this one. Each in a child: a monitor is forked for it, and
  /// this process may have to stay outside the user's namespace.
  func startRequired(_ settings: ContainerSettings, doing: String) throws(EngineError) {
    for name in settings.requires {
      let id = try containers.find(name, doing: doing)
      if try containers.status(of: id).isRunning { continue }
      let start = try ChildTask.start(doing: doing) { report in
        // As if the caller had left it open: the monitor closes it, and we do not wait for its end.
        _ = fcntl(report, F_SETFD, 0)
        _ = try startContainer(id, attach: nil) { warn($0) }
        return []
      }
      _ = try start.finish()
    }
  }

  /// `container clone`: makes a container with the settings of another and, as that was made, none of its changes.
  /// - Parameters:
  ///   - changes: limits that differ.
  ///   - image: another image; nil is the same.
  ///   - destroys: the first is removed, which `force` does to a running one too.
  /// - Returns: the new container's id.
  package func cloneContainer(
    _ name: String, to newName: String?, image: String? = nil, changes: ResourceLimits, destroys: Bool, force: Bool
  ) throws(EngineError) -> String {
    let doing = "cloning \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    if destroys, !force, try containers.status(of: id).isRunning {
      throw EngineError(
        .wrongState, doing, "container \(record.name) is running, and it is to be destroyed", hint: "add --force")
    }
    var settings = record.settings
    settings.resources = try Self.merged(settings.resources, changes, doing: doing)
    settings.pidFile = nil
    settings.creation = []
    let source = record.imageID?.description ?? record.image
    var request = ContainerRequest(image: image ?? source, settings: settings)
    if let newName {
      request.name = newName
    } else {
      request.name = try freeName(record.name + "-clone", doing: doing)
    }
    request.pull = .never
    let made = try makeContainer(request)
    if image == nil, made.record.image != record.image {
      var copy = made.record
      copy.image = record.image
      try containers.rewrite(copy)
    }
    made.lock.release()
    if destroys { try removeContainer(id, force: force, volumes: false) }
    return made.record.id
  }

  /// podman's choice of a name: the first of `NAME`, `NAME1`, … that is free.
  private func freeName(_ wanted: String, doing: String) throws(EngineError) -> String {
    var candidate = wanted
    var number = 0
    while try isTaken(candidate, doing: doing) {
      number += 1
      candidate = "\(wanted)\(number)"
    }
    return candidate
  }

  private func isTaken(_ name: String, doing: String) throws(EngineError) -> Bool {
    do throws(EngineError) {
      let id = try containers.find(name, doing: doing)
      return try containers.record(id)?.name == name
    } catch {
      if error.kind == .notFound { return false }
      throw error
    }
  }

  /// `container cleanup`: removes what a monitor that was killed has left of a container that does not run.
  /// - Parameter removes: the container as well.
  /// - Returns: its id.
  package func cleanUpContainer(_ name: String, removes: Bool) throws(EngineError) -> String {
    let doing = "cleaning up \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    let lock = HeldLock(try containers.lock(id, doing: doing))
    if try containers.status(of: id).isRunning {
      throw EngineError(
        .wrongState, doing, "container \(Identifier.short(id)) is running or paused, refusing to clean up",
        hint: "dhow stop \(safeText(name))")
    }
    removeRemains(of: id)
    lock.release()
    if removes { try removeContainer(id, force: false, volumes: true) }
    return id
  }
}
