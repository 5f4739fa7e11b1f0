package import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

extension Engine {
  /// Changes of the container's file system against its image: `A`, `C` or `D` and the path, in docker's order. Reads
  /// the writable layer only, never compares trees.
  package func diffContainer(_ name: String) throws(EngineError) -> [(kind: Character, path: String)] {
    let doing = "comparing \(safeText(name)) with its image"
    let id = try containers.find(name, doing: doing)
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    guard record.settings.rootDirectory == nil || record.settings.rootDirectory?.overlay == true else {
      throw EngineError(.unsupported, doing, "a container of --rootfs without :O has no layer of its own")
    }
    // Files of other ids may be in directories that only root of the namespace can read.
    try enterUserNamespace()
    let upper = try openUpper(id, doing: doing)
    return try withLowerTrees(record, doing: doing) { trees in
      try LayerDiff.changes(
        upper: upper.raw, lower: LowerChain(trees, mode: overlayMode), mode: overlayMode,
        stubs: MountStubs.paths(of: record.settings),
        failure: ArchiveFailure(doing: doing)
      ).map { (Character($0.kind.rawValue), String(decoding: $0.path, as: UTF8.self)) }
    }
  }

  /// How overlayfs keeps its marks for this user.
  var overlayMode: OverlayMode { isRootless ? .rootless : .root }

  func openUpper(_ id: String, doing: String) throws(EngineError) -> OwnedDescriptor {
    let home = try containers.open(id)
    return try during(doing) { try File.openDirectory(at: home.raw, StatePath.ContainerFile.upper) }
  }

  /// Runs `body` with the trees below a container's writable layer, topmost first, whose owners are those that the
  /// container sees. We are in the user's namespace.
  func withLowerTrees<Value>(
    _ record: ContainerRecord, doing: String, _ body: ([Int32]) throws -> Value
  ) throws(EngineError) -> Value {
    try during(doing) {
      var trees: [Int32] = []
      defer { for tree in trees { File.close(tree) } }
      if let directory = record.settings.rootDirectory {
        trees.append(try File.openDirectory(directory.path, followLink: true).take())
      }
      let layers = try ContainerLayers(self, record, doing: doing)
      try layers.prepare()
      for tree in layers.trees { trees.append(try File.openDirectory(at: self.directory.root.raw, tree).take()) }
      return try body(trees)
    }
  }
}

/// Where mounts of the engine and of the user's flags lie in a container: what is made there to mount on, when the image
/// has nothing there, is no part of the container's files.
enum MountStubs {
  private static let own = ["proc", "sys", "dev", "etc/hosts", "etc/hostname", "etc/resolv.conf"]

  /// Relative paths with all their parents.
  static func paths(of settings: ContainerSettings) -> Set<[UInt8]> {
    var result: Set<[UInt8]> = []
    let asked = settings.mounts.map { $0.target.split(separator: "/").joined(separator: "/") }
    for path in own + asked + settings.devices.map({ $0.container.split(separator: "/").joined(separator: "/") }) {
      var prefix: [UInt8] = []
      for part in path.split(separator: "/") {
        prefix += (prefix.isEmpty ? [] : [UInt8(ascii: "/")]) + part.utf8
        result.insert(prefix)
      }
    }
    return result
  }
}
