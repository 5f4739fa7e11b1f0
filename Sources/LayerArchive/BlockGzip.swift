// gzip made of blocks that know nothing of each other, so that several processes can make them: always the same bytes,
// whoever made which.
internal import Basics
internal import CArchive

/// Compresses one block after the other, each on its own (RFC 1951): what comes out ends at a whole byte, and goes behind
/// what came out of the block before.
package final class BlockDeflater {
  /// Bytes of a block. Small enough to share out the work, and large enough that beginning anew costs nothing to speak of.
  package static let blockBytes = 2 << 20

  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let output: UnsafeMutableRawBufferPointer
  private let failure: ArchiveFailure

  /// - Parameter level: 1 to 9.
  package init(level: Int, failure: ArchiveFailure) throws {
    self.failure = failure
    stream.initialize(to: z_stream())
    // Incompressible bytes grow by five for each 16 KiB; the flush adds some.
    output = .allocate(byteCount: Self.blockBytes + Self.blockBytes / 1024 + 1024, alignment: 16)
    // -15: 15 bits of window and no header; 8: the default memory.
    let result = deflateInit2_(
      stream, Int32(clamping: level), Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    guard result == Z_OK else { throw failure.limit("no memory is left to compress it") }
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
    output.deallocate()
  }

  /// Compresses a block of at most `blockBytes`.
  /// - Returns: bytes that are good until the next call.
  package func deflate(_ block: UnsafeRawBufferPointer, isLast: Bool) throws -> UnsafeRawBufferPointer {
    precondition(block.count <= Self.blockBytes, "a block has its size at most")
    deflateReset(stream)
    stream.pointee.next_in = UnsafeMutablePointer(mutating: block.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(block.count)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(output.count)
    let result = CArchive.deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
    guard result == (isLast ? Z_STREAM_END : Z_OK), stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 else {
      throw failure.limit("a block of it does not compress")
    }
    return UnsafeRawBufferPointer(rebasing: output[..<(output.count - Int(stream.pointee.avail_out))])
  }
}

/// What stands before and behind the blocks (RFC 1952): no time and no name.
package struct GzipFrame {
  package static let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]

  private var checksum: UInt32 = 0
  private var count: Int64 = 0

  package init() {}

  /// The checksum of a block before it was compressed.
  package static func checksum(_ block: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32(0, block.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(block.count)))
  }

  /// Adds a block with the bytes it had before it was compressed.
  package mutating func add(checksum: UInt32, count: Int) {
    self.checksum = UInt32(
      truncatingIfNeeded: crc32_combine(UInt(self.checksum), UInt(checksum), Int(count)))
    self.count += Int64(count)
  }

  package var trailer: [UInt8] {
    [checksum, UInt32(truncatingIfNeeded: count)].flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) }
    }
  }
}

/// Compresses a stream in this process, to the same bytes as several processes would.
package final class BlockGzip {
  private let deflater: BlockDeflater
  private let sink: (UnsafeRawBufferPointer) throws -> Void
  private var frame = GzipFrame()
  private var block: [UInt8] = []

  package init(
    level: Int, failure: ArchiveFailure, sink: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    deflater = try BlockDeflater(level: level, failure: failure)
    self.sink = sink
    block.reserveCapacity(BlockDeflater.blockBytes)
    try GzipFrame.header.withUnsafeBytes { try sink($0) }
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      // A full block goes when it is known that it is not the last.
      if block.count == BlockDeflater.blockBytes { try flush(isLast: false) }
      let count = min(rest.count, BlockDeflater.blockBytes - block.count)
      block.append(contentsOf: rest[..<count])
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Ends the stream; nothing may be written after.
  package func finish() throws {
    try flush(isLast: true)
    try frame.trailer.withUnsafeBytes { try sink($0) }
  }

  private func flush(isLast: Bool) throws {
    try block.withUnsafeBytes { bytes in
      frame.add(checksum: GzipFrame.checksum(bytes), count: bytes.count)
      try sink(try deflater.deflate(bytes, isLast: isLast))
    }
    block.removeAll(keepingCapacity: true)
  }
}
