internal import Basics
internal import CLinux
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// The files of an archive of images, taken in as they pass: small ones in memory, others staged as blobs of the store,
/// so that a stream is read once and `manifest.json` may come last.
///
/// Files are found by their exact name (SECURITY B16). Nothing is ever written under a name of the archive's.
final class ImageArchive {
  enum Limits {
    /// Files of one archive: an image of 500 layers has 1502 in the oldest form.
    static let files = 100_000
    /// Bytes of a file that is kept in memory, and of all of them together.
    static let smallFile = 1 << 20
    static let smallFiles = 64 << 20
    /// Names of all images of an archive together.
    static let names = 10_000
  }

  private enum File {
    case memory([UInt8])
    case staged(Digest, Int64)
    /// docker before 25 wrote a layer that several images share once, and links to it.
    case link(String)
  }

  let ingest: ContentIngest
  let failure: ArchiveFailure
  let doing: String
  private var files: [String: File] = [:]
  private var directory: Int32?
  private var bytesInMemory = 0

  /// Reads a whole archive.
  init(reading source: any ByteSource, ingest: ContentIngest, doing: String) throws {
    self.ingest = ingest
    self.doing = doing
    failure = ArchiveFailure(doing: doing)
    let stream = Decompressor(source, failure: failure)
    let reader = TarReader(stream, failure: failure)
    while try reader.next() { try take(reader) }
    try reader.finish()
  }

  /// Reads files of a directory when they are asked for; the descriptor is the caller's.
  init(directory: Int32, ingest: ContentIngest, doing: String) {
    self.ingest = ingest
    self.doing = doing
    self.directory = directory
    failure = ArchiveFailure(doing: doing)
  }

  func corrupt(_ reason: String) -> EngineError { EngineError(.corrupt, doing, reason) }

  private func take(_ reader: TarReader) throws {
    var name = String(decoding: reader.entry.path, as: UTF8.self)
    while name.hasPrefix("./") { name = String(name.dropFirst(2)) }
    let file: File
    switch reader.entry.kind {
    case .regular: file = try content(reader)
    case .symlink: file = .link(String(decoding: reader.entry.linkTarget, as: UTF8.self))
    default: return
    }
    if let before = files[name], !isSame(before, file) {
      throw corrupt("\"\(safeText(name))\" is in it twice, with different content")
    }
    files[name] = file
    guard files.count <= Limits.files else {
      throw EngineError(.limitReached, doing, "it has more than \(Limits.files) files: that is no archive of images")
    }
  }

  private func content(_ reader: TarReader) throws -> File {
    let size = reader.entry.size
    if size <= Limits.smallFile, bytesInMemory + Int(size) <= Limits.smallFiles {
      bytesInMemory += Int(size)
      return .memory(try reader.content(limit: Limits.smallFile))
    }
    guard reader.entry.isStoredWhole else { throw corrupt("a sparse file is in it") }
    let writer = try ingest.blob()
    while let piece = try reader.nextPiece() { try writer.write(piece.bytes) }
    let blob = try writer.finish(expecting: nil, size: nil)
    return .staged(blob.digest, blob.size)
  }

  private func isSame(_ a: File, _ b: File) -> Bool {
    switch (a, b) {
    case (.memory(let a), .memory(let b)): a == b
    case (.staged(let a, _), .staged(let b, _)): a == b
    case (.link(let a), .link(let b)): a == b
    default: false
    }
  }

