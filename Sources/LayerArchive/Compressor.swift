// Compressing a stream so that the same bytes in are the same bytes out.
internal import Basics
internal import CArchive

/// Compresses what is written to it and passes it on. gzip headers carry neither time nor name.
package final class Compressor {
  package enum Method: String, Sendable { case gzip, zstd }

  private enum Engine {
    case gzip(UnsafeMutablePointer<z_stream>)
    case zstd(OpaquePointer)
  }

  private let engine: Engine
  private let failure: ArchiveFailure
  private let sink: (UnsafeRawBufferPointer) throws -> Void
  private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)

  /// Levels a method has.
  package static func levels(_ method: Method) -> ClosedRange<Int> {
    switch method {
    case .gzip: 1...9
    case .zstd: 1...22
    }
  }

  /// - Parameter level: one of `levels`; nil is the method's usual one.
  package init(
    _ method: Method, level: Int? = nil, failure: ArchiveFailure,
    sink: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    self.sink = sink
    self.failure = failure
    switch method {
    case .gzip:
      let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
      stream.initialize(to: z_stream())
      // 15 bits of window + 16: gzip; 8: the default memory.
      let result = deflateInit2_(
        stream, Int32(clamping: level ?? 6), Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size))
      guard result == Z_OK else {
        stream.deallocate()
        throw failure.limit("no memory is left to compress it")
      }
      engine = .gzip(stream)
    case .zstd:
      guard let context = ZSTD_createCCtx() else { throw failure.limit("no memory is left to compress it") }
      _ = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(clamping: level ?? 3))
      engine = .zstd(context)
    }
  }

  deinit {
    switch engine {
    case .gzip(let stream):
      deflateEnd(stream)
      stream.deallocate()
    case .zstd(let context): ZSTD_freeCCtx(context)
    }
    output.deallocate()
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws { try run(bytes, isLast: false) }

  /// Ends the stream; nothing may be written after.
  package func finish() throws { try run(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true) }

  private func run(_ bytes: UnsafeRawBufferPointer, isLast: Bool) throws {
    switch engine {
    case .gzip(let stream):
      stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
      stream.pointee.avail_in = UInt32(bytes.count)
      repeat {
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let result = deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
        try pass(output.count - Int(stream.pointee.avail_out))
        if result == Z_STREAM_END { return }
      } while stream.pointee.avail_out == 0 || (isLast && stream.pointee.avail_out > 0)
    case .zstd(let context):
      var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
      while true {
        var space = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let rest = ZSTD_compressStream2(context, &space, &input, isLast ? ZSTD_e_end : ZSTD_e_continue)
        guard ZSTD_isError(rest) == 0 else { throw failure.limit("no memory is left to compress it") }
        try pass(space.pos)
        if isLast ? rest == 0 : input.pos == input.size { return }
      }
    }
  }

  private func pass(_ count: Int) throws {
    if count > 0 { try sink(UnsafeRawBufferPointer(rebasing: output[..<count])) }
  }
}
