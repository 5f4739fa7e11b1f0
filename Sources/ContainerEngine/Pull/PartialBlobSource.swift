internal import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Registry
internal import Storage

/// A blob as one run of bytes: those that an earlier download left in the partial file, then the rest from the registry,
/// which is written behind them on the way.
final class PartialBlobSource: ByteSource {
  private let file: Int32
  private let blob: Descriptor
  private let client: RegistryClient
  private let board: TransferBoard.Writer
  private var download: BlobDownload?
  private var position: Int64 = 0
  private let kept: Int64

  /// - Parameters:
  ///   - file: the partial file, open for reading and writing.
  ///   - kept: bytes of it that are the beginning of the blob.
  init(file: Int32, kept: Int64, of blob: Descriptor, _ client: RegistryClient, board: TransferBoard.Writer) {
    self.file = file
    self.kept = kept
    self.blob = blob
    self.client = client
    self.board = board
    board.set(total: blob.size)
    board.set(.downloading)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = position < kept ? try readKept(into: buffer) : try fetch(into: buffer)
    position += Int64(count)
    board.set(current: position)
    if count == 0 { board.set(.extracting) }
    return count
  }

  private func readKept(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try systemCall("read", "\(blob.digest)") {
      pread(file, buffer.baseAddress, min(buffer.count, Int(kept - position)), off_t(position))
    }
    guard count > 0 else { throw SystemError("read", "\(blob.digest)", errno: EIO) }
    return count
  }

  private func fetch(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if position == blob.size, download == nil { return 0 }
    let download = try self.download ?? client.openBlob(blob, from: position)
    self.download = download
    let count = try download.read(into: buffer)
    var written = 0
    while written < count {
      written += try systemCall("write", "\(blob.digest)") {
        pwrite(file, buffer.baseAddress.map { $0 + written }, count - written, off_t(position) + off_t(written))
      }
    }
    try faultPoint("pull.blob.received")
    return count
  }
}

/// A blob of the store that is unpacked, with its progress on the board.
final class StoredBlobSource: ByteSource {
  private let file: OwnedDescriptor
  private let blob: Descriptor
  private let board: TransferBoard.Writer
  private var position: Int64 = 0

  /// - Parameter file: an open descriptor, which is closed here.
  init(_ file: Int32, of blob: Descriptor, board: TransferBoard.Writer) {
    self.file = OwnedDescriptor(owning: file)
    self.blob = blob
    self.board = board
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try File.read(file.raw, into: buffer, shown: "\(blob.digest)")
    position += Int64(count)
    board.set(current: position)
    return count
  }
}
