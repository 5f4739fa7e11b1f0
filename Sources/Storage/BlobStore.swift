package import Basics
internal import Glibc
package import LinuxKernel
package import OCI

/// The blobs of the OCI layout: bytes under the name of their digest. A blob that is there is whole and durable.
package struct BlobStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  package func contains(_ digest: Digest) throws(EngineError) -> Bool {
    try during("looking for \(digest)") { try File.exists(at: directory.root.raw, StatePath.blob(digest)) }
  }

  /// Bytes of a blob, nil when it is not there.
  package func size(_ digest: Digest) throws(EngineError) -> Int64? {
    do throws(SystemError) { return try File.status(at: directory.root.raw, StatePath.blob(digest)).size } catch {
      if error.errno == ENOENT { return nil }
      throw error.engineError("looking for \(digest)")
    }
  }

  /// A blob for reading. Its content is what its digest says as far as the disk keeps its word; see `verify`.
  /// - Throws: `corrupt` when it is missing: something in the store refers to it.
  package func open(_ digest: Digest) throws(EngineError) -> OwnedDescriptor {
    do throws(SystemError) {
      return try File.open(at: directory.root.raw, StatePath.blob(digest), O_RDONLY | O_NOFOLLOW)
    } catch {
      if error.errno == ENOENT { throw missing(digest) }
      throw error.engineError("opening \(digest)")
    }
  }

  /// The bytes of a manifest or config, checked against their digest (SECURITY B1).
  package func read(_ digest: Digest) throws(EngineError) -> [UInt8] {
    let bytes: [UInt8]
    do throws(SystemError) {
      guard let found = try RecordFile.readSmall(at: directory.root.raw, StatePath.blob(digest)) else {
        throw SystemError("open", errno: ENOENT)
      }
      bytes = found
    } catch {
      if error.errno == ENOENT { throw missing(digest) }
      throw error.engineError("reading \(digest)")
    }
    guard digest.algorithm == .sha256 else { throw unsupported(digest) }
    guard bytes.count <= OCILimits.documentBytes, SHA256Stream.digest(bytes) == digest else {
      throw EngineError(
        .corrupt, "reading \(digest)", "the bytes in the store are not those of the digest", hint: "dhow system check")
    }
    return bytes
  }

  /// Whether the bytes of a blob are those of its digest. Reads all of it.
  package func verify(_ digest: Digest) throws(EngineError) -> Bool {
    guard digest.algorithm == .sha256 else { throw unsupported(digest) }
    let file = try open(digest)
    return try during("checking \(digest)") {
      var stream = SHA256Stream()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
      defer { buffer.deallocate() }
      while true {
        let count = try File.read(file.raw, into: buffer, shown: "\(digest)")
        if count == 0 { return stream.digest == digest }
        stream.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
  }

  /// Digests of all blobs, in no order. Names that are none are passed over; `system check` reports them.
  package func list() throws(EngineError) -> [Digest] {
    try during("listing the blobs") {
      var result: [Digest] = []
      for algorithm in Digest.Algorithm.allCases {
        for entry in try File.listIfPresent(at: directory.root.raw, StatePath.blobs(algorithm)) {
          if let digest = Digest(algorithm, hex: entry.name) { result.append(digest) }
        }
      }
      return result
    }
  }

  private func missing(_ digest: Digest) -> EngineError {
    EngineError(.corrupt, "reading \(digest)", "it is missing in the store", hint: "dhow system check")
  }

  private func unsupported(_ digest: Digest) -> EngineError {
    EngineError(.unsupported, "reading \(digest)", "only sha256 digests can be checked")
  }
}