  /// The file of that name; a link leads to another file of the archive by the letters of its target, and no further.
  private func find(_ name: String) throws -> File? {
    if directory != nil { return try findInDirectory(name) }
    guard case .link(let target)? = files[name] else { return files[name] }
    var parts = name.split(separator: "/").dropLast()
    for part in target.split(separator: "/") where part != "." {
      if part == ".." {
        if parts.isEmpty { return nil }
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    guard !target.hasPrefix("/"), let file = files[parts.joined(separator: "/")] else { return nil }
    if case .link = file { return nil }
    return file
  }

  private func findInDirectory(_ name: String) throws -> File? {
    if let known = files[name] { return known }
    guard let directory, !name.isEmpty else { return nil }
    let opened: OwnedDescriptor
    do throws(SystemError) {
      opened = try LinuxKernel.File.openBeneath(directory, name, O_RDONLY | O_NONBLOCK, shown: name)
    } catch {
      if [ENOENT, ENOTDIR, ELOOP, EXDEV].contains(error.errno) { return nil }
      throw error
    }
    let status = try LinuxKernel.File.status(opened.raw, shown: name)
    guard status.kind == .regular else { return nil }
    let file: File
    if status.size <= Limits.smallFile {
      file = .memory(try LinuxKernel.File.readAll(opened.raw, limit: Limits.smallFile, shown: name))
    } else {
      let writer = try ingest.blob()
      let source = HashingSource(DescriptorSource(opened.raw, shown: name)) { try writer.write($0) }
      try source.drain()
      let blob = try writer.finish(expecting: nil, size: nil)
      file = .staged(blob.digest, blob.size)
    }
    files[name] = file
    return file
  }

  func contains(_ name: String) throws -> Bool { try find(name) != nil }

  /// The bytes of a JSON document of the archive; nil when it is not there.
  func document(_ name: String) throws -> [UInt8]? {
    switch try find(name) {
    case .memory(let bytes): return bytes
    case .staged(let digest, let size):
      guard size <= ImageLayout.indexBytes, name == ImageLayout.indexFile || size <= OCILimits.documentBytes else {
        throw EngineError(
          .limitReached, doing, "\"\(safeText(name))\" is larger than \(OCILimits.documentBytes >> 20) MiB")
      }
      let file = try ingest.openBlob(digest)
      return try LinuxKernel.File.readAll(file.raw, limit: ImageLayout.indexBytes, shown: name)
    case .link, nil: return nil
    }
  }

  /// Makes a file of the archive a staged blob.
  /// - Throws: `corrupt` when it is not there, or is not what its name or `expected` says (SECURITY B1).
  func stage(_ name: String, expecting expected: Digest? = nil, size: Int64? = nil) throws -> (
    digest: Digest, size: Int64
  ) {
    let found: (digest: Digest, size: Int64)
    switch try find(name) {
    case .memory(let bytes): found = (try ingest.add(blob: bytes), Int64(bytes.count))
    case .staged(let digest, let size): found = (digest, size)
    case .link, nil:
      throw corrupt("\"\(safeText(String(name.prefix(300))))\" is named in it, but is no file in it")
    }
    if let expected = expected ?? Self.digest(in: name), expected != found.digest {
      throw corrupt("the content of \(expected) has the digest \(found.digest)")
    }
    if let size, size != found.size {
      throw corrupt("\(found.digest) has \(found.size) bytes, not \(size) as its descriptor says")
    }
    return found
  }

  /// The digest that a file's name claims: `blobs/sha256/HEX`, `HEX.json`.
  private static func digest(in name: String) -> Digest? {
    if name.hasPrefix("blobs/sha256/") { return Digest(.sha256, hex: name.dropFirst("blobs/sha256/".count)) }
    return name.hasSuffix(".json") ? Digest(.sha256, hex: name.dropLast(5)) : nil
  }

  /// How a staged blob is compressed, by its first bytes.
  func compression(of digest: Digest) throws -> Decompressor.Method {
    let file = try ingest.openBlob(digest)
    let decompressor = Decompressor(DescriptorSource(file.raw, shown: "\(digest)"), failure: failure)
    _ = try withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { try decompressor.read(into: $0) }
    return decompressor.method ?? .none
  }
}

/// An image of an archive, its documents and blobs staged.
struct ArchivedImage {
  var manifest: Descriptor
  /// Digest of the config: the image's id.
  var id: Digest
  var config: ImageConfig
  /// Blobs of the layers, bottom first.
  var layers: [Descriptor]
  var names: [Reference]

  /// Everything of it that is a blob.
  var blobs: [Digest] { [manifest.digest, id] + layers.map(\.digest) }
}
