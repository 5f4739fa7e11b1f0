internal import Basics
internal import Storage

extension ContainerInspect {
  /// A member of `Mounts`: what the container has.
  func mountPoint(_ mount: MountRequest) -> JSON {
    var builder = JSONBuilder()
    builder.set("Type", mount.kind.rawValue)
    if mount.kind == .volume { builder.set("Name", mount.source) }
    builder.set("Source", path(of: mount))
    builder.set("Destination", mount.target)
    if mount.kind == .volume { builder.set("Driver", "local") }
    builder.set("Mode", mount.modeWords.joined(separator: ","))
    builder.set("RW", !mount.readOnly)
    builder.set("Propagation", mount.kind == .bind ? mount.propagation ?? "rprivate" : "")
    return builder.json
  }

  /// The host's path of what is mounted; empty for tmpfs.
  func path(of mount: MountRequest) -> String {
    guard mount.kind == .volume else { return mount.source }
    return volumesDirectory + "/\(mount.source)/data" + (mount.subpath.isEmpty ? "" : "/" + mount.subpath)
  }

  /// A member of HostConfig.Binds: what was asked for with `-v`.
  func bindText(_ mount: MountRequest) -> String {
    var words = mount.modeWords
    if mount.readOnly { words.append("ro") }
    if let propagation = mount.propagation { words.append(propagation) }
    return mount.source + ":" + mount.target + (words.isEmpty ? "" : ":" + words.joined(separator: ","))
  }

  /// A member of HostConfig.Mounts: what was asked for with `--mount` and `--tmpfs`.
  func mountText(_ mount: MountRequest) -> JSON {
    var builder = JSONBuilder()
    builder.set("Type", mount.kind.rawValue)
    builder.set("Source", mount.source.isEmpty ? nil : mount.source)
    builder.set("Target", mount.target)
    builder.set("ReadOnly", mount.readOnly)
    if mount.kind == .volume {
      var options = JSONBuilder()
      options.set("NoCopy", !mount.copiesUp)
      if !mount.subpath.isEmpty { options.set("Subpath", mount.subpath) }
      builder.set("VolumeOptions", options.json)
    }
    return builder.json
  }
}

extension MountRequest {
  /// Whether docker lists it under HostConfig.Binds: it was asked for with `-v SOURCE:TARGET`.
  var isBindOption: Bool { createsSource && kind != .tmpfs && !isAnonymous }

  /// The options of `-v` that are no access mode and no propagation.
  fileprivate var modeWords: [String] {
    options + (kind == .volume && !copiesUp ? ["nocopy"] : []) + (chownsSource ? ["U"] : []) + (isOverlay ? ["O"] : [])
  }
}
