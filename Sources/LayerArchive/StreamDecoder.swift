// The compressions whose memory and checksums we control ourselves behind one face: zlib, libzstd, liblzma.
internal import CArchive

/// What a decoder did in one call.
struct DecodeStep {
  var consumed: Int
  var produced: Int
  /// The member, frame or stream is complete; `restart` comes before the next.
  var ended: Bool
}

enum DecodeFailure: Error {
  case damaged
  /// The data asks for a window or dictionary beyond the limit.
  case needsMemory
  case outOfMemory
}

protocol StreamDecoder: AnyObject {
  /// Decodes what fits. Neither buffer need be used up; the input may be empty at the end of the source.
  func decode(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws(DecodeFailure) -> DecodeStep
  /// Makes ready for another member.
  func restart() throws(DecodeFailure)
}

/// RFC 1952 by zlib, with its checksum verified.
final class GzipDecoder: StreamDecoder {
  // On the heap: zlib's state points back at it.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

  init() throws(DecodeFailure) {
    stream.initialize(to: z_stream())
    // 15 bits of window, + 16: gzip and nothing else.
    guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw .outOfMemory
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func decode(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws(DecodeFailure) -> DecodeStep {
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(clamping: input.count)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(clamping: output.count)
    let before = (stream.pointee.avail_in, stream.pointee.avail_out)
    let result = inflate(stream, Z_NO_FLUSH)
    let step = DecodeStep(
      consumed: Int(before.0 - stream.pointee.avail_in), produced: Int(before.1 - stream.pointee.avail_out),
      ended: result == Z_STREAM_END)
    switch result {
    case Z_OK, Z_STREAM_END, Z_BUF_ERROR: return step
    case Z_MEM_ERROR: throw .outOfMemory
    default: throw .damaged
    }
  }

  func restart() throws(DecodeFailure) {
    if inflateReset(stream) != Z_OK { throw .damaged }
  }
}

/// RFC 8878 by libzstd.
final class ZstdDecoder: StreamDecoder {
  private let context: OpaquePointer

  init(memory: Int64) throws(DecodeFailure) {
    guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
    self.context = context
    // The largest window as a power of two; 27 (128 MiB) is what every zstd accepts by default.
    let log = Int32(63 - (UInt64(memory) / 2).leadingZeroBitCount)
    _ = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, min(max(log, 10), 31))
  }

  deinit { ZSTD_freeDCtx(context) }

  func decode(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws(DecodeFailure) -> DecodeStep {
    var from = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var to = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let result = ZSTD_decompressStream(context, &to, &from)
    if ZSTD_isError(result) != 0 {
      let name = String(cString: ZSTD_getErrorName(result))
      // The names are the only stable way to the code through the stable interface.
      throw name.contains("memory") ? .needsMemory : .damaged
    }
    return DecodeStep(consumed: from.pos, produced: to.pos, ended: result == 0)
  }

  func restart() throws(DecodeFailure) {}
}

/// The .xz format by liblzma.
final class XzDecoder: StreamDecoder {
  private let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
  private let memory: UInt64

  init(memory: Int64) throws(DecodeFailure) {
    self.memory = UInt64(memory)
    stream.initialize(to: lzma_stream())
    try restart()
  }

  deinit {
    lzma_end(stream)
    stream.deallocate()
  }

  func decode(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws(DecodeFailure) -> DecodeStep {
    stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = input.count
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = output.count
    let result = lzma_code(stream, LZMA_RUN)
    let step = DecodeStep(
      consumed: input.count - stream.pointee.avail_in, produced: output.count - stream.pointee.avail_out,
      ended: result == LZMA_STREAM_END)
    switch result {
    case LZMA_OK, LZMA_STREAM_END, LZMA_BUF_ERROR: return step
    case LZMA_MEMLIMIT_ERROR: throw .needsMemory
    case LZMA_MEM_ERROR: throw .outOfMemory
    default: throw .damaged
    }
  }

  func restart() throws(DecodeFailure) {
    if lzma_stream_decoder(stream, memory, 0) != LZMA_OK { throw .outOfMemory }
  }
}
