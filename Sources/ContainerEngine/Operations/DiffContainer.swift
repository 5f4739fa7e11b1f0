package import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// `CONTAINER`, `CONTAINER@N` or `CONTAINER@A..@B`: what is compared with what.
struct DiffOperand {
  let container: String
  /// The snapshots compared, 0 for the image; nil on the right is the container as it is.
  let from: Int64
  let to: Int64?

  init(parsing text: String, doing: String) throws(EngineError) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    func number(_ text: Substring) throws(EngineError) -> Int64 {
      guard let number = Int64(text), number >= 0 else {
        throw EngineError(
          .invalidInput, doing, "\"\(safeText(String(text)))\" is no number of a snapshot",
          hint: "CONTAINER@N compares with snapshot N, CONTAINER@A..@B two of them; 0 is the image")
      }
      return number
    }
    container = String(parts[0])
    switch parts.count {
    case 1: (from, to) = (0, nil)
    case 2: (from, to) = (try number(parts[1]), nil)
    case 3 where parts[1].hasSuffix(".."): (from, to) = (try number(parts[1].dropLast(2)), try number(parts[2]))
    default: (from, to) = (try number(""), nil)
    }
  }
}

extension Engine {
  /// Changes of the container's file system against its image: `A`, `C` or `D` and the path, in docker's order. Reads
  /// the writable layer only, never compares trees. With `CONTAINER@N` the changes since snapshot N, with
  /// `CONTAINER@A..@B` those between two.
  package func diffContainer(_ operand: String) throws(EngineError) -> [(kind: Character, path: String)] {
    let doing = "comparing \(safeText(operand))"
    let asked = try DiffOperand(parsing: operand, doing: doing)
    let id = try containers.find(asked.container, doing: doing)
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(asked.container))")
    }
    guard record.settings.rootDirectory == nil || record.settings.rootDirectory?.overlay == true else {
      throw EngineError(.unsupported, doing, "a container of --rootfs without :O has no layer of its own")
    }
    // Files of other ids may be in directories that only root of the namespace can read.
    try enterUserNamespace()
    let changes: [LayerChange]
    if asked.from == 0, asked.to == nil, try snapshots.lower(of: id).isEmpty {
      let upper = try openUpper(id, doing: doing)
      changes = try withLowerTrees(record, doing: doing) { trees in
        try LayerDiff.changes(
          upper: upper.raw, lower: LowerChain(trees, mode: overlayMode), mode: overlayMode,
          stubs: MountStubs.paths(of: record.settings), failure: ArchiveFailure(doing: doing))
      }
    } else {
      changes = try compare(asked, record, doing: doing)
    }
    return changes.map { (Character($0.kind.rawValue), String(decoding: $0.path, as: UTF8.self)) }
  }

  /// Between two states of one container that have the image below them in common.
  private func compare(
    _ asked: DiffOperand, _ record: ContainerRecord, doing: String
  ) throws(EngineError) -> [LayerChange] {
    try during(doing) {
      let image = OpenedTrees(try imageTrees(record, doing: doing))
      func open(_ chain: [Snapshot]) throws -> [Int32] {
        try chain.map {
          try File.openDirectory(at: directory.root.raw, StatePath.snapshotTree($0.id)).take()
        }
      }
      let from = OpenedTrees(try open(try snapshots.chain(asked.from, of: record.id)))
      let top = try asked.to ?? snapshots.base(of: record.id)
      var trees = try open(try snapshots.chain(top, of: record.id))
      if asked.to == nil { trees.insert(try openUpper(record.id, doing: doing).take(), at: 0) }
      let to = OpenedTrees(trees)
      return try LayerDiff.changes(
        from: from.descriptors, to: to.descriptors, common: image.descriptors, mode: overlayMode,
        stubs: MountStubs.paths(of: record.settings), failure: ArchiveFailure(doing: doing))
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
  /// - Parameter chain: the snapshots among them; nil for those the writable layer stands on.
  func withLowerTrees<Value>(
    _ record: ContainerRecord, chain: [Snapshot]? = nil, doing: String, _ body: ([Int32]) throws -> Value
  ) throws(EngineError) -> Value {
    try during(doing) {
      let snapshots = OpenedTrees(
        try (chain ?? snapshots.lower(of: record.id)).map {
          try File.openDirectory(at: self.directory.root.raw, StatePath.snapshotTree($0.id)).take()
        })
      let image = OpenedTrees(try imageTrees(record, doing: doing))
      return try body(snapshots.descriptors + image.descriptors)
    }
  }

  /// The trees of a container's image, or its `--rootfs`, topmost first; they become the caller's.
  private func imageTrees(_ record: ContainerRecord, doing: String) throws -> [Int32] {
    if let directory = record.settings.rootDirectory {
      return [try File.openDirectory(directory.path, followLink: true).take()]
    }
    let layers = try ContainerLayers(self, record, doing: doing)
    try layers.prepare()
    return try layers.imageTrees.map { try File.openDirectory(at: directory.root.raw, $0).take() }
  }
}

/// Where mounts of the engine and of the user's flags lie in a container: what is made there to mount on, when the image
/// has nothing there, is no part of the container's files.
enum MountStubs {
  private static let own = [
    "proc", "sys", "dev", "etc/hosts", "etc/hostname", "etc/resolv.conf", "run/notify/notify.sock",
  ]

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
