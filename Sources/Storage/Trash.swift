package import Basics
internal import Glibc
import LayerArchive
import LinuxKernel

/// Removal in two steps (SECURITY E12): a rename into `trash/` makes a thing gone at once and whole, then its tree is
/// removed at leisure; who dies in between leaves the rest to the next writer.
package struct Trash {
  let directory: StateDirectory
  /// Passes over a tree that somebody else removes at the same time.
  private static let attempts = 100

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// Moves something of ours into the trash; absence is success. It is gone for everybody when this returns.
  /// - Returns: its name in the trash, nil when there was nothing.
  @discardableResult
  package func move(_ path: String) throws(EngineError) -> String? {
    try during("removing \(path)") {
      let name = newID()
      do throws(SystemError) {
        try File.rename(at: directory.root.raw, path, to: directory.root.raw, StatePath.trash(name))
      } catch {
        if error.errno == ENOENT { return nil }
        throw error
      }
      try faultPoint("store.trash.moved")
      return name
    }
  }

  /// Moves something into the trash and removes its tree.
  package func discard(_ path: String) throws(EngineError) {
    guard let name = try move(path) else { return }
    try remove(name)
  }

  /// Removes one thing in the trash.
  package func remove(_ name: String) throws(EngineError) {
    try during("emptying the trash") {
      try faultPoint("store.trash.removing")
      let trash = try File.openDirectory(at: directory.root.raw, StatePath.trash)
      // Others may be at the same tree: what they took from under us is no failure.
      for attempt in 1... {
        do throws(SystemError) { return try TreeRemoval.remove(at: trash.raw, name) } catch {
          guard error.errno == ENOENT, attempt < Self.attempts else { throw error }
        }
      }
    }
  }

  /// Removes whatever is in the trash.
  /// - Returns: the first failure. Trees with files of subordinate ids can be removed only in the user's namespace.
  package func empty() throws(EngineError) -> EngineError? {
    let entries = try during("emptying the trash") { try File.listIfPresent(at: directory.root.raw, StatePath.trash) }
    var failure: EngineError?
    for entry in entries {
      do throws(EngineError) { try remove(entry.name) } catch { failure = failure ?? error }
    }
    return failure
  }
}
