import Basics
import OCI
import TestSupport
import Testing

@testable import LayerArchive

/// Compressed streams (SECURITY B9), made by the distribution's own programs.
@Suite struct DecompressorTests {
  private func compressed(_ bytes: [UInt8], _ command: [String]) throws -> [UInt8] {
    try mustRun(command, input: bytes).stdout
  }

  private func uncompressed(
    _ bytes: [UInt8], limits: ArchiveLimits = ArchiveLimits(), step: Int = .max
  ) throws -> (method: Decompressor.Method?, bytes: [UInt8]) {
    let decompressor = Decompressor(
      MemorySource(bytes, step: step), limits: limits, failure: ArchiveFailure(doing: "reading"))
    var result: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 3000, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let count = try decompressor.read(into: buffer)
      if count == 0 { return (decompressor.method, result) }
      result += buffer[..<count]
    }
  }

  private static let sample: [UInt8] = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }

  static let methods: [(Decompressor.Method, [String])] = [
    (.gzip, ["gzip", "-c"]), (.zstd, ["zstd", "-c"]), (.xz, ["xz", "-c"]), (.bzip2, ["bzip2", "-c"]),
  ]

  @Test(arguments: methods) func `each method is found by its first bytes`(
    method: Decompressor.Method, command: [String]
  ) throws {
    let bytes = try compressed(Self.sample, command)
    for step in [Int.max, 1] {
      let result = try uncompressed(bytes, step: step)
      #expect(result.method == method)
      #expect(result.bytes == Self.sample)
    }
    // Several members in a row, one of them empty, and padding.
    let empty = try compressed([], command)
    let padding = [UInt8](repeating: 0, count: 512)
    #expect(try uncompressed(bytes + empty + bytes + padding).bytes == Self.sample + Self.sample)
    // Cut, damaged, followed by something else.
    for cut in [bytes.count / 2, bytes.count - 1] {
      #expect(throws: EngineError.self, "cut at \(cut)") { try uncompressed(Array(bytes[..<cut])) }
    }
    var damaged = bytes
    for index in stride(from: 40, to: damaged.count, by: 97) { damaged[index] ^= 0x55 }
    #expect(throws: EngineError.self) { try uncompressed(damaged) }
    let error = #expect(throws: EngineError.self) { try uncompressed(bytes + Array("garbage".utf8)) }
    #expect(error?.reason.contains("other bytes follow") == true)
  }

  @Test func `what is not compressed passes`() throws {
    for bytes in [[], [0x1F], Array("BZh?".utf8), Self.sample] {
      let result = try uncompressed(bytes)
      #expect(result.method == Decompressor.Method.none)
      #expect(result.bytes == bytes)
    }
  }

  @Test func `a bomb ends at the limits`() throws {
    var limits = ArchiveLimits()
    limits.uncompressedBytes = 1 << 20
    let bomb = try compressed([UInt8](repeating: 0, count: 8 << 20), ["gzip", "-9", "-c"])
    #expect(throws: EngineError.self) { try uncompressed(bomb, limits: limits) }
    limits = ArchiveLimits()
    limits.ratioFloor = 1 << 20
    let error = #expect(throws: EngineError.self) { try uncompressed(bomb, limits: limits) }
    #expect(error?.reason.contains("bomb") == true)
    #expect(error?.kind == .limitReached)
    #expect(try uncompressed(bomb).bytes.count == 8 << 20)
  }

  @Test(arguments: [["zstd", "-c", "--ultra", "-22", "--long=31"], ["xz", "-c", "--lzma2=dict=1GiB"]])
  func `windows and dictionaries are limited`(command: [String]) throws {
    // The window is as large as the content is: half a gigabyte of zeros passes through the compressor as a stream.
    let shell = ["sh", "-c", "head -c 600000000 /dev/zero | \(command.joined(separator: " "))"]
    let bytes = command[0] == "zstd" ? try mustRun(shell).stdout : try compressed(Self.sample, command)
    let error = #expect(throws: EngineError.self) { try uncompressed(bytes) }
    #expect(error?.reason.contains("MiB of memory") == true)
  }

  @Test(arguments: methods) func `one pass gives both digests`(method: Decompressor.Method, command: [String]) throws {
    let archive = tar { $0.file("x", "content") } + Array("what follows the end".utf8)
    let blob = try compressed(archive, command)
    let fixture = try ExtractionFixture()
    let layer = try fixture.unpack(blob, step: 100).get()
    #expect(layer.blob == SHA256Stream.digest(blob))
    #expect(layer.blobSize == Int64(blob.count))
    #expect(layer.diffID == SHA256Stream.digest(archive))
    #expect(layer.uncompressedSize == Int64(archive.count))
    #expect(layer.compression == method)
    #expect(try fixture.listing() == ["f 644 x content"])
  }
}
