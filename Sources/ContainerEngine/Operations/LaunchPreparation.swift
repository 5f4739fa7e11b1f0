internal import Basics
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// A container's record turned into what the launcher needs. Everything that can be refused is refused here, before a
/// process exists.
struct LaunchPreparation {
  let engine: Engine
  let record: ContainerRecord
  let service: ServiceStart
  let doing: String

  struct Prepared {
    var spec: RuntimeSpec
    var options: LaunchOptions
    var warnings: [String]
    /// The system call filter in the form of the spec, for another runtime only.
    var filter: RuntimeSpec.Seccomp?
  }

  private var settings: ContainerSettings { record.settings }

  /// Absolute path of the container's directory.
  private var home: String { engine.directory.location.root + "/" + StatePath.container(record.id) }

  func prepare() throws(EngineError) -> Prepared {
    let outer = engine.isRootless ? try engine.idMap() : nil
    let idMap = try IDMapResolver.resolve(
      settings.userNamespace, outer: outer, account: engine.account, doing: doing)
    let user = try resolveUser(defaultUser: idMap.defaultUser)
    guard idMap.maps(uid: user.uid, gid: user.gid) else {
      throw EngineError(
        .unsupported, doing, "user \(user.uid):\(user.gid) is beyond the ids that are yours to give",
        hint: "widen the ranges in /etc/subuid and /etc/subgid")
    }
    let joined = try JoinedNamespaces(engine: engine, settings: settings, doing: doing)
    try engine.prepareVolumes(of: record, user: user, doing: doing)
    let files = RuntimeFiles(of: record.id, engine.directory.location)
    var settings = settings
    let links = try LinkedContainer.all(of: record, engine, doing: doing)
    settings.environment = links.flatMap { $0.variables(in: record.name) } + settings.environment
    let input = RuntimeSpecInput(
      id: record.id, settings: settings, image: record.defaults, user: user, idMap: idMap,
      mounts: try MountResolver(engine, doing: doing).resolve(settings.mounts, of: record.id),
      hostnameFile: files.hostname, hostsFile: files.hosts, resolvConfFile: files.resolvConf,
      notifySocketFile: service.relays ? files.notifySocket : nil, managerEnvironment: service.environment,
      joined: joined.paths, doing: doing)
    var built = try RuntimeSpecBuilder.build(input, host: .current(isHostRoot: !engine.isRootless))
    // The root is mounted in the container's own mount namespace, over the directory that nobody needs to see in there.
    built.spec.root.path = home + "/" + StatePath.ContainerFile.work
    var options = LaunchOptions(
      doing: doing, rootFileSystem: try rootFileSystem(), inUserNamespace: engine.isRootless)
    options.keepsGroups = idMap.setgroupsDenied || built.keepsGroups
    options.joins = joined.joins
    options.usesInit = settings.usesInit
    options.passedDescriptors = service.descriptors
    options.hidesBinary = engine.isBinaryExposed
    options.seccomp = try built.seccomp.program(
      bounding: built.spec.process.capabilities.bounding, doing: doing)
    if let umask = settings.umask { options.umask = umask }
    var prepared = Prepared(spec: built.spec, options: options, warnings: built.warnings)
    if settings.runtime != nil {
      prepared.filter = try built.seccomp.specification(
        bounding: built.spec.process.capabilities.bounding, doing: doing)
    }
    return prepared
  }

  private func resolveUser(defaultUser: String?) throws(EngineError) -> ResolvedUser {
    let text = settings.user ?? defaultUser ?? record.defaults.user
    let root = try during(doing) { try layeredRoot() }
    return try UserResolver.resolve(
      text, groups: settings.groupsAdded.filter { $0 != "keep-groups" }, doing: doing
    ) { (path) throws(SystemError) in
      try root.openRegularFile(path)
    }
  }

