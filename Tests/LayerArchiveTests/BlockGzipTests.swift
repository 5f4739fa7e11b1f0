import Basics
import LayerArchive
import OCI
import TestSupport
import Testing

struct BlockGzipTests {
  /// Compresses, given in pieces.
  private func gzip(_ bytes: [UInt8], piece: Int = 100_000, level: Int = 4) throws -> [UInt8] {
    var result: [UInt8] = []
    let gzip = try BlockGzip(level: level, failure: ArchiveFailure(doing: "test")) { result += $0 }
    var position = 0
    while position < bytes.count {
      let end = min(position + piece, bytes.count)
      try bytes[position..<end].withUnsafeBytes { try gzip.write($0) }
      position = end
    }
    try gzip.finish()
    return result
  }

  private static func text(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 / 7) ^ ($0 % 251)) }
  }

  private static func noise(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 24)
    }
  }

  private static let block = BlockDeflater.blockBytes

  @Test(arguments: [0, 1, 1000, block - 1, block, block + 1, 2 * block, 2 * block + 5])
  func `gunzip gives back what was compressed`(count: Int) throws {
    for bytes in [Self.text(count), Self.noise(count)] {
      let compressed = try gzip(bytes)
      let outcome = try run(["gzip", "-dc"], input: compressed)
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.stdout == bytes)
      let source = Decompressor(MemorySource(compressed, step: 777), failure: ArchiveFailure(doing: "test"))
      var hash = SHA256Stream()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
      defer { buffer.deallocate() }
      while true {
        let count = try source.read(into: buffer)
        if count == 0 { break }
        hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
      #expect(hash.digest == SHA256Stream.digest(bytes))
    }
  }

  @Test func `the bytes do not depend on the pieces, and the level does matter`() throws {
    let bytes = Self.text(3 * Self.block / 2)
    let whole = try gzip(bytes, piece: bytes.count)
    #expect(try gzip(bytes, piece: 4097) == whole)
    #expect(try gzip(bytes, level: 9) != whole)
  }
}
