package import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import Storage

// Files go over as a tar stream between this process, which sees the host, and a child whose root is the container's.
// The one that writes looks up the source, the one that reads the destination.
extension Engine {
  /// Copies from the host, or from a tar stream on standard input, into a container.
  package func copyIn(_ request: CopyRequest) throws(EngineError) -> CopyOutcome {
    let doing = "copying to \(safeText(request.container)):\(safeText(request.path))"
    let outcome = try during(doing) {
      let entry = try ContainerEntry(self, request.container, writes: true, doing: doing)
      let path = Self.absolute(request.path)
      guard let local = request.localPath else {
        let task = try ChildTask.start(doing: doing) { answer in
          let inside = try entry.enter(keeping: [answer])
          let destination = try CopyDestination(directory: path, in: .container(root: inside.root.raw), doing: doing)
          return try unpack(STDIN_FILENO, into: destination, top: nil, inside, keepsOwners: true, doing)
        }
        return CopyOutcome(bytes: 0, notes: try task.finish())
      }
      let source = try CopySource(
        local, in: .host, followsLink: request.followsLink, workingDirectory: workingDirectory(), doing: doing)
      let owners = request.keepsOwners ? OwnerShift(try entry.outerIDs()).inverse : .none
      signal(SIGPIPE, SIG_IGN)
      let ends = try File.pipe()
      let task = try ChildTask.start(doing: doing) { answer in
        close(ends.write)
        let inside = try entry.enter(keeping: [answer, ends.read])
        let destination = try CopyDestination(
          path, in: .container(root: inside.root.raw), sourceIsDirectory: source.isDirectory,
          meansContents: source.meansContents, baseName: source.baseName, doing: doing)
        return try unpack(
          ends.read, into: destination, top: Array(destination.name.utf8), inside, keepsOwners: request.keepsOwners,
          doing)
      }
      close(ends.read)
      let sent = Result {
        let outcome = try send(source, owners: owners, to: ends.write, doing)
        try faultPoint("copy.sent")
        return outcome
      }
      close(ends.write)
      return try self.outcome(of: sent, task)
    }
    note("copy", containerNamed: request.container)
    return outcome
  }

  /// In the child.
  private func unpack(
    _ descriptor: Int32, into destination: CopyDestination, top: [UInt8]?, _ inside: ContainerEntry.Inside,
    keepsOwners: Bool, _ doing: String
  ) throws -> [String] {
    let failure = ArchiveFailure(doing: doing)
    var merge = LayerExtractor.Merge(top: top)
    merge.isConfined = true
    merge.owners = inside.owners
    let stream = DescriptorSource(descriptor, shown: "the archive")
    try faultPoint("copy.entered")
    return try extract(
      top == nil ? Decompressor(stream, failure: failure) : stream, into: destination, merge,
      keepsOwners: keepsOwners && inside.isRoot, failure
    ).notes
  }

  /// Copies from a container to the host, or as a tar stream to standard output.
  package func copyOut(_ request: CopyRequest) throws(EngineError) -> CopyOutcome {
    let doing = "copying from \(safeText(request.container)):\(safeText(request.path))"
    let outcome = try during(doing) {
      let entry = try ContainerEntry(self, request.container, writes: false, doing: doing)
      let isStream = request.localPath == nil
      let owners = request.keepsOwners && !isStream ? OwnerShift(try entry.namespaceIDs()) : .none
      let ends = isStream ? (read: -1, write: STDOUT_FILENO) : try File.pipe()
      let task = try ChildTask.start(doing: doing) { answer in
        if !isStream { close(ends.read) }
        signal(SIGPIPE, SIG_IGN)
        let inside = try entry.enter(keeping: [answer, ends.write])
        let source = try CopySource(
          Self.absolute(request.path), in: .container(root: inside.root.raw), followsLink: request.followsLink,
          workingDirectory: "/", doing: doing)
        if !isStream { try File.writeAll(ends.write, CopyHeader(source).line) }
        return try send(source, owners: owners, to: ends.write, isStream: isStream, doing).notes
      }
      guard let local = request.localPath else { return CopyOutcome(bytes: 0, notes: try task.finish()) }
      close(ends.write)
      let received = Result { try receive(ends.read, local, request, entry, doing) }
      close(ends.read)
      return try self.outcome(of: received, task)
    }
    note("copy", containerNamed: request.container)
    return outcome
  }