  /// The container's root as it will be, without a mount.
  private func layeredRoot() throws -> LayeredRoot {
    if let directory = settings.rootDirectory {
      let opened = try File.openDirectory(directory.path, followLink: true)
      return try LayeredRoot([opened.raw])
    }
    let home = try engine.containers.open(record.id)
    let upper = try File.openDirectory(at: home.raw, StatePath.ContainerFile.upper)
    var trees: [Int32] = []
    defer { for tree in trees { File.close(tree) } }
    for snapshot in try engine.snapshots.lower(of: record.id) {
      let tree = StatePath.snapshotTree(snapshot.id)
      trees.append(try File.openDirectory(at: engine.directory.root.raw, tree).take())
    }
    for layer in record.layers.reversed() {
      trees.append(try LayerStore(engine.directory).openTree(layer).take())
    }
    return try LayeredRoot([upper.raw] + trees)
  }

  private func rootFileSystem() throws(EngineError) -> RootFileSystem {
    let root = engine.directory.location.root + "/"
    let lower: [String]
    if let directory = settings.rootDirectory {
      guard directory.overlay else { return .directory(directory.path) }
      lower = try ContainerLayers(engine, record, doing: doing).trees().map { root + $0 } + [directory.path]
    } else {
      let layers = try ContainerLayers(engine, record, doing: doing)
      try layers.prepare()
      lower = try layers.trees().map { root + $0 }
    }
    return .overlay(
      lower: lower, upper: home + "/" + StatePath.ContainerFile.upper, work: home + "/" + StatePath.ContainerFile.work,
      volatile: settings.autoRemove)
  }
}

extension ContainerSettings {
  /// Namespaces of another container are joined. Its user namespace is a grandchild of the host's, and only from outside
  /// do we have rights over it: a namespace of ours would be a stranger beside it (user_namespaces(7)). So we enter ours
  /// after such a launch and not before.
  var joinsNamespaces: Bool {
    [pidNamespace, network, ipcNamespace].contains { $0.hasPrefix("container:") }
  }
}

/// `container:ID` of the namespace flags: which processes have the namespaces to join.
struct JoinedNamespaces {
  private(set) var joins: [NamespaceJoin] = []

  /// /proc/PID/ns files by kind, for the spec.
  var paths: [RuntimeSpec.NamespaceType: String] {
    var result: [RuntimeSpec.NamespaceType: String] = [:]
    for join in joins {
      for type in join.types { result[type] = "/proc/\(join.process.pid)/ns/\(type.fileName)" }
    }
    return result
  }

  init(engine: Engine, settings: ContainerSettings, doing: String) throws(EngineError) {
    for (type, mode) in [
      (RuntimeSpec.NamespaceType.pid, settings.pidNamespace), (.network, settings.network),
      (.ipc, settings.ipcNamespace),
    ] where mode.hasPrefix("container:") {
      let process = try Self.program(of: String(mode.dropFirst("container:".count)), engine, doing)
      if let index = joins.firstIndex(where: { $0.process == process }) {
        joins[index].types.append(type)
      } else {
        // The user namespace is joined along: only its members have rights over what it owns.
        joins.append(NamespaceJoin(process: process, types: engine.isRootless ? [.user, type] : [type]))
      }
    }
    guard joins.count < 2 || !engine.isRootless else {
      throw EngineError(
        .unsupported, doing, "namespaces of several containers cannot be joined at once by an ordinary user",
        hint: "name one container in all of --pid, --ipc and --network")
    }
  }

  private static func program(
    of name: String, _ engine: Engine, _ doing: String
  ) throws(EngineError) -> ProcessIdentity {
    let id = try engine.containers.find(name, doing: doing)
    guard case .running(let state) = try engine.containers.status(of: id), let program = state.program else {
      throw EngineError(
        .wrongState, doing, "cannot join the namespaces of container \(safeText(name)): it is not running",
        hint: "dhow start \(safeText(name))")
    }
    return program
  }
}

extension RuntimeSpec.NamespaceType {
  /// Its name below /proc/PID/ns (namespaces(7)).
  fileprivate var fileName: String {
    switch self {
    case .mount: "mnt"
    case .network: "net"
    default: rawValue
    }
  }
}
