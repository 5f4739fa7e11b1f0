// A blob in, a tree and its digests out, in one pass.
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
  package static func unpack(
    _ source: any ByteSource, into root: Int32, options: LayerExtractor.Options, doing: String,
    copy: ((UnsafeRawBufferPointer) throws -> Void)? = nil
  ) throws -> UnpackedLayer {
    let failure = ArchiveFailure(doing: doing)
    let compressed = HashingSource(source, copy: copy)
    let decompressor = Decompressor(compressed, limits: options.limits, failure: failure)
    let uncompressed = HashingSource(decompressor)
    let extractor = try LayerExtractor(uncompressed, into: root, options: options, failure: failure)
    let extraction = try extractor.extract()
    return UnpackedLayer(
      blob: compressed.hash.digest, blobSize: compressed.hash.count, diffID: uncompressed.hash.digest,
      uncompressedSize: uncompressed.hash.count, compression: decompressor.method ?? .none, extraction: extraction)
  }
}
