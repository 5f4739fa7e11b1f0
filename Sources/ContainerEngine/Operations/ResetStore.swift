package import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import Networking
internal import Storage

extension Engine {
  /// Removes everything: containers, which are killed first, images, volumes, and the state directory itself. Files in it
  /// that are not ours stay, and the directory with them.
  package func resetStore() throws(EngineError) {
    let doing = "resetting the store in \(safeText(directory.location.root))"
    try enterUserNamespace(anyMap: true)
    for id in try containers.ids() {
      do throws(EngineError) { try removeContainer(id, force: true, volumes: true) } catch {
        // A container that is damaged goes with the rest, unless it still runs.
        guard error.kind == .corrupt || error.kind == .unsupported || error.kind == .notFound else { throw error }
      }
    }
    if let client = try NetworkClient.connect(directory) { try client.end() }
    try during(doing) {
      for path in StatePath.allAtTop { try TreeRemoval.remove(at: directory.root.raw, path) }
      try removeIfEmpty(directory.location.root)
      guard let run = try directory.runRoot() else { return }
      for path in StatePath.Run.allAtTop { try TreeRemoval.remove(at: run, path) }
      try removeIfEmpty(directory.location.runRoot)
    }
  }

  private func removeIfEmpty(_ path: String) throws(SystemError) {
    do throws(SystemError) { try File.removeIfPresent(path, directory: true) } catch {
      // Somebody else's files, or a mount point.
      guard [ENOTEMPTY, EEXIST, EBUSY].contains(error.errno) else { throw error }
    }
  }
}
