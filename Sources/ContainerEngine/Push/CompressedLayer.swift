internal import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// A layer compressed for a registry, in a file without a name.
final class CompressedLayer {
  let digest: Digest
  let size: Int64
  private let file: OwnedDescriptor
  var descriptor: Int32 { file.raw }

  /// Compresses a stored layer, whatever it is stored as: the same bytes each time.
  /// - Parameter progress: told how many stored bytes are done.
  init(
    _ stored: Int32, size: Int64, as compression: LayerCompression, level: Int?, in directory: StateDirectory,
    doing: String, progress: @escaping (Int64) -> Void
  ) throws {
    // O_TMPFILE: nothing is left of it when we die.
    let file = try File.open(at: directory.root.raw, StatePath.staging, O_RDWR | 0o20200000, mode: 0o600)
    let raw = file.raw
    var hash = SHA256Stream()
    let failure = ArchiveFailure(doing: doing)
    let compressor = try Compressor(
      compression == .gzip ? .gzip : .zstd, level: level, failure: failure
    ) { bytes in
      hash.update(bytes)
      try File.writeAll(raw, bytes, shown: "a compressed layer in \(directory.location.root)")
    }
    var done: Int64 = 0
    let counted = CountingSource(DescriptorSource(stored, shown: doing)) { count in
      done += Int64(count)
      progress(done)
    }
    let source = Decompressor(counted, failure: failure)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try source.read(into: buffer)
      if count == 0 { break }
      try compressor.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    try compressor.finish()
    digest = hash.digest
    self.size = hash.count
    self.file = file
  }
}

/// Tells how many bytes went through.
private final class CountingSource: ByteSource {
  private let source: any ByteSource
  private let count: (Int) -> Void

  init(_ source: any ByteSource, _ count: @escaping (Int) -> Void) {
    self.source = source
    self.count = count
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let got = try source.read(into: buffer)
    count(got)
    return got
  }
}
