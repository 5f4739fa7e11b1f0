package import Basics
internal import CLinux
internal import Glibc
package import LayerArchive
package import LinuxKernel

/// Snapshots of containers. A snapshot is made by exchanging the writable layer with an empty directory, in one rename: it
/// costs nothing whatever its size, and is there whole or not at all.
///
/// What a writable layer stands on is written in the layer itself, in an attribute of overlayfs's own namespace, which no
/// container sees: so the exchange is also the moment from which the container stands on the snapshot.
///
/// `snapshots.json` names a snapshot before it is there; one whose exchange never came is passed over. The caller holds the
/// container's lock for every change.
package struct SnapshotStore {
  package let directory: StateDirectory
  private let mode: OverlayMode

  package init(_ directory: StateDirectory, mode: OverlayMode) {
    self.directory = directory
    self.mode = mode
  }

  /// Snapshots at most: overlayfs takes 500 layers, the image's among them.
  package static let limit = 300

  // Reading.

  /// The container's snapshots by number; empty for nearly all, at the cost of one open(2).
  package func list(of container: String) throws(EngineError) -> [Snapshot] {
    try present(read(container).snapshots)
  }

  /// The directories that the container names, also of snapshots that never came to be.
  package func directories(of container: String) throws(EngineError) -> [String] {
    try read(container).snapshots.map(\.id)
  }

  private func present(_ snapshots: [Snapshot]) throws(EngineError) -> [Snapshot] {
    var result: [Snapshot] = []
    for snapshot in snapshots where try isThere(snapshot) { result.append(snapshot) }
    return result
  }

  private func read(_ container: String) throws(EngineError) -> SnapshotList {
    let subject = "the snapshots of container \(Identifier.short(container))"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, StatePath.containerSnapshots(container), version: SnapshotList.version, subject: subject
      )
    else { return SnapshotList() }
    return try during("reading \(subject)") { try SnapshotList(fields) }
  }

  /// False for one whose directory still is the empty one that was to become the writable layer.
  private func isThere(_ snapshot: Snapshot) throws(EngineError) -> Bool {
    let tree: OwnedDescriptor
    do throws(SystemError) {
      tree = try File.openDirectory(at: directory.root.raw, StatePath.snapshotTree(snapshot.id))
    } catch {
      if error.errno == ENOENT { return false }
      throw error.engineError("looking at snapshot \(snapshot.number)")
    }
    return mark(of: tree.raw) != snapshot.number
  }

  /// The snapshot that the container's writable layer stands on, 0 for the image.
  package func base(of container: String) throws(EngineError) -> Int64 {
    let upper = try during("looking at container \(Identifier.short(container))") {
      try File.openDirectory(at: directory.root.raw, StatePath.containerUpper(container))
    }
    return mark(of: upper.raw)
  }

  /// A snapshot and all it stands on, the topmost first.
  /// - Throws: `notFound` for a number that the container does not have.
  package func chain(_ number: Int64, of container: String) throws(EngineError) -> [Snapshot] {
    if number == 0 { return [] }
    let known = try list(of: container)
    var chain: [Snapshot] = []
    var next = number
    while next != 0 {
      guard let snapshot = known.first(where: { $0.number == next }) else {
        throw EngineError(
          .notFound, "looking for a snapshot", "container \(Identifier.short(container)) has no snapshot \(next)",
          hint: "dhow snapshot ls \(Identifier.short(container))")
      }
      chain.append(snapshot)
      next = snapshot.parent
    }
    return chain
  }

  /// What lies between a container's writable layer and its image, the topmost first; empty for nearly all.
  package func lower(of container: String) throws(EngineError) -> [Snapshot] {
    if try read(container).snapshots.isEmpty { return [] }
    return try chain(try base(of: container), of: container)
  }

  // Changing.

  /// Freezes the writable layer of a container that does not run; it goes on with an empty one.
  package func freeze(_ container: String, message: String) throws(EngineError) -> Snapshot {
    let base = try base(of: container)
    let snapshot = try announce(container, parent: base, message: message)
    try during("taking a snapshot") {
      let upper = try File.openDirectory(at: directory.root.raw, StatePath.containerUpper(container))
      try makeTree(StatePath.snapshotTree(snapshot.id), like: upper.raw, standingOn: snapshot.number)
      try faultPoint("store.snapshot.prepared")
      try exchange(StatePath.snapshotTree(snapshot.id), StatePath.containerUpper(container))
      try faultPoint("store.snapshot.exchanged")
    }
    return snapshot
  }

  /// Makes a snapshot with a tree that `fill` brings into an empty directory: for a container that runs.
  package func copy(
    _ container: String, message: String, _ fill: (Int32) throws -> Void
  ) throws(EngineError) -> Snapshot {
    let snapshot = try announce(container, parent: try base(of: container), message: message)
    try during("taking a snapshot") {
      let staged = try StagingArea(in: directory)
      try File.makeDirectory(at: staged.descriptor.raw, StatePath.snapshotTreeName)
      let tree = try File.openDirectory(at: staged.descriptor.raw, StatePath.snapshotTreeName)
      try fill(tree.raw)
      // What it stands on is in the list; the mark is for writable layers.
      try setMark(0, on: tree.raw)
      try File.rename(
        at: staged.descriptor.raw, StatePath.snapshotTreeName, to: directory.root.raw,
        StatePath.snapshotTree(snapshot.id))
    }
    return snapshot
  }

  /// Gives a container that does not run an empty writable layer on a snapshot, or with 0 on its image.
  package func rollBack(_ container: String, to number: Int64) throws(EngineError) {
    let chain = try chain(number, of: container)
    let next = StatePath.container(container) + "/upper.next"
    // Of one that was killed here.
    try Trash(directory).discard(next)
    try during("rolling back container \(Identifier.short(container))") {
      if let top = chain.first {
        let tree = try File.openDirectory(at: directory.root.raw, StatePath.snapshotTree(top.id))
        try makeTree(next, like: tree.raw, standingOn: number)
      } else {
        try File.makeDirectory(at: directory.root.raw, next, mode: 0o755)
        let tree = try File.openDirectory(at: directory.root.raw, next)
        try systemCall("chmod", next) { fchmod(tree.raw, 0o755) }
      }
      try faultPoint("store.rollback.prepared")
      try exchange(next, StatePath.containerUpper(container))
      try faultPoint("store.rollback.exchanged")
    }
    try Trash(directory).discard(next)
  }

  /// Forgets a snapshot that nothing of the container stands on.
  package func remove(_ number: Int64, of container: String) throws(EngineError) {
    let doing = "removing snapshot \(number)"
    let known = try list(of: container)
    guard let snapshot = known.first(where: { $0.number == number }) else {
      throw EngineError(.notFound, doing, "container \(Identifier.short(container)) has no snapshot \(number)")
    }
    if let child = known.first(where: { $0.parent == number }) {
      throw EngineError(.inUse, doing, "snapshot \(child.number) stands on it")
    }
    if try base(of: container) == number {
      throw EngineError(.inUse, doing, "the container stands on it", hint: "dhow rollback CONTAINER@\(snapshot.parent)")
    }
    var list = try read(container)
    list.snapshots.removeAll { $0.number == number }
    try write(list, of: container)
    try removeUnused([snapshot.id])
  }

  /// Writes a chain into the directory of a container in the making, whose writable layer then stands on its top.
  package func adopt(_ chain: [Snapshot], in draft: ContainerDraft) throws(EngineError) {
    guard let top = chain.first else { return }
    try during("branching off") {
      var list = SnapshotList()
      list.snapshots = chain.reversed()
      list.last = top.number
      try RecordFile.create(list.json, at: draft.descriptor, StatePath.ContainerFile.snapshots, durable: true)
      let tree = try File.openDirectory(at: directory.root.raw, StatePath.snapshotTree(top.id))
      try File.remove(at: draft.descriptor, StatePath.ContainerFile.upper, directory: true)
      try makeTree(StatePath.ContainerFile.upper, at: draft.descriptor, like: tree.raw, standingOn: top.number)
    }
  }

  /// Removes the directories of snapshots that no container names any more.
  package func removeUnused(_ candidates: [String]? = nil) throws(EngineError) {
    let found: [String]
    if let candidates {
      found = candidates
    } else {
      found = try during("listing the snapshots") {
        try File.listIfPresent(at: directory.root.raw, StatePath.snapshots).map(\.name)
      }
    }
    if found.isEmpty { return }
    let lock = try StoreLock.acquire(.content, in: directory)
    defer { withExtendedLifetime(lock) {} }
    var named: Set<String> = []
    for id in try ContainerStore(directory).ids() { named.formUnion(try read(id).snapshots.map(\.id)) }
    for id in found where !named.contains(id) { try Trash(directory).move(StatePath.snapshot(id)) }
  }

  // Parts.

  /// Names the next snapshot in the list and makes its directory.
  private func announce(_ container: String, parent: Int64, message: String) throws(EngineError) -> Snapshot {
    var list = try read(container)
    let known = list.snapshots
    list.snapshots = try present(known)
    guard list.snapshots.count < Self.limit else {
      throw EngineError(
        .limitReached, "taking a snapshot", "the container has \(Self.limit) already",
        hint: "dhow snapshot rm CONTAINER@N, or dhow commit CONTAINER NAME")
    }
    list.last += 1
    let snapshot = Snapshot(number: list.last, id: newID(), parent: parent, created: .now, message: message)
    list.snapshots.append(snapshot)
    try write(list, of: container)
    for void in known where !list.snapshots.contains(void) { try Trash(directory).discard(StatePath.snapshot(void.id)) }
    try during("taking a snapshot") {
      try File.ensureDirectory(at: directory.root.raw, StatePath.snapshots)
      try File.makeDirectory(at: directory.root.raw, StatePath.snapshot(snapshot.id))
    }
    return snapshot
  }

  private func write(_ list: SnapshotList, of container: String) throws(EngineError) {
    try during("writing the snapshots of container \(Identifier.short(container))") {
      try RecordFile.write(
        list.json, at: directory.root.raw, StatePath.containerSnapshots(container), durable: true)
    }
  }

  /// An empty directory that shows the same `/` as another, marked with what it is to stand on.
  private func makeTree(
    _ path: String, at parent: Int32? = nil, like other: Int32, standingOn number: Int64
  ) throws(SystemError) {
    let parent = parent ?? directory.root.raw
    let status = try File.status(other, shown: path)
    try File.makeDirectory(at: parent, path)
    let tree = try File.openDirectory(at: parent, path)
    try setMark(number, on: tree.raw)
    try systemCall("chown", path) { fchown(tree.raw, status.uid, status.gid) }
    try systemCall("chmod", path) { fchmod(tree.raw, mode_t(status.mode)) }
    var times = [timespec](repeating: timespec(), count: 2)
    times[0].tv_nsec = (1 << 30) - 2  // UTIME_OMIT
    times[1] = timespec(
      tv_sec: Int(status.modified / 1_000_000_000), tv_nsec: Int(status.modified % 1_000_000_000))
    try systemCall("utimensat", path) { futimens(tree.raw, times) }
  }

  private func exchange(_ a: String, _ b: String) throws(SystemError) {
    let root = directory.root.raw
    try systemCall("rename", b) { dhow_renameat2(root, a, root, b, 2) }  // RENAME_EXCHANGE
    try RecordFile.syncParent(of: b, at: root)
  }

  private var markName: String {
    switch mode {
    case .root: "trusted.overlay.dhow.base"
    case .rootless: "user.overlay.dhow.base"
    }
  }

  /// 0 without one.
  private func mark(of tree: Int32) -> Int64 {
    var value = [UInt8](repeating: 0, count: 20)
    let count = dhow_fgetxattr(tree, markName, &value, value.count)
    return count > 0 ? Int64(String(decoding: value[..<count], as: UTF8.self)) ?? 0 : 0
  }

  private func setMark(_ number: Int64, on tree: Int32) throws(SystemError) {
    let value = Array("\(number)".utf8)
    try systemCall("setxattr", "a writable layer") { dhow_fsetxattr(tree, markName, value, value.count) }
  }
}
