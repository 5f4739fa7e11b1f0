internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

/// Decides the sources of a container's mounts: a bind's source exists, or is made where docker makes it.
struct MountResolver {
  let engine: Engine
  let doing: String

  init(_ engine: Engine, doing: String) {
    self.engine = engine
    self.doing = doing
  }

  func resolve(_ requests: [MountRequest], of id: String) throws(EngineError) -> [ResolvedMount] {
    var mounts: [ResolvedMount] = []
    for (index, request) in requests.enumerated() {
      var mount: ResolvedMount
      switch request.kind {
      case .tmpfs: mount = tmpfs(request, request.options)
      case .bind: mount = try bind(request)
      case .volume: mount = try volume(request)
      }
      if request.isOverlay { mount = try overlay(mount, number: index, of: id) }
      mounts.append(mount)
    }
    return mounts
  }

  /// Where the files of a bind or a volume are on the host; nil for what is made anew for each start.
  func place(of request: MountRequest) throws(EngineError) -> String? {
    switch request.kind {
    case .bind: return request.source
    case .tmpfs: return nil
    case .volume:
      guard let volume = try engine.volumes.record(request.source) else { return nil }
      switch try VolumeSource(volume) {
      case .directory: return try directory(of: request)
      case .bind(let path, _): return path
      case .tmpfs: return nil
      }
    }
  }

  private func tmpfs(_ request: MountRequest, _ options: [String]) -> ResolvedMount {
    ResolvedMount(
      kind: .tmpfs, source: "", destination: request.target, readOnly: request.readOnly, options: options)
  }

  private func volume(_ request: MountRequest) throws(EngineError) -> ResolvedMount {
    guard let volume = try engine.volumes.record(request.source) else {
      throw EngineError(.notFound, doing, "no such volume: \(safeText(request.source))")
    }
    switch try VolumeSource(volume) {
    case .directory:
      var mount = ResolvedMount(
        kind: .bind, source: try directory(of: request), destination: request.target, readOnly: request.readOnly,
        propagation: "rprivate", recursion: .none, options: request.options)
      mount.refusesLinks = true
      return mount
    case .tmpfs(let options): return tmpfs(request, options + request.options)
    case .bind(let path, let options):
      var bound = MountRequest(kind: .bind, source: path, target: request.target)
      bound.readOnly = request.readOnly || options.contains("ro")
      bound.options = options.filter { $0 != "ro" && $0 != "rw" } + request.options
      return try bind(bound)
    }
  }

  /// The path of a volume's data or of what is mounted of it, without links: programs in containers write there, and what
  /// they put in the way must lead nowhere else (CVE-2017-1002101).
  private func directory(of request: MountRequest) throws(EngineError) -> String {
    let data = try engine.volumes.openData(request.source)
    return try during(doing) {
      let path = try File.readLink("/proc/self/fd/\(data.raw)")
      if request.subpath.isEmpty { return path }
      do throws(SystemError) {
        let part = try File.openBeneath(data.raw, request.subpath, 0o10000000)  // O_PATH
        return try File.readLink("/proc/self/fd/\(part.raw)")
      } catch {
        let shown = "\(safeText(request.subpath)) of volume \(request.source)"
        if error.errno == ELOOP || error.errno == EXDEV {
          throw EngineError(.denied, doing, "\(shown): a link leads on from there, which is not followed in a volume")
        }
        throw error.errno == ENOENT
          ? EngineError(
            .notFound, doing, "\(shown) does not exist", hint: "make it with a container that has the volume")
          : error.engineError(doing)
      }
    }
  }

  /// Changes go to directories of the container's that are empty at every start.
  private func overlay(_ mount: ResolvedMount, number: Int, of id: String) throws(EngineError) -> ResolvedMount {
    guard mount.kind == .bind else { return mount }
    guard !mount.source.utf8.contains(where: { ":,\\".utf8.contains($0) }) else {
      throw EngineError(
        .unsupported, doing,
        "the kernel's overlay takes no path with a colon, a comma or a backslash in it: "
          + safeText(mount.source))
    }
    let home = StatePath.container(id) + "/" + StatePath.ContainerFile.overlays
    let place = "\(home)/\(number)"
    return try during(doing) {
      let root = engine.directory.root.raw
      let source = try File.status(mount.source, followLink: true)
      guard source.kind == .directory else {
        throw EngineError(.invalidInput, doing, "\(safeText(mount.source)) is no directory, :O is for directories")
      }
      try File.ensureDirectory(at: root, home, mode: 0o700)
      try Trash(engine.directory).discard(place)
      try File.makeDirectory(at: root, place, mode: 0o700)
      for name in ["upper", "work"] { try File.makeDirectory(at: root, "\(place)/\(name)", mode: 0o755) }
      // What overlay shows of the mount's root is the upper directory's owner and mode.
      let upper = try File.openDirectory(at: root, "\(place)/upper")
      try systemCall("chown", place) { fchown(upper.raw, source.uid, source.gid) }
      try systemCall("chmod", place) { fchmod(upper.raw, mode_t(source.mode & 0o7777)) }
      let base = engine.directory.location.root + "/" + place
      var overlay = mount
      overlay.kind = .overlay
      overlay.options =
        [
          "lowerdir=\(mount.source)", "upperdir=\(base)/upper", "workdir=\(base)/work",
        ] + (engine.isRootless ? ["userxattr"] : [])
      return overlay
    }
  }

  private func bind(_ request: MountRequest) throws(EngineError) -> ResolvedMount {
    try refuseState(request.source)
    let recursion: ResolvedMount.Recursion =
      switch request.recursive {
      case .enabled, .readonly: .full
      case .writable: .writable
      case .disabled: .none
      }
    if try !during(doing, { try exists(request.source) }) {
      guard request.createsSource else {
        throw EngineError(
          .notFound, doing, "bind source path does not exist: \(safeText(request.source))",
          hint: "make it, or use -v, which makes a missing directory")
      }
      try makeDirectory(request.source)
    }
    return ResolvedMount(
      kind: .bind, source: request.source, destination: request.target, readOnly: request.readOnly,
      propagation: request.propagation ?? "rprivate", recursion: recursion, options: request.options)
  }

  private func exists(_ path: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      _ = try File.status(path, followLink: true)
      return true
    } catch {
      if error.errno == ENOENT { return false }
      throw error
    }
  }

  /// A container that could write the store would own every other container of the user (SECURITY E5).
  private func refuseState(_ source: String) throws(EngineError) {
    let location = engine.directory.location
    for own in [location.root, location.runRoot] where source == own || source.hasPrefix(own + "/") {
      throw EngineError(
        .denied, doing, "\(safeText(source)) belongs to dhow's own state, which no container may have",
        hint: "copy what you need to another directory first")
    }
  }

  /// As the user, who owns it then: in the container that is root.
  private func makeDirectory(_ path: String) throws(EngineError) {
    var prefix = ""
    for part in path.split(separator: "/") {
      prefix += "/\(part)"
      let made = prefix
      _ = try during(doing) { try File.ensureDirectory(made, mode: 0o755) }
    }
  }
}
