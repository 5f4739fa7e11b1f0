// A blob in, a tree and its digests out, in one pass.
internal import Basics
package import OCI

/// What one pass over a layer's blob gave.
package struct UnpackedLayer: Sendable {
  /// Of the blob as it came.
  package var blob: Digest
  package var blobSize: Int64
  /// Of the tar stream inside: the layer's name in an image's configuration.
  package var diffID: Digest
  package var uncompressedSize: Int64
  package var compression: Decompressor.Method
  package var extraction: ExtractionResult
}

package enum LayerUnpacking {
  /// Hashes, uncompresses, hashes again and unpacks a blob as it streams by; `copy` is given its bytes as they came,
  /// for storing them. Nothing is known to be right before the caller has compared the digests: until then the tree
  /// belongs in staging (SECURITY B1, B10).
  /// - Parameters:
  ///   - expected: what the blob must be. A stream that cannot be unpacked is read to its end, so that wrong bytes are
  ///     called that, and not a damaged archive.
  ///   - overlapping: uncompresses in a thread of its own; see `OverlappedSource` for who may.
  package static func unpack(
    _ source: any ByteSource, into root: Int32, options: LayerExtractor.Options, doing: String,
    expecting expected: Descriptor? = nil, overlapping: Bool = false,
    copy: ((UnsafeRawBufferPointer) throws -> Void)? = nil
  ) throws -> UnpackedLayer {
    let failure = ArchiveFailure(doing: doing)
    let compressed = HashingSource(source, copy: copy)
    let decompressor = Decompressor(compressed, limits: options.limits, failure: failure)
    let uncompressed = HashingSource(overlapping ? try OverlappedSource(decompressor) : decompressor)
    let extractor = try LayerExtractor(uncompressed, into: root, options: options, failure: failure)
    let extraction: ExtractionResult
    do { extraction = try extractor.extract() } catch let error as EngineError where error.kind == .corrupt {
      // The error is known; what these meet on the way to the end changes nothing.
      try? uncompressed.drain()
      try? compressed.drain()
      if let expected { try check(compressed.hash, expected, failure) }
      throw error
    }
    if let expected { try check(compressed.hash, expected, failure) }
    return UnpackedLayer(
      blob: compressed.hash.digest, blobSize: compressed.hash.count, diffID: uncompressed.hash.digest,
      uncompressedSize: uncompressed.hash.count, compression: decompressor.method ?? .none, extraction: extraction)
  }

  /// Hashes a blob as it is and uncompressed, and writes nothing: for a layer whose tree is there already.
  package static func digests(
    _ source: any ByteSource, expecting expected: Descriptor, doing: String
  ) throws -> UnpackedLayer {
    let failure = ArchiveFailure(doing: doing)
    let compressed = HashingSource(source)
    let decompressor = Decompressor(compressed, failure: failure)
    let uncompressed = HashingSource(decompressor)
    do { try uncompressed.drain() } catch let error as EngineError where error.kind == .corrupt {
      try? compressed.drain()  // as above
      try check(compressed.hash, expected, failure)
      throw error
    }
    try check(compressed.hash, expected, failure)
    return UnpackedLayer(
      blob: compressed.hash.digest, blobSize: compressed.hash.count, diffID: uncompressed.hash.digest,
      uncompressedSize: uncompressed.hash.count, compression: decompressor.method ?? .none,
      extraction: ExtractionResult(entries: 0, contentSize: 0, unresolved: UnresolvedEntries(), notes: []))
  }

  /// SECURITY B1.
  private static func check(_ found: SHA256Stream, _ expected: Descriptor, _ failure: ArchiveFailure) throws {
    guard expected.digest.algorithm == .sha256 else {
      throw failure.unsupported("the blob \(expected.digest) cannot be checked: only sha256 digests can")
    }
    guard found.digest == expected.digest else {
      throw failure.corrupt("the content of the blob \(expected.digest) has the digest \(found.digest)")
    }
  }
}
