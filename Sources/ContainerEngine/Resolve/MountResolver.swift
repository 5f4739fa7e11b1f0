internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

/// Decides the sources of a container's mounts: a bind's source exists, or is made where docker makes it.
struct MountResolver {
  let location: StateLocation
  let doing: String

  func resolve(_ requests: [MountRequest]) throws(EngineError) -> [ResolvedMount] {
    var mounts: [ResolvedMount] = []
    for request in requests {
      switch request.kind {
      case .tmpfs:
        mounts.append(
          ResolvedMount(
            kind: .tmpfs, source: "", destination: request.target, readOnly: request.readOnly, options: request.options)
        )
      case .bind: mounts.append(try bind(request))
      case .volume:
        throw EngineError(
          .unsupported, doing, "volumes are not available in this version yet (\(safeText(request.target)))",
          hint: "bind a directory of the host: -v /path/on/host:\(safeText(request.target))")
      }
    }
    return mounts
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
