package import Basics
internal import Glibc
internal import LinuxKernel
package import OCI

/// A blob on its way from a registry: a file below `downloads/` that holds the first bytes of the blob, and is kept when
/// its download is cut short, so that the next one goes on behind them. What it holds is believed only after its digest
/// was taken.
///
/// Who fetches the blob holds an open file description lock on the file itself, so two processes never fetch the same
/// blob. Publishing renames the file among the blobs (`ContentIngest.publish`): a lock that was won on a file without a
/// name is worth nothing and is tried again.
package final class PartialDownload {
  package let digest: Digest
  private let directory: StateDirectory
  private var lock: FileLock?
  /// The file, for reading and writing, also by a child process.
  package let descriptor: Int32

  /// Partial files that nobody touched for so long are swept: seconds.
  package static let lifetime: Int64 = 7 * 24 * 3600

  private init(_ digest: Digest, _ directory: StateDirectory, _ lock: consuming FileLock) {
    self.digest = digest
    self.directory = directory
    descriptor = lock.raw
    self.lock = consume lock
  }

  /// Takes on the download of a blob, which goes on where an earlier one ended.
  /// - Returns: nil when another process is fetching it. Who gets it looks first whether the blob is there by now.
  package static func attempt(
    _ digest: Digest, in directory: StateDirectory
  ) throws(EngineError) -> PartialDownload? {
    try directory.prepare()
    let path = StatePath.download(digest)
    return try during("taking on the download of \(digest)") {
      try File.ensureDirectory(at: directory.root.raw, StatePath.downloads)
      while true {
        guard let lock = try FileLock.attempt(at: directory.root.raw, path) else { return nil }
        if try isNamed(path, lock.raw, directory) { return PartialDownload(digest, directory, lock) }
      }
    }
  }

  private static func isNamed(
    _ path: String, _ descriptor: Int32, _ directory: StateDirectory
  ) throws(SystemError) -> Bool {
    let mine = try File.status(descriptor, shown: path)
    do throws(SystemError) {
      let named = try File.status(at: directory.root.raw, path)
      return named.inode == mine.inode && named.device == mine.device
    } catch {
      if error.errno == ENOENT { return false }
      throw error
    }
  }

  /// Bytes that are there of a blob which somebody fetches, or began to; nil when nobody did.
  package static func progress(of digest: Digest, in directory: StateDirectory) throws(EngineError) -> Int64? {
    do throws(SystemError) { return try File.status(at: directory.root.raw, StatePath.download(digest)).size } catch {
      if error.errno == ENOENT { return nil }
      throw error.engineError("looking for the download of \(digest)")
    }
  }

  /// Bytes that are there.
  package func size() throws(EngineError) -> Int64 {
    try during("looking at the download of \(digest)") { try File.status(descriptor, shown: "\(digest)").size }
  }

  /// Keeps the first `size` bytes only.
  package func truncate(to size: Int64) throws(EngineError) {
    try during("shortening the download of \(digest)") {
      _ = try systemCall("truncate", "\(digest)") { ftruncate(descriptor, off_t(size)) }
    }
  }

  /// Removes the file: its bytes are not those of the digest, or it has none.
  package func discard() throws(EngineError) {
    guard lock != nil else { return }
    try during("removing the download of \(digest)") {
      try File.removeIfPresent(at: directory.root.raw, StatePath.download(digest))
    }
    release()
  }

  /// Lets others go on with it. The file stays.
  package func release() { lock = nil }

  /// Gives the file its place among the blobs, durable with the next sync of the filesystem, unless the blob is there.
  func publish() throws(SystemError) {
    guard lock != nil else { return }
    let root = directory.root.raw
    do throws(SystemError) {
      try File.renameWithoutReplacing(at: root, StatePath.download(digest), to: root, StatePath.blob(digest))
    } catch {
      guard error.errno == EEXIST else { throw error }
      try File.removeIfPresent(at: root, StatePath.download(digest))
    }
    release()
  }

  /// Removes the files of downloads that nobody goes on with.
  /// - Parameter unusedFor: seconds since they last grew; 0 is all.
  /// - Returns: bytes on disk that they took.
  static func sweep(_ directory: StateDirectory, unusedFor age: Int64) throws(EngineError) -> Int64 {
    try during("sweeping the downloads") {
      var reclaimed: Int64 = 0
      for entry in try File.listIfPresent(at: directory.root.raw, StatePath.downloads) {
        let path = "\(StatePath.downloads)/\(entry.name)"
        do throws(SystemError) {
          let status = try File.status(at: directory.root.raw, path)
          guard status.modified / 1_000_000_000 <= Timestamp.now.seconds - age else { continue }
          guard let lock = try FileLock.attempt(at: directory.root.raw, path) else { continue }
          guard try isNamed(path, lock.raw, directory) else { continue }
          try File.removeIfPresent(at: directory.root.raw, path)
          reclaimed += status.allocated
        } catch {
          // Published or swept by somebody else while we looked.
          if error.errno != ENOENT { throw error }
        }
      }
      return reclaimed
    }
  }
}
