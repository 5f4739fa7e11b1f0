internal import Basics
internal import OCI
internal import Runtime
internal import Storage

/// Which runtime makes a container: our own, or the one of `--runtime`.
struct RuntimeChoice {
  /// nil is our own.
  let external: ExternalRuntime?
  let id: String
  /// The runtime directory of the container, absolute.
  let bundle: String

  init(engine: Engine, record: ContainerRecord, bundle: String, doing: String) throws(EngineError) {
    id = record.id
    self.bundle = bundle
    guard let choice = record.settings.runtime, !choice.isEmpty, choice != "dhow" else {
      external = nil
      return
    }
    external = try ExternalRuntime(choice, stateRoot: engine.directory.location.runRoot + "/runtime", doing: doing)
  }

  func launch(
    _ prepared: LaunchPreparation.Prepared, stdio: LaunchStdio, options: LaunchOptions, cgroup: CgroupPlacement,
    isRoot: Bool, beforeGo: (Int32) throws(EngineError) -> Void
  ) throws(EngineError) -> LaunchedProcess {
    guard let external else {
      return try Launcher.launch(prepared.spec, stdio: stdio, options: options, beforeGo: beforeGo)
    }
    return try external.launch(
      ExternalRuntime.adapted(prepared.spec, id: id, cgroup: cgroup, isRoot: isRoot), id: id, stdio: stdio,
      options: options, seccomp: prepared.filter, bundle: bundle, beforeStart: beforeGo)
  }

  /// After the program's end, before anything of the container is removed.
  func end() { external?.remove(id, bundle: bundle) }
}
