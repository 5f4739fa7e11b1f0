// Compressions in which whole archives come, and layers do not: libarchive's filters.
internal import Basics
internal import CArchive

/// Gives what libarchive takes out of one compressed stream (archive_read_filter(3)). Its formats are not used: of tar
/// archives there is one reader, ours (SECURITY C9).
final class ArchiveFilter: ByteSource {
  /// What the callback of libarchive works with.
  private final class Input {
    let source: any ByteSource
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    var delivered: Int64 = 0
    /// Bytes of the block that was delivered last.
    var lastCount = 0
    var failure: (any Error)?

    init(_ source: any ByteSource) { self.source = source }

    deinit { buffer.deallocate() }
  }

  private let input: Input
  private let archive: OpaquePointer
  private let method: Decompressor.Method
  private let failure: ArchiveFailure
  private var isOpen = false
  private var hasEnded = false

  init(_ source: any ByteSource, method: Decompressor.Method, failure: ArchiveFailure) throws {
    guard let archive = archive_read_new() else { throw failure.limit("no memory is left to unpack it") }
    self.archive = archive
    self.method = method
    self.failure = failure
    input = Input(source)
    archive_read_support_format_raw(archive)
    switch method {
    case .bzip2: archive_read_support_filter_bzip2(archive)
    case .lzip: archive_read_support_filter_lzip(archive)
    case .compress: archive_read_support_filter_compress(archive)
    case .none, .gzip, .zstd, .xz: preconditionFailure("\(method.rawValue) has a decoder of its own")
    }
  }

  deinit { archive_read_free(archive) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if hasEnded { return 0 }
    if !isOpen { try open() }
    let count = archive_read_data(archive, buffer.baseAddress, buffer.count)
    if count < 0 { throw reason }
    if count == 0 { try finish() }
    return count
  }

  private func open() throws {
    isOpen = true
    let context = Unmanaged.passUnretained(input).toOpaque()
    let opened = archive_read_open(
      archive, context, nil,
      { _, context, block in
        guard let context else { return -1 }
        return ArchiveFilter.deliver(Unmanaged<Input>.fromOpaque(context).takeUnretainedValue(), block)
      }, nil)
    var entry: OpaquePointer?
    guard opened == ARCHIVE_OK else { throw reason }
    let header = archive_read_next_header(archive, &entry)
    if header == ARCHIVE_EOF { hasEnded = true } else if header < ARCHIVE_WARN { throw reason }
  }

  private static func deliver(_ input: Input, _ block: UnsafeMutablePointer<UnsafeRawPointer?>?) -> Int {
    do {
      let count = try input.source.read(into: input.buffer)
      input.delivered += Int64(count)
      if count > 0 { input.lastCount = count }
      block?.pointee = UnsafeRawPointer(input.buffer.baseAddress)
      return count
    } catch {
      input.failure = error
      return -1
    }
  }

  /// What follows the compressed data must be nothing, or zeros, as with the other compressions.
  private func finish() throws {
    hasEnded = true
    // Position -1 is that of the raw stream: what the filter used of what it was given.
    let used = archive_filter_bytes(archive, -1)
    let left = min(max(Int(input.delivered - used), 0), input.lastCount)
    // compress(1) has no end of its own: all there is belongs to it.
    var rest = method != .compress && input.buffer[input.lastCount - left..<input.lastCount].contains { $0 != 0 }
    while !rest {
      let count = try input.source.read(into: input.buffer)
      if count == 0 { return }
      rest = input.buffer[..<count].contains { $0 != 0 }
    }
    throw failure.corrupt("other bytes follow the \(method.rawValue) data")
  }

  private var reason: any Error {
    input.failure ?? failure.corrupt("the \(method.rawValue) data is damaged")
  }
}
