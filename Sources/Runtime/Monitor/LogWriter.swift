internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// A container's log: files in docker's json-file format in the container's own directory, opened by descriptor at the
/// first output, and rotated so that together they stay bounded.
/// Lines are put together from what the container writes; a line longer than 16 KiB is written in parts, all but the
/// last without the line feed, as docker's copier does. Whatever one round of the event loop brings is written with
/// one call.
final class LogWriter {
  /// Bytes of one entry at most (moby's copier buffer).
  static let entryLimit = 16_384
  private static let bufferSize = 262_144

  private let directory: Int32
  private let configuration: LogConfiguration
  private var encoder: LogLineEncoder
  private var file: OwnedDescriptor?
  /// Bytes in the current file that are whole lines.
  private var fileSize: Int64 = 0
  /// Own pages, so that an idle log costs nothing; mapped at the first output.
  private var buffer: UnsafeMutablePointer<UInt8>?
  private var filled = 0
  private var partialOut: [UInt8] = []
  private var partialErr: [UInt8] = []
  /// Entries that could not be kept, for example because the disk was full.
  private(set) var lost: UInt64 = 0

  /// - Parameter directory: the container's directory, which stays the caller's.
  init(directory: Int32, configuration: LogConfiguration) {
    self.directory = directory
    self.configuration = configuration
    encoder = LogLineEncoder(attributes: configuration.attributes)
  }

  deinit {
    encoder.deallocate()
    if let buffer { munmap(buffer, Self.bufferSize) }
  }

  /// Takes in what one read of the container's output gave.
  func add(_ bytes: UnsafeRawBufferPointer, _ stream: OutputStream) {
    let time = Timestamp.now
    var rest = bytes
    while let start = rest.baseAddress, !rest.isEmpty {
      let found = memchr(start, 0x0A, rest.count)
      let length = found.map { UnsafeRawPointer($0) - start + 1 } ?? rest.count
      let held = stream == .stdout ? partialOut.count : partialErr.count
      let room = Self.entryLimit - held
      let take = min(length, room)
      let piece = UnsafeRawBufferPointer(rebasing: rest[..<take])
      rest = UnsafeRawBufferPointer(rebasing: rest[take...])
      if found != nil, take == length {
        emit(piece, stream, time)
      } else if held + take == Self.entryLimit {
        emitPart(piece, stream, time)
      } else {
        hold(piece, stream)
      }
    }
  }

  private func hold(_ bytes: UnsafeRawBufferPointer, _ stream: OutputStream) {
    if stream == .stdout { partialOut.append(contentsOf: bytes) } else { partialErr.append(contentsOf: bytes) }
  }

  /// A full part of a long line: cut before a character that its end would split.
  private func emitPart(_ bytes: UnsafeRawBufferPointer, _ stream: OutputStream, _ time: Timestamp) {
    var keep = 0
    for back in 1...3 where back < bytes.count && bytes[bytes.count - back] >= 0xC0 {
      if LogLineEncoder.sequenceLength(bytes, at: bytes.count - back) < 0 { keep = back }
      break
    }
    emit(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - keep)]), stream, time)
    hold(UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - keep)...]), stream)
  }

  /// One entry: what is held of the stream's line, and `bytes`.
  private func emit(_ bytes: UnsafeRawBufferPointer, _ stream: OutputStream, _ time: Timestamp) {
    let held = stream == .stdout ? partialOut : partialErr
    let bound = encoder.bound(held.count + bytes.count)
    if !held.isEmpty { if stream == .stdout { partialOut = [] } else { partialErr = [] } }
    guard let buffer = room(for: bound) else {
      lost += 1
      return
    }
    let written = held.withUnsafeBytes { encoder.append(($0, bytes), stream, time, to: buffer + filled) }
    if configuration.maxSize > 0, fileSize + Int64(filled) > 0,
      fileSize + Int64(filled + written) > configuration.maxSize
    {
      // The new line begins the next file: write what is before it, rotate, and put it first.
      let line = buffer + filled
      flush()
      rotate()
      memmove(buffer, line, written)
    }
    filled += written
  }

  private func room(for bound: Int) -> UnsafeMutablePointer<UInt8>? {
    if buffer == nil { buffer = dhow_map_pages(Self.bufferSize)?.assumingMemoryBound(to: UInt8.self) }
    if filled + bound > Self.bufferSize { flush() }
    return buffer
  }

  /// Writes what has been taken in, without the line that is still being written by the container.
  func flush() {
    guard filled > 0, let buffer else { return }
    defer { filled = 0 }
    guard openFile() else {
      lost += 1
      return
    }
    guard let raw = file?.raw else { return }
    let bytes = UnsafeRawBufferPointer(start: buffer, count: filled)
    do throws(SystemError) {
      try File.writeAll(raw, bytes, shown: LogConfiguration.fileName)
      fileSize += Int64(filled)
    } catch {
      // The container goes on without its log; a torn line would spoil the ones after it.
      lost += 1
      _ = ftruncate(raw, off_t(fileSize))
    }
  }

  /// Ends the log: unfinished lines are written as they are.
  func close() {
    let time = Timestamp.now
    let empty = UnsafeRawBufferPointer(start: nil, count: 0)
    if !partialOut.isEmpty { emit(empty, .stdout, time) }
    if !partialErr.isEmpty { emit(empty, .stderr, time) }
    flush()
    file = nil
  }

  /// Gives the buffer's pages back while nothing is written.
  func releaseMemory() {
    if let buffer, filled == 0 { _ = dhow_release_pages(buffer, Self.bufferSize) }
  }

  private func openFile() -> Bool {
    if file != nil { return true }
    do throws(SystemError) {
      let opened = try File.open(
        at: directory, LogConfiguration.fileName, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, mode: 0o600)
      fileSize = try File.status(opened.raw).size
      var last: UInt8 = 0x0A
      if fileSize > 0, pread(opened.raw, &last, 1, off_t(fileSize - 1)) == 1, last != 0x0A {
        // An earlier monitor was killed in the middle of a line.
        try File.writeAll(opened.raw, [0x0A], shown: LogConfiguration.fileName)
        fileSize += 1
      }
      file = consume opened
      return true
    } catch { return false }
  }

  /// `container.log.1` becomes `.2` and so on, the oldest goes, and a new file is begun at the next write. Readers that
  /// follow notice the change of the file, never a shrinking one.
  private func rotate() {
    file = nil
    fileSize = 0
    let name = LogConfiguration.fileName
    for index in stride(from: configuration.maxFiles - 1, through: 1, by: -1) {
      _ = renameat(directory, index == 1 ? name : "\(name).\(index - 1)", directory, "\(name).\(index)")
    }
    if configuration.maxFiles == 1 { unlinkat(directory, name, 0) }
  }
}
