package import Basics
internal import Glibc
package import LinuxKernel
import OCI

/// The opened root and runtime directory: what every store works below. Opening costs a stat for each directory on the
/// way; nothing is read, and nothing is written once the directories exist.
package final class StateDirectory {
  package let location: StateLocation
  /// The root directory, for paths of `StatePath`.
  package let root: OwnedDescriptor
  private var openedRunRoot: OwnedDescriptor?
  private var knownBootID: String?
  /// Orders of the store locks this process holds, for `StoreLock`.
  var heldOrders: [Int] = []

  /// Opens the root directory and makes it when it is missing.
  /// - Throws: `EngineError` that names the place which is not safe to use.
  package init(_ location: StateLocation) throws(EngineError) {
    self.location = location
    guard let root = try PrivateDirectory.open(location.root, create: true) else {
      preconditionFailure("a directory that may be made is not missing")
    }
    self.root = root
  }

  /// Makes the directories of the store unless it is complete. Every writer calls it first.
  package func prepare() throws(EngineError) {
    try during("making the store in \(safeText(location.root))") {
      if try File.exists(at: root.raw, StatePath.layoutMarker) { return }
      for path in StatePath.skeleton { try File.ensureDirectory(at: root.raw, path) }
      try faultPoint("store.skeleton.made")
      // One maker at a time: of several first commands one would else write an empty index over another's first image.
      let lock = try FileLock.acquire(at: root.raw, StatePath.lock("making"))
      defer { withExtendedLifetime(lock) {} }
      if try File.exists(at: root.raw, StatePath.layoutMarker) { return }
      if try !File.exists(at: root.raw, StatePath.index) {
        try RecordFile.write(ImageIndex(manifests: []).json, at: root.raw, StatePath.index, durable: true)
      }
      // Last: its presence says that the rest is there.
      try RecordFile.write(ImageLayout.marker, at: root.raw, StatePath.layoutMarker, durable: true)
    }
  }

  /// The runtime directory for reading; nil when there is none, which means that no container runs.
  package func runRoot() throws(EngineError) -> Int32? {
    if openedRunRoot == nil { openedRunRoot = try PrivateDirectory.open(location.runRoot, create: false) }
    return openedRunRoot?.raw
  }

  /// The runtime directory, made when it is missing. A monitor calls it again after somebody removed the directory under
  /// it (SECURITY F8).
  package func makeRunRoot() throws(EngineError) -> Int32 {
    guard let opened = try PrivateDirectory.open(location.runRoot, create: true) else {
      preconditionFailure("a directory that may be made is not missing")
    }
    let raw = opened.raw
    openedRunRoot = consume opened
    try during("making the runtime directory \(safeText(location.runRoot))") {
      _ = try File.ensureDirectory(at: raw, StatePath.Run.containers)
    }
    return raw
  }

  /// The id of this boot, read once.
  package func bootID() throws(EngineError) -> String {
    if let knownBootID { return knownBootID }
    let id = try during("reading the boot id") { try BootID.current() }
    knownBootID = id
    return id
  }
}
