import Basics
internal import Glibc
import LinuxKernel

/// The names of containers: `names/NAME` is a link whose text is the packed id, so that one system call claims a name
/// for one of any number of processes (SECURITY F11) and one reads it.
///
/// A link counts only when the container has that name in its record, or is still being made or renamed by a living
/// process. All others are stale: their owner died between two steps.
struct ContainerNames {
  private let directory: StateDirectory

  init(_ directory: StateDirectory) { self.directory = directory }

  /// The id a name leads to, not yet compared with the container's record.
  func target(of name: String) throws(SystemError) -> String? {
    guard Identifier.isName(name) else { return nil }
    do throws(SystemError) {
      return Identifier.unpacked(try File.readLink(at: directory.root.raw, StatePath.name(name)))
    } catch {
      // EINVAL: not a link; such a thing is no claim either.
      if [ENOENT, EINVAL].contains(error.errno) { return nil }
      throw error
    }
  }

  func claim(_ name: String, for id: String) throws(EngineError) {
    guard Identifier.isName(name) else { throw Self.invalid(name) }
    try during("naming a container \(name)") {
      if try link(name, id) { return }
      // Claimed by an earlier attempt that died: whoever renames a container has its lock.
      if try target(of: name) == id { return }
      // Docker checks the holder, too; only a name without one may be taken over, and by one process at a time.
      if let holder = try holder(of: name) { throw Self.conflict(name, holder) }
      let lock = try StoreLock.acquire(.names, in: directory)
      defer { withExtendedLifetime(lock) {} }
      if try link(name, id) { return }
      if let holder = try holder(of: name) { throw Self.conflict(name, holder) }
      try File.removeIfPresent(at: directory.root.raw, StatePath.name(name))
      guard try link(name, id) else { throw Self.conflict(name, try holder(of: name) ?? "?") }
    }
  }

  /// Gives up a name; nothing happens when it leads to another container.
  func release(_ name: String, of id: String) throws(SystemError) {
    if try target(of: name) == id { try File.removeIfPresent(at: directory.root.raw, StatePath.name(name)) }
  }

  private func link(_ name: String, _ id: String) throws -> Bool {
    do throws(SystemError) {
      try File.symlink(Identifier.packed(id), at: directory.root.raw, StatePath.name(name))
    } catch {
      if error.errno == EEXIST { return false }
      throw error
    }
    try faultPoint("store.name.claimed")
    return true
  }

  /// The container that has a name, nil when the link is stale.
  func holder(of name: String) throws -> String? {
    guard let id = try target(of: name) else { return nil }
    // In this order: a container that is published or renamed between the two looks is seen by the second.
    if try FileLock.isHeld(at: directory.root.raw, "\(StatePath.staging(id))/\(StagingArea.lockName)") { return id }
    let isChanging = try FileLock.isHeld(at: directory.root.raw, StatePath.containerLock(id))
    do throws(EngineError) {
      guard let record = try ContainerStore(directory).record(id) else { return nil }
      return record.name == name || isChanging ? id : nil
    } catch {
      // Somebody's damaged record keeps its name until `system check --repair`.
      return id
    }
  }

  static func invalid(_ name: String) -> EngineError {
    EngineError(
      .invalidInput, "naming a container",
      "Invalid container name (\(safeText(String(name.prefix(80))))), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
  }

  private static func conflict(_ name: String, _ id: String) -> EngineError {
    EngineError(
      .alreadyExists, "naming a container",
      "Conflict. The container name \"/\(name)\" is already in use by container \"\(id)\". "
        + "You have to remove (or rename) that container to be able to reuse that name.",
      hint: "dhow rm \(name), or choose another name")
  }
}
