// gzip made of blocks that know nothing of each other, so that several processes can make them: always the same bytes,
// whoever made which.
internal import CArchive

/// Compresses one block after the other, each to a gzip member of its own (RFC 1952 2.2: members in a row are one file).
/// libdeflate takes half of zlib's time for the same size; it wants a whole block at once.
package final class BlockDeflater {
  /// Bytes of a block. Small enough to share out the work, and large enough that beginning anew costs nothing to speak of.
  package static let blockBytes = 2 << 20

  private let compressor: OpaquePointer
  private let output: UnsafeMutableRawBufferPointer
  private let failure: ArchiveFailure

  /// - Parameter level: 1 to 9.
  package init(level: Int, failure: ArchiveFailure) throws {
    guard let compressor = libdeflate_alloc_compressor(Int32(clamping: level)) else {
      throw failure.limit("no memory is left to compress it")
    }
    self.compressor = compressor
    self.failure = failure
    output = .allocate(byteCount: libdeflate_gzip_compress_bound(compressor, Self.blockBytes), alignment: 16)
  }

  deinit {
    libdeflate_free_compressor(compressor)
    output.deallocate()
  }

  /// Compresses a block of at most `blockBytes`.
  /// - Returns: bytes that are good until the next call.
  package func compress(_ block: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer {
    precondition(block.count <= Self.blockBytes, "a block has its size at most")
    // No bytes need an address all the same.
    let start = block.baseAddress ?? UnsafeRawPointer(output.baseAddress)
    let count = libdeflate_gzip_compress(compressor, start, block.count, output.baseAddress, output.count)
    guard count > 0 else { throw failure.limit("a block of it does not compress") }
    return UnsafeRawBufferPointer(rebasing: output[..<count])
  }
}

/// Compresses a stream in this process, to the same bytes as several processes would.
package final class BlockGzip {
  private let deflater: BlockDeflater
  private let sink: (UnsafeRawBufferPointer) throws -> Void
  private var block: [UInt8] = []
  private var isEmpty = true

  package init(
    level: Int, failure: ArchiveFailure, sink: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    deflater = try BlockDeflater(level: level, failure: failure)
    self.sink = sink
    block.reserveCapacity(BlockDeflater.blockBytes)
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(rest.count, BlockDeflater.blockBytes - block.count)
      block.append(contentsOf: rest[..<count])
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if block.count == BlockDeflater.blockBytes { try flush() }
    }
  }

  /// Ends the stream; nothing may be written after.
  package func finish() throws {
    // Nothing at all is one empty member.
    if !block.isEmpty || isEmpty { try flush() }
  }

  private func flush() throws {
    try block.withUnsafeBytes { try sink(try deflater.compress($0)) }
    block.removeAll(keepingCapacity: true)
    isEmpty = false
  }
}
