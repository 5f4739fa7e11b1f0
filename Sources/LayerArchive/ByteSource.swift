// Where bytes of archives come from: pulled, in one pass, never more than a buffer of them in memory.
internal import Basics
internal import Glibc
internal import LinuxKernel
package import OCI

/// A stream that is read once, front to back.
package protocol ByteSource: AnyObject {
  /// Fills at most the buffer; fewer bytes are no end, 0 is. The buffer is not empty.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A source that is a file, a pipe or a socket. The descriptor stays its owner's.
package final class DescriptorSource: ByteSource {
  private let descriptor: Int32
  private let shown: String

  /// `shown` is the name of the file for errors.
  package init(_ descriptor: Int32, shown: String) {
    self.descriptor = descriptor
    self.shown = shown
  }

  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try File.read(descriptor, into: buffer, shown: shown)
  }
}

/// A source that is bytes in memory, given in pieces of at most `step` bytes.
package final class MemorySource: ByteSource {
  private let bytes: [UInt8]
  private let step: Int
  private var position = 0

  package init(_ bytes: [UInt8], step: Int = .max) {
    self.bytes = bytes
    self.step = step
  }

  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = min(buffer.count, bytes.count - position, step)
    bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count])) }
    position += count
    return count
  }
}

/// A source that is a function.
package final class ClosureSource: ByteSource {
  private let body: (UnsafeMutableRawBufferPointer) throws -> Int

  package init(_ body: @escaping (UnsafeMutableRawBufferPointer) throws -> Int) { self.body = body }

  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try body(buffer) }
}

/// Passes bytes on, counts and hashes them on the way, and can hand each piece to a second reader: so a blob is stored,
/// its digest taken and its content unpacked in one pass.
package final class HashingSource: ByteSource {
  private let source: any ByteSource
  private let copy: ((UnsafeRawBufferPointer) throws -> Void)?
  /// The digest of what has passed so far.
  package private(set) var hash = SHA256Stream()

  package init(_ source: any ByteSource, copy: ((UnsafeRawBufferPointer) throws -> Void)? = nil) {
    self.source = source
    self.copy = copy
  }

  package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try source.read(into: buffer)
    guard count > 0 else { return count }
    let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
    hash.update(piece)
    try copy?(piece)
    return count
  }
}

extension ByteSource {
  /// Reads to the end and forgets, for the sake of what counts and hashes on the way.
  package func drain() throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { buffer.deallocate() }
    while try read(into: buffer) > 0 {}
  }
}

/// The errors of one archive: what was being done to it, and why that failed.
package struct ArchiveFailure: Sendable {
  /// A present participle phrase with the archive's name, such as "unpacking layer 5f70bf18a086".
  package let doing: String

  package init(doing: String) { self.doing = doing }

  func invalid(_ reason: String, hint: String? = nil) -> EngineError {
    EngineError(.invalidInput, doing, reason, hint: hint)
  }
  func corrupt(_ reason: String) -> EngineError { EngineError(.corrupt, doing, reason) }
  func limit(_ reason: String, hint: String? = nil) -> EngineError {
    EngineError(.limitReached, doing, reason, hint: hint)
  }
  func unsupported(_ reason: String) -> EngineError { EngineError(.unsupported, doing, reason) }
  func system(_ error: SystemError) -> EngineError { error.engineError(doing) }
}

/// A path of an archive for people, in quotes, whatever bytes it is made of.
func shownPath(_ bytes: some Collection<UInt8>) -> String {
  let text = safeText(String(decoding: bytes.prefix(300), as: UTF8.self))
  return "\"\(text)\(bytes.count > 300 ? "…" : "")\""
}
