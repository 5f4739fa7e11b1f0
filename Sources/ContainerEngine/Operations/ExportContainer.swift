package import Basics
internal import CLinux
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

extension Engine {
  /// Writes a container's files as a plain tar: the merged tree, owners as in the container, no whiteouts, volumes not
  /// included. The container may be running.
  ///
  /// A child mounts the layers and the writable one on top as one read-only overlay, in a mount namespace of its own
  /// that goes with it. Only directories are mounted that lie in the store, by descriptors; nothing of the container
  /// runs.
  package func exportContainer(_ name: String, to descriptor: Int32) throws(EngineError) {
    let doing = "exporting \(safeText(name))"
    try during(doing) {
      let id = try containers.find(name, doing: doing)
      guard let record = try containers.record(id) else {
        throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
      }
      try enterUserNamespace()
      let layers = try ContainerLayers(self, record, doing: doing)
      try layers.prepare()
      let home = StatePath.container(id)
      var trees = [home + "/" + StatePath.ContainerFile.upper]
      if let root = record.settings.rootDirectory {
        trees = (root.overlay ? try trees + layers.trees() : []) + [root.path]
      } else {
        trees += try layers.trees()
      }
      // A mount namespace of its own goes with the child.
      try ChildTask.run(doing: doing) { [self] in
        try writeTree(trees, mountedOn: home, owners: layers.archiveOwners, to: descriptor, doing: doing)
      }
    }
  }

  /// In the child. Paths are relative to the root directory, the topmost tree first.
  private func writeTree(
    _ trees: [String], mountedOn home: String, owners: OwnerShift, to descriptor: Int32, doing: String
  ) throws {
    // In this order: unshare takes the working directory along, while a descriptor stays in the namespace it was opened
    // in, whose mounts overlay does not take (EINVAL).
    try systemCall("chdir", directory.location.root) { fchdir(directory.root.raw) }
    try systemCall("unshare") { dhow_unshare(Int32(DHOW_CLONE_NEWNS)) }
    // Nothing of ours is seen outside.
    try systemCall("mount", "/") { mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) }
    var opened: [Int32] = []
    for tree in trees { opened.append(try File.openDirectory(tree, followLink: tree.hasPrefix("/")).take()) }
    if opened.count > 1 { opened = [try mountOverlay(opened, on: home)] }
    let writer = TarWriter { try File.writeAll(descriptor, $0, shown: "the archive") }
    _ = try TreeArchive.write(
      opened[0], as: .tree, to: writer, owners: owners, failure: ArchiveFailure(doing: doing))
    try writer.finish()
  }

  /// In /proc/self/fd each tree has a name of a few bytes, so that any number of layers fits the one page of mount
  /// options.
  private func mountOverlay(_ trees: [Int32], on home: String) throws(SystemError) -> Int32 {
    let target = try File.openDirectory(home)
    let options = "lowerdir=" + trees.map(String.init).joined(separator: ":") + (isRootless ? ",userxattr" : "")
    try systemCall("chdir", "/proc/self/fd") { chdir("/proc/self/fd") }
    try systemCall("mount", "the container's files") {
      mount("overlay", "\(target.raw)", "overlay", UInt(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC), options)
    }
    // The descriptor is of the directory below the mount: `..` and down again leads onto it.
    let directory = try File.openDirectory(at: target.raw, "..")
    let name = home.split(separator: "/").last.map(String.init) ?? home
    return try File.openDirectory(at: directory.raw, name).take()
  }
}
