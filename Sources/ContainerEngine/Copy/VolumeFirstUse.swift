internal import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import Runtime
internal import Storage

extension Engine {
  /// Makes a container's volumes ready for it: makes those that are missing, copies what the image has at the target into one
  /// that no container has had yet, and gives a source mounted with `:U` to the container's user.
  /// - Parameter user: the container's user in its own ids; nil leaves `:U` alone.
  func prepareVolumes(
    of record: ContainerRecord, user: ResolvedUser?, doing: String
  ) throws(EngineError) {
    let mounts = record.settings.mounts
    if mounts.contains(where: { $0.kind == .volume }) {
      try provideVolumes(of: record)
      for mount in mounts where mount.kind == .volume { try beginUse(of: mount, record, doing: doing) }
    }
    guard let user else { return }
    for mount in mounts where mount.chownsSource && mount.kind != .tmpfs {
      try give(mount, to: user, record, doing: doing)
    }
  }

  private func beginUse(
    of mount: MountRequest, _ record: ContainerRecord, doing: String
  ) throws(EngineError) {
    let name = mount.source
    if case .over = try volumes.firstUse(of: name) { return }
    // Others that begin to use it wait until all is in it.
    guard let lock = try volumes.lock(name), let volume = try volumes.record(name) else {
      throw EngineError(.notFound, doing, "no such volume: \(name)")
    }
    let held = HeldLock(lock)
    defer { held.release() }
    let durable = !(volume.isAnonymous && record.settings.autoRemove)
    switch try volumes.firstUse(of: name) {
    case .over: return
    case .interrupted:
      // Files of other ids are removable to root of the user's namespace only.
      try ChildTask.run(doing: doing) {
        try self.enterUserNamespace()
        try self.volumes.discardData(of: name)
      }
    case .ahead: break
    }
    if case .directory = try VolumeSource(volume), try isEmpty(name) {
      try volumes.beginFirstUse(of: name, durable: durable)
      try fill(name, for: mount, record, doing: doing)
    }
    try volumes.endFirstUse(of: name, durable: durable)
  }

  private func isEmpty(_ name: String) throws(EngineError) -> Bool {
    let data = try volumes.openData(name)
    return try during("reading volume \(name)") { try File.list(data.raw).isEmpty }
  }

  /// A child sees the container's files as its programs will, with the container's ids.
  private func fill(
    _ name: String, for mount: MountRequest, _ record: ContainerRecord, doing: String
  ) throws(EngineError) {
    let doing = "\(doing): copying the image's \(mount.target) into volume \(name)"
    let data = try volumes.openData(name)
    let entry = ContainerEntry(self, imageOf: record, doing: doing)
    try ChildTask.run(doing: doing) {
      let inside = try entry.enter(keeping: [data.raw])
      // A directory of its own is root's, as docker makes it.
      if inside.isRoot { try systemCall("chown", "the volume") { fchown(data.raw, 0, 0) } }
      guard mount.copiesUp else { return }
      let source: OwnedDescriptor
      do throws(SystemError) {
        source = try File.openInRoot(inside.root.raw, mount.target, O_RDONLY | O_DIRECTORY)
      } catch {
        if error.errno == ENOENT || error.errno == ENOTDIR { return }
        throw error
      }
      try TreeCopy.copy(
        source.raw, to: data.raw, owners: .none, mode: self.overlayMode, failure: ArchiveFailure(doing: doing))
    }
  }

  private func give(
    _ mount: MountRequest, to user: ResolvedUser, _ record: ContainerRecord, doing: String
  ) throws(EngineError) {
    let doing = "\(doing): giving \(safeText(mount.source)) to \(user.uid):\(user.gid)"
    let path = mount.kind == .bind ? mount.source : StatePath.volumeData(mount.source)
    let source = try during(doing) {
      try File.open(at: directory.root.raw, path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    }
    let entry = ContainerEntry(self, imageOf: record, doing: doing)
    try ChildTask.run(doing: doing) {
      _ = try entry.enter(keeping: [source.raw])
      try TreeOwnership.give(
        source.raw, toUser: user.uid, group: user.gid, failure: ArchiveFailure(doing: doing))
    }
  }
}