  private func receive(
    _ descriptor: Int32, _ path: String, _ request: CopyRequest, _ entry: ContainerEntry, _ doing: String
  ) throws -> CopyOutcome {
    guard let header = try CopyHeader(reading: descriptor) else { throw StreamEnded() }
    let destination = try CopyDestination(
      path, in: .host, sourceIsDirectory: header.isDirectory, meansContents: header.meansContents,
      baseName: header.baseName, doing: doing)
    var merge = LayerExtractor.Merge(top: Array(destination.name.utf8))
    merge.dropsPrivileges = !request.keepsOwners
    if request.keepsOwners, isRootless {
      // Only root of the user's namespace can give files to the user's other ids.
      try enterUserNamespace()
    }
    let source = CountingSource(DescriptorSource(descriptor, shown: "the archive"))
    try faultPoint("copy.received")
    let result = try extract(
      source, into: destination, merge, keepsOwners: request.keepsOwners, ArchiveFailure(doing: doing))
    return CopyOutcome(bytes: source.count, notes: result.notes)
  }

  private func extract(
    _ source: any ByteSource, into destination: CopyDestination, _ merge: LayerExtractor.Merge, keepsOwners: Bool,
    _ failure: ArchiveFailure
  ) throws -> ExtractionResult {
    var options = LayerExtractor.Options(
      mode: overlayMode, ownership: keepsOwners ? .asArchived : .squashed, readsWhiteouts: false)
    options.merge = merge
    let result = try LayerExtractor(source, into: destination.directory.raw, options: options, failure: failure)
      .extract()
    if let link = result.unresolved.links.first {
      throw EngineError(
        .corrupt, failure.doing,
        "the hard link \(safeText(String(decoding: link.path, as: UTF8.self))) leads to a file that is not there")
    }
    return result
  }

  /// Writes the archive. Its one top name is replaced by who reads it.
  private func send(
    _ source: CopySource, owners: OwnerShift, to descriptor: Int32, isStream: Bool = false, _ doing: String
  ) throws -> CopyOutcome {
    let name = isStream && source.meansContents ? "" : source.baseName.isEmpty ? "root" : source.baseName
    let writer = TarWriter {
      do throws(SystemError) { try File.writeAll(descriptor, $0, shown: "the archive") } catch {
        // Who does not read on says why.
        throw error.errno == EPIPE && !isStream ? StreamEnded() : error
      }
    }
    let notes = try TreeArchive.write(
      source.name, at: source.directory.raw, as: Array(name.utf8), to: writer, owners: owners,
      failure: ArchiveFailure(doing: doing))
    try writer.finish()
    return CopyOutcome(bytes: writer.count, notes: notes)
  }

  /// What both sides say: of two errors the one that was first.
  private func outcome(
    of own: Result<CopyOutcome, any Error>, _ task: ChildTask
  ) throws -> CopyOutcome {
    let other = Result { try task.finish() }
    switch (own, other) {
    case (.success(var outcome), .success(let notes)):
      outcome.notes += notes
      return outcome
    case (.failure(let error), .success): throw error
    case (.success, .failure(let error)): throw error
    case (.failure(let error), .failure(let theirs)):
      // Ours ends theirs, unless it is but the end of theirs.
      throw error is StreamEnded || Self.isTruncation(error) ? theirs : error
    }
  }

  private static func isTruncation(_ error: any Error) -> Bool {
    (error as? EngineError)?.kind == .corrupt
  }

  private static func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "/" + path }

  private func workingDirectory() -> String {
    // Without one, which can have been removed, relative paths have no meaning anyway.
    (try? File.readLink("/proc/self/cwd")) ?? "/"
  }
}

/// The other side of the pipe is gone.
private struct StreamEnded: Error {}

/// Counts what is read.
private final class CountingSource: ByteSource {
  private let source: any ByteSource
  private(set) var count: Int64 = 0

  init(_ source: any ByteSource) { self.source = source }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let got = try source.read(into: buffer)
    count += Int64(got)
    return got
  }
}

/// What the reader must know of the source before the archive comes: one line of JSON.
private struct CopyHeader {
  private static let limit = 16 << 10
  let isDirectory: Bool
  let meansContents: Bool
  let baseName: String

  init(_ source: CopySource) {
    (isDirectory, meansContents, baseName) = (source.isDirectory, source.meansContents, source.baseName)
  }

  var line: [UInt8] {
    var builder = JSONBuilder()
    builder.set("directory", isDirectory)
    builder.set("contents", meansContents)
    builder.set("base", baseName)
    return builder.json.bytes() + [UInt8(ascii: "\n")]
  }

  /// Nil when the stream ends before.
  init?(reading descriptor: Int32) throws {
    var bytes: [UInt8] = []
    var byte: [UInt8] = [0]
    while bytes.count < Self.limit {
      let got = try byte.withUnsafeMutableBytes { try File.read(descriptor, into: $0, shown: "the archive") }
      if got == 0 { return nil }
      if byte[0] == UInt8(ascii: "\n") { break }
      bytes.append(byte[0])
    }
    let fields = try JSONFields(try JSON(parsing: bytes), "header")
    isDirectory = try fields.bool("directory")
    meansContents = try fields.bool("contents")
    baseName = try fields.string("base")
  }
}
