internal import Basics
internal import CLinux
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// The way into a container's files. `enter` makes the container's root the root of the calling process, which is a
/// child made for it: from then on no path and no link leads anywhere else, and nothing of the container is loaded or run
/// (CVE-2019-14271, CVE-2022-1227).
final class ContainerEntry {
  private enum Way {
    /// Into the namespaces of its program: mounts are seen as the program sees them.
    case joined(ProcessIdentity)
    /// Its layers and bind mounts, mounted anew.
    case mounted
  }

  private let engine: Engine
  private let record: ContainerRecord
  private let doing: String
  private let writes: Bool
  private let way: Way
  /// Whether binds and volumes are mounted as well where it does not run.
  private let mountsOthers: Bool
  /// Held while a container that does not run is written, so that nobody starts it.
  private let lock: StoreLock?

  /// Finds out what the container does. To be called outside of the user's namespace, in which nobody has power over a
  /// running container.
  init(_ engine: Engine, _ name: String, writes: Bool, doing: String) throws(EngineError) {
    self.engine = engine
    self.doing = doing
    self.writes = writes
    mountsOthers = true
    let id = try engine.containers.find(name, doing: doing)
    var lock: StoreLock?
    if writes, try !engine.containers.status(of: id).isRunning {
      lock = try engine.containers.lock(id, doing: doing)
    }
    guard let record = try engine.containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    self.record = record
    if case .running(let state) = try engine.containers.status(of: id), let program = state.program {
      way = .joined(program)
      self.lock = nil
    } else {
      way = .mounted
      self.lock = lock
      if writes, record.settings.readOnly {
        throw EngineError(.denied, doing, "container rootfs is marked read-only")
      }
      try engine.prepareVolumes(of: record, user: nil, doing: doing)
    }
  }

  /// The way into the files of a container without anything mounted in them.
  init(_ engine: Engine, imageOf record: ContainerRecord, doing: String) {
    self.engine = engine
    self.doing = doing
    self.record = record
    writes = false
    way = .mounted
    lock = nil
    mountsOthers = false
  }

  struct Inside {
    /// The container's root directory.
    let root: OwnedPlace
    /// The ids that its files may have.
    let owners: OwnerLimits
    /// This process is the container's root; otherwise all it makes belongs to the one id there is.
    let isRoot: Bool
  }

  /// From the container's ids to those of the user's namespace.
  func namespaceIDs() throws(EngineError) -> IDMap {
    try ContainerLayers(engine, record, doing: doing).idMap ?? .host
  }

  /// From the container's ids to those outside of the user's namespace; root's are the same.
  func outerIDs() throws(EngineError) -> IDMap {
    guard engine.isRootless else { return .host }
    return try namespaceIDs().followed(by: try engine.idMap())
  }

  /// In the child.
  /// - Parameter keeping: descriptors that stay open.
  func enter(keeping: [Int32]) throws -> Inside {
    switch way {
    case .joined(let program): try join(program, keeping)
    case .mounted: try mountAnew()
    }
  }

  private func join(_ program: ProcessIdentity, _ keeping: [Int32]) throws -> Inside {
    guard let opened = try program.open() else {
      throw EngineError(.wrongState, doing, "container \(Identifier.short(record.id)) has just ended")
    }
    let pidfd = opened.take()
    let owners = try OwnerLimits(of: "\(program.pid)")
    var flags = DHOW_CLONE_NEWNS
    if try File.readLink("/proc/\(program.pid)/ns/user") != File.readLink("/proc/self/ns/user") {
      flags |= DHOW_CLONE_NEWUSER
    }
    // Before the container's root has any rights over us: nothing of the host is open, nothing may be traced
    // (CVE-2016-9962; prctl(2) PR_SET_DUMPABLE).
    try closeAll(except: keeping + [pidfd])
    try systemCall("prctl") { dhow_prctl(4, 0, 0) }
    try systemCall("setns", "the container's namespaces") { dhow_setns(pidfd, Int32(flags)) }
    close(pidfd)
    let isRoot = becomeRoot()
    try systemCall("chdir", "/") { chdir("/") }
    return Inside(root: try openRoot(), owners: owners, isRoot: isRoot)
  }

