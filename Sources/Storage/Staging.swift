package import Basics
internal import Glibc
package import LinuxKernel

/// A directory below `staging/` where one process makes things before they are published by a rename: the only place
/// for half-made things. Its maker holds a lock on the file `lock` in it for as long as it lives, so that the next
/// writer can tell the remains of the dead. What was not published goes when the value goes.
package final class StagingArea {
  static let lockName = "lock"
  /// The lock file's name until it is locked.
  private static let newLockName = "lock.new"

  private let directory: StateDirectory
  /// Name below `staging/`.
  package let name: String
  /// The directory, for `at`.
  package let descriptor: OwnedDescriptor
  private var lock: FileLock?
  private var isReleased = false

  /// - Parameter mode: of the directory; see `ContainerDraft` for the sticky bit.
  package init(in directory: StateDirectory, name: String = newID(), mode: UInt32 = 0o700) throws(EngineError) {
    try directory.prepare()
    let path = StatePath.staging(name)
    let made = try Self.orDiscard(path, directory) { () throws(EngineError) -> OwnedDescriptor in
      try during("making a staging directory in \(safeText(directory.location.root))") {
        try File.makeDirectory(at: directory.root.raw, path, mode: mode)
        try faultPoint("store.staging.made")
        return try File.openDirectory(at: directory.root.raw, path)
      }
    }
    let raw = made.raw
    lock = try Self.orDiscard(path, directory) { () throws(EngineError) -> FileLock in
      try during("locking a staging directory") {
        guard let lock = try FileLock.attempt(at: raw, Self.newLockName) else {
          throw SystemError("lock", path, errno: EBUSY)
        }
        // A file named `lock` has been locked ever since it has that name: free, it says that its maker is dead.
        try File.rename(at: raw, Self.newLockName, to: raw, Self.lockName)
        try faultPoint("store.staging.locked")
        return lock
      }
    }
    descriptor = made
    self.directory = directory
    self.name = name
  }

  /// A half-made area is removed at once: the sweep would wait until it is old.
  private static func orDiscard<Value: ~Copyable>(
    _ path: String, _ directory: StateDirectory, _ body: () throws(EngineError) -> Value
  ) throws(EngineError) -> Value {
    do throws(EngineError) { return try body() } catch {
      try? Trash(directory).discard(path)
      throw error
    }
  }

  deinit {
    if isReleased { return }
    // What cannot be removed now is swept by the next writer: our lock is free from here on.
    try? Trash(directory).discard(StatePath.staging(name))
  }

  /// Path of something in the area, relative to the root directory.
  package func path(_ name: String) -> String { "\(StatePath.staging(self.name))/\(name)" }

  /// Publishes something made here under its final name, unless that name exists already.
  /// - Returns: false when somebody was faster; what is here then goes with the area.
  package func publish(
    _ name: String, as path: String, durable: Bool
  ) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try File.renameWithoutReplacing(at: descriptor.raw, name, to: directory.root.raw, path)
    } catch {
      // ENOTEMPTY: some filesystems answer so for directories.
      if error.errno == EEXIST || error.errno == ENOTEMPTY { return false }
      throw error
    }
    if durable { try RecordFile.syncParent(of: path, at: directory.root.raw) }
    return true
  }

  /// The area itself was renamed to be the published thing: nothing is left to remove, and its lock lives on.
  func release() -> FileLock {
    isReleased = true
    guard let lock = lock.take() else { preconditionFailure("a staging area is released once") }
    return lock
  }
}
