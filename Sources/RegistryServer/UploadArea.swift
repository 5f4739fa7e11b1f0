package import Basics
internal import Glibc
internal import LinuxKernel
package import OCI
package import Storage

/// Blobs on their way in, between a client's first byte and the manifest that needs them: files in a staging area that
/// belongs to the listening process, so that all connections see them and they go when it ends, or with the next sweep.
///
/// Every upload is one file that its worker locks while it writes. What is complete has the name of its digest.
package final class UploadArea {
  private let area: StagingArea
  /// Uploads and blobs that nobody touched for so long are removed: seconds.
  private static let lifetime: Int64 = 24 * 3600
  private static let hexDigits = 64
  /// Wait for another request's end: nanoseconds.
  private static let patience: Int64 = 5_000_000_000

  package init(in directory: StateDirectory) throws(EngineError) { area = try StagingArea(in: directory) }

  private static func name(_ id: String) -> String { "upload-\(id)" }
  private static func name(_ digest: Digest) -> String { "blob-\(digest.hex)" }

  /// Begins an upload; its id is not to be guessed.
  package func begin() throws(EngineError) -> String {
    try removeOld()
    let id = newID()
    try during("beginning an upload") {
      _ = try File.open(at: area.descriptor.raw, Self.name(id), O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    }
    return id
  }

  /// Opens an upload for one request; nil when there is none of that id.
  /// - Throws: `inUse` when another request keeps writing it. One that has just ended is waited for: its client may know
  ///   of its end before the lock is free, and one whose connection broke may take a moment to notice.
  package func open(_ id: String) throws(EngineError) -> Upload? {
    guard isLowerHex(id, count: Self.hexDigits) else { return nil }
    return try during("going on with an upload") {
      let deadline = MonotonicClock.now + Self.patience
      while MonotonicClock.now < deadline {
        // The lock would make the file.
        guard try File.exists(at: area.descriptor.raw, Self.name(id)) else { return nil }
        if let lock = try FileLock.attempt(at: area.descriptor.raw, Self.name(id)) { return Upload(self, id, lock) }
        usleep(2_000)
      }
      throw EngineError(.inUse, "going on with an upload", "another request is writing it")
    }
  }

  fileprivate func complete(_ id: String, as digest: Digest) throws(SystemError) {
    try File.rename(at: area.descriptor.raw, Self.name(id), to: area.descriptor.raw, Self.name(digest))
  }

  fileprivate func remove(_ id: String) throws(SystemError) {
    try File.removeIfPresent(at: area.descriptor.raw, Self.name(id))
  }

  /// Bytes of a complete blob that waits for its manifest.
  package func size(_ digest: Digest) throws(EngineError) -> Int64? {
    guard digest.algorithm == .sha256 else { return nil }
    do throws(SystemError) { return try File.status(at: area.descriptor.raw, Self.name(digest)).size } catch {
      if error.errno == ENOENT { return nil }
      throw error.engineError("looking for \(digest)")
    }
  }

  package func blob(_ digest: Digest) throws(EngineError) -> (file: Int32, size: Int64)? {
    guard let size = try size(digest) else { return nil }
    return try during("opening \(digest)") {
      (try File.open(at: area.descriptor.raw, Self.name(digest), O_RDONLY | O_NOFOLLOW).take(), size)
    }
  }

  /// Removes a complete blob that waits for its manifest.
  /// - Returns: false when there is none.
  func remove(_ digest: Digest) throws(EngineError) -> Bool {
    guard try size(digest) != nil else { return false }
    try forget([digest])
    return true
  }

  /// Path of a complete blob, for `ContentIngest.take`.
  package func path(_ digest: Digest) -> String { area.path(Self.name(digest)) }

  /// Forgets blobs that are published.
  package func forget(_ digests: [Digest]) throws(EngineError) {
    try during("clearing the uploads") {
      for digest in digests where digest.algorithm == .sha256 {
        try File.removeIfPresent(at: area.descriptor.raw, Self.name(digest))
      }
    }
  }

  private func removeOld() throws(EngineError) {
    try during("clearing the uploads") {
      let oldest = Timestamp.now.seconds - Self.lifetime
      for entry in try File.list(area.descriptor.raw)
      where entry.name.hasPrefix("upload-") || entry.name.hasPrefix("blob-") {
        do throws(SystemError) {
          guard try File.status(at: area.descriptor.raw, entry.name).modified / 1_000_000_000 < oldest else { continue }
          try File.remove(at: area.descriptor.raw, entry.name)
        } catch {
          // Completed or removed by another worker while we looked.
          if error.errno != ENOENT { throw error }
        }
      }
    }
  }
}

/// One upload, as long as one request works on it.
package final class Upload {
  package let id: String
  private let area: UploadArea
  private var lock: FileLock?
  private let file: Int32

  fileprivate init(_ area: UploadArea, _ id: String, _ lock: consuming FileLock) {
    self.area = area
    self.id = id
    file = lock.raw
    self.lock = consume lock
  }

  /// Lets the next request in, before its client hears that this one is done.
  package func release() { lock = nil }

  package func size() throws(EngineError) -> Int64 {
    try during("looking at an upload") { try File.status(file).size }
  }

  /// Appends what `read` gives until it gives nothing, and hashes it on the way.
  package func append(
    _ hash: inout SHA256Stream, _ read: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
    defer { buffer.deallocate() }
    try systemCall("seek") { lseek(file, 0, SEEK_END) }
    while true {
      let count = try read(buffer)
      if count == 0 { return }
      let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      try File.writeAll(file, part, shown: "an upload")
      hash.update(part)
      try faultPoint("registry.upload.written")
    }
  }

  /// Takes back what the last request wrote.
  func truncate(to size: Int64) throws(EngineError) {
    try during("taking back a chunk") { try systemCall("ftruncate") { ftruncate(file, off_t(size)) } }
  }

  /// The hash of what is there, for a request that goes on where another connection ended.
  package func hash() throws(EngineError) -> SHA256Stream {
    try during("reading an upload") {
      var stream = SHA256Stream()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
      defer { buffer.deallocate() }
      try systemCall("seek") { lseek(file, 0, SEEK_SET) }
      while true {
        let count = try File.read(file, into: buffer, shown: "an upload")
        if count == 0 { return stream }
        stream.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
  }

  /// The upload is whole: from here on it is found by its digest.
  package func complete(as digest: Digest) throws(EngineError) {
    try during("storing \(digest)") { try area.complete(id, as: digest) }
  }

  package func discard() throws(EngineError) {
    try during("removing an upload") { try area.remove(id) }
  }
}