  private func closeAll(except kept: [Int32]) throws(SystemError) {
    var next: UInt32 = 3
    for descriptor in kept.sorted() where descriptor >= 3 {
      let number = UInt32(descriptor)
      if number > next { try systemCall("close_range") { dhow_close_range(next, number - 1) } }
      next = number + 1
    }
    try systemCall("close_range") { dhow_close_range(next, .max) }
  }

  /// False where the container has no root.
  private func becomeRoot() -> Bool { dhow_setresgid(0, 0, 0) == 0 && dhow_setresuid(0, 0, 0) == 0 }

  private func openRoot() throws(SystemError) -> OwnedPlace {
    OwnedPlace(try File.open("/", O_RDONLY | O_DIRECTORY))
  }

  // A container that does not run.

  private func mountAnew() throws -> Inside {
    if engine.isRootless { try engine.enterUserNamespace() }
    let layers = try ContainerLayers(engine, record, doing: doing)
    try layers.prepare()
    try systemCall("chdir", engine.directory.location.root) { fchdir(engine.directory.root.raw) }
    var isRoot = true
    if let map = layers.idMap {
      // The container's own ids, so that files get their owners as from its own programs.
      try enterOwnIDs(map)
      isRoot = becomeRoot()
    }
    try systemCall("unshare") { dhow_unshare(Int32(DHOW_CLONE_NEWNS)) }
    // Nothing of ours is seen outside.
    try systemCall("mount", "/") { mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) }
    let root = try mountRoot(layers)
    if mountsOthers {
      for request in record.settings.mounts where request.kind != .tmpfs { try bind(request, in: root.raw) }
    }
    let owners = try OwnerLimits(of: "self")
    try systemCall("chroot", "the container's root") { fchdir(root.raw) }
    try systemCall("chroot", "the container's root") { chroot(".") }
    return Inside(root: try openRoot(), owners: owners, isRoot: isRoot)
  }

  /// A user namespace inside the user's own; a child that stays outside writes its map.
  private func enterOwnIDs(_ map: IDMap) throws {
    let ready = try File.pipe()
    let target = getpid()
    let writer = try ChildTask.start(doing: doing) { _ in
      close(ready.write)
      var byte: UInt8 = 0
      guard read(ready.read, &byte, 1) == 1 else { return [] }
      for (name, ranges) in [("uid_map", map.uids), ("gid_map", map.gids)] {
        let text = ranges.map { "\($0.inside) \($0.outside) \($0.count)\n" }.joined()
        let file = try File.open("/proc/\(target)/\(name)", O_WRONLY)
        try File.writeAll(file.raw, Array(text.utf8), shown: name)
      }
      return []
    }
    close(ready.read)
    let result = dhow_unshare(Int32(DHOW_CLONE_NEWUSER))
    let failure = SystemError("unshare", "the container's user namespace")
    if result == 0 { try File.writeAll(ready.write, [1]) }
    close(ready.write)
    _ = try writer.finish()
    if result != 0 { throw failure }
  }

  private func mountRoot(_ layers: ContainerLayers) throws -> OwnedPlace {
    var trees = try layers.trees()
    if let directory = record.settings.rootDirectory {
      guard directory.overlay else {
        return OwnedPlace(try File.openDirectory(directory.path, followLink: true))
      }
      trees = [directory.path]
    }
    // After unshare: a descriptor stays in the mount namespace it was opened in, whose mounts overlay does not take.
    var opened: [OwnedPlace] = []
    for tree in trees { opened.append(OwnedPlace(try File.openDirectory(tree, followLink: tree.hasPrefix("/")))) }
    let home = StatePath.container(record.id)
    let upper = OwnedPlace(try File.openDirectory("\(home)/\(StatePath.ContainerFile.upper)"))
    let work = OwnedPlace(try File.openDirectory("\(home)/\(StatePath.ContainerFile.work)"))
    let target = OwnedPlace(try File.openDirectory(home))
    let parent = OwnedPlace(try File.openDirectory(at: target.raw, ".."))
    let lower = opened.map { "\($0.raw)" }.joined(separator: ":")
    // In /proc/self/fd each tree has a name of a few bytes, so that any number of layers fits the page of options. The
    // options are those of a start: the writable layer is the same.
    var options =
      writes ? "lowerdir=\(lower),upperdir=\(upper.raw),workdir=\(work.raw)" : "lowerdir=\(upper.raw):\(lower)"
    options += engine.isRootless ? ",userxattr" : ",redirect_dir=off,index=off,metacopy=off"
    guard options.utf8.count < 4096 else { throw SystemError("mount", "\(trees.count) layers", errno: E2BIG) }
    try systemCall("chdir", "/proc/self/fd") { chdir("/proc/self/fd") }
    let flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (writes ? 0 : MS_RDONLY)
    try systemCall("mount", "the container's files") {
      mount("overlay", "\(target.raw)", "overlay", UInt(flags), options)
    }
    // The descriptor is of the directory below the mount: its parent leads onto it.
    return OwnedPlace(try File.openDirectory(at: parent.raw, record.id))
  }

  /// A bind mount or a volume of the container, where there is something to mount it on.
  private func bind(_ request: MountRequest, in root: Int32) throws {
    let pathOnly: Int32 = 0o10000000  // O_PATH
    guard let place = try MountResolver(engine, doing: doing).place(of: request) else { return }
    do throws(SystemError) {
      let source = OwnedPlace(try File.open(place, pathOnly))
      // Programs of other containers can put links into a volume.
      if request.kind == .volume, try File.readLink("/proc/self/fd/\(source.raw)") != place {
        throw SystemError("open", request.target, errno: ELOOP)
      }
      let target = OwnedPlace(try File.openInRoot(root, request.target, pathOnly))
      let (from, to) = ("/proc/self/fd/\(source.raw)", "/proc/self/fd/\(target.raw)")
      try systemCall("mount", request.target) { mount(from, to, nil, UInt(MS_BIND | MS_REC), nil) }
      guard request.readOnly, writes else { return }
      let mounted = OwnedPlace(try File.openInRoot(root, request.target, pathOnly))
      var status = statvfs()
      try systemCall("stat", request.target) { fstatvfs(mounted.raw, &status) }
      // What a user namespace locks must be said again (mount_namespaces(7)); the numbers are the same in both calls.
      let flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME
      let locked = UInt(status.f_flag) & UInt(flags)
      try systemCall("mount", request.target) {
        mount("none", "/proc/self/fd/\(mounted.raw)", nil, UInt(MS_BIND | MS_REMOUNT | MS_RDONLY) | locked, nil)
      }
    } catch {
      if error.errno != ENOENT && error.errno != ENOTDIR { throw error }
    }
  }
}

extension IDMap {
  /// This map, and then the other one: ids that have no counterpart are left out.
  fileprivate func followed(by outer: IDMap) -> IDMap {
    func compose(_ inner: [IDRange], _ outer: [IDRange]) -> [IDRange] {
      inner.flatMap { range in
        outer.compactMap { line in
          let first = max(range.outside, line.inside)
          let end = min(UInt64(range.outside) + UInt64(range.count), UInt64(line.inside) + UInt64(line.count))
          guard UInt64(first) < end else { return nil }
          return IDRange(
            inside: range.inside + (first - range.outside), outside: line.outside + (first - line.inside),
            count: UInt32(end - UInt64(first)))
        }
      }
    }
    return IDMap(uids: compose(uids, outer.uids), gids: compose(gids, outer.gids))
  }
}
