// Decompression of a stream, the method found by its first bytes, under limits (SECURITY B9, CVE-2017-14992).
internal import Basics

/// A source that gives the uncompressed bytes of another one; a source that is not compressed passes through.
///
/// gzip, zstd and xz, each also as several members or frames in a row, and by libarchive bzip2, lzip and compress(1), in
/// which whole archives come. One layer of compression is taken off, never two. Bytes that follow the compressed data and are neither another member nor zeros are refused: readers
/// disagree on them.
package final class Decompressor: ByteSource {
  package enum Method: String, Sendable { case none, gzip, zstd, xz, bzip2, lzip, compress }

  private let source: any ByteSource
  private let limits: ArchiveLimits
  private let failure: ArchiveFailure
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  private var start = 0
  private var end = 0
  private var sourceEnded = false
  private var decoder: (any StreamDecoder)?
  private var filter: ArchiveFilter?
  private var memberEnded = false

  /// How the source is compressed; known after the first read.
  package private(set) var method: Method?
  package private(set) var compressedCount: Int64 = 0
  package private(set) var uncompressedCount: Int64 = 0

  package init(_ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits(), failure: ArchiveFailure) {
    self.source = source
    self.limits = limits
    self.failure = failure
  }

  deinit { input.deallocate() }

  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let method = try self.method ?? detect()
    let count: Int
    if let filter {
      count = try filter.read(into: buffer)
    } else {
      count = method == .none ? try pass(into: buffer) : try decode(into: buffer)
    }
    uncompressedCount += Int64(count)
    if uncompressedCount > limits.uncompressedBytes {
      throw failure.limit("it unpacks to more than \(limits.uncompressedBytes >> 30) GiB")
    }
    if uncompressedCount > limits.ratioFloor, uncompressedCount / limits.ratio > compressedCount {
      throw failure.limit("it unpacks to more than \(limits.ratio) times its size: a decompression bomb")
    }
    return count
  }

  /// The method that the first bytes tell.
  private func detect() throws -> Method {
    try fill(atLeast: 6)
    let found = Self.method(of: UnsafeRawBufferPointer(rebasing: input[start..<end])) ?? .none
    switch found {
    case .none: break
    case .gzip: decoder = try GzipDecoder()
    case .zstd: decoder = try ZstdDecoder(memory: limits.decoderMemory)
    case .xz: decoder = try XzDecoder(memory: limits.decoderMemory)
    case .bzip2, .lzip, .compress:
      filter = try ArchiveFilter(
        ClosureSource { [unowned self] in try self.pass(into: $0) }, method: found, failure: failure)
    }
    method = found
    return found
  }

  /// Whether a file that begins so is compressed.
  package static func isCompressed(_ head: [UInt8]) -> Bool { head.withUnsafeBytes { method(of: $0) != nil } }

  private static func method(of bytes: UnsafeRawBufferPointer) -> Method? {
    if bytes.starts(with: [0x1F, 0x8B]) { return .gzip }
    if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
    // A skippable frame, RFC 8878 section 3.1.2.
    if bytes.count >= 4, bytes[0] & 0xF0 == 0x50, bytes[1...3].elementsEqual([0x2A, 0x4D, 0x18]) { return .zstd }
    if bytes.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) { return .xz }
    if bytes.count >= 4, bytes.starts(with: Array("BZh".utf8)), (0x31...0x39).contains(bytes[3]) { return .bzip2 }
    // Version 1 is the only one in use; byte 5 is the dictionary's size as a power of two, of which 27 is 128 MiB.
    if bytes.count >= 6, bytes.starts(with: Array("LZIP".utf8)), bytes[4] == 1, bytes[5] & 0x1F <= 27 { return .lzip }
    if bytes.starts(with: [0x1F, 0x9D]) { return .compress }
    return nil
  }

  /// Makes sure that `count` bytes of input are there, unless it ends before.
  private func fill(atLeast count: Int) throws {
    while end - start < count, !sourceEnded {
      if start > 0 {
        input.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[start..<end]))
        (start, end) = (0, end - start)
      }
      let got = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: input[end...]))
      if got == 0 { sourceEnded = true }
      end += got
      compressedCount += Int64(got)
    }
  }

  private func pass(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if start == end {
      if sourceEnded { return 0 }
      let got = try source.read(into: buffer)
      if got == 0 { sourceEnded = true }
      compressedCount += Int64(got)
      return got
    }
    let count = min(end - start, buffer.count)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[start..<start + count]))
    start += count
    return count
  }

  private func decode(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let decoder else { return 0 }
    while true {
      if memberEnded {
        guard try nextMember() else { return 0 }
        try decoder.restart()
        memberEnded = false
      }
      try fill(atLeast: 1)
      let step: DecodeStep
      do throws(DecodeFailure) {
        step = try decoder.decode(UnsafeRawBufferPointer(rebasing: input[start..<end]), buffer)
      } catch {
        throw describe(error)
      }
      start += step.consumed
      memberEnded = step.ended
      if step.produced > 0 { return step.produced }
      if !step.ended, step.consumed == 0, start == end, sourceEnded {
        throw failure.corrupt("the \(method?.rawValue ?? "") data ends too early")
      }
      if !step.ended, step.consumed == 0, start < end {
        throw failure.corrupt("the \(method?.rawValue ?? "") data is damaged")
      }
    }
  }

  /// After the end of a member: whether another one follows. Zeros, with which tapes and xz pad, are skipped.
  private func nextMember() throws -> Bool {
    while true {
      try fill(atLeast: 6)
      if start == end { return false }
      let rest = UnsafeRawBufferPointer(rebasing: input[start..<end])
      if Self.method(of: rest) == method { return true }
      guard let zeros = rest.firstIndex(where: { $0 != 0 }) else {
        start = end
        continue
      }
      if zeros == 0 { throw failure.corrupt("other bytes follow the \(method?.rawValue ?? "") data") }
      start += zeros
    }
  }

  private func describe(_ error: DecodeFailure) -> EngineError {
    switch error {
    case .damaged: failure.corrupt("the \(method?.rawValue ?? "") data is damaged")
    case .needsMemory:
      failure.limit(
        "the \(method?.rawValue ?? "") data needs more than \(limits.decoderMemory >> 20) MiB of memory to unpack")
    case .outOfMemory: failure.limit("no memory is left to unpack it")
    }
  }
}

extension Decompressor.Method {
  /// Whether layers of images come in it (OCI image spec, layer.md); the others are for whole archives.
  package var isOfLayers: Bool {
    switch self {
    case .none, .gzip, .zstd: true
    case .xz, .bzip2, .lzip, .compress: false
    }
  }
}
