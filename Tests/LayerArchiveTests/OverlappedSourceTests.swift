import LayerArchive
import Testing

/// The stream is the same, whatever the sizes of pieces, buffers and reads.
@Suite struct OverlappedSourceTests {
  private static func text(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
  }

  @Test(arguments: [0, 1, 1 << 18, (1 << 18) + 1, 3_000_000], [777, 1 << 18, 1 << 20])
  func `the bytes come whole and in order`(count: Int, step: Int) throws {
    let bytes = Self.text(count)
    let source = try OverlappedSource(MemorySource(bytes, step: 10_001))
    var read: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: step, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let got = try source.read(into: buffer)
      if got == 0 { break }
      read.append(contentsOf: buffer[..<got])
    }
    #expect(read == bytes)
    #expect(try source.read(into: buffer) == 0)
  }

  private struct Broken: Error {}

  @Test func `what came before a failure is read, then the failure is thrown`() throws {
    let bytes = Self.text(500_000)
    let memory = MemorySource(bytes)
    let source = try OverlappedSource(
      ClosureSource { buffer in
        let got = try memory.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(100_000)))
        if got == 0 { throw Broken() }
        return got
      })
    var count = 0
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
    defer { buffer.deallocate() }
    #expect(throws: Broken.self) {
      while true {
        let got = try source.read(into: buffer)
        if got == 0 { break }
        count += got
      }
    }
    #expect(count == 1 << 18, "whole buffers are passed on, the one that failed is not")
  }

  @Test func `a stream that is given up does not keep its reader`() throws {
    let source = try OverlappedSource(ClosureSource { $0.count })
    _ = try withUnsafeTemporaryAllocation(byteCount: 10, alignment: 1) { try source.read(into: $0) }
  }
}
