internal import Basics
internal import Dockerfile
internal import Glibc
internal import ImageBuild
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// The Dockerfile and the files of a build, from wherever they come.
struct BuildInput {
  let dockerfile: ParsedDockerfile
  let context: BuildContext
  /// Holds what was unpacked, until the build is over.
  private var area: StagingArea?

  init(_ request: BuildRequest, _ engine: Engine, doing: String) throws {
    switch request.context {
    case .directory(let path): try self.init(directory: path, request, engine, doing: doing)
    case .standardInput: try self.init(standardInput: request, engine, doing: doing)
    case .remote(let url): try self.init(remote: url, request, engine, doing: doing)
    }
  }

  private init(dockerfile: ParsedDockerfile, context: BuildContext) {
    self.dockerfile = dockerfile
    self.context = context
  }

  private init(
    directory path: String, _ request: BuildRequest, _ engine: Engine, area: StagingArea? = nil, doing: String
  ) throws {
    self.area = area
    let opened = try Self.open(path, doing: doing)
    let (name, bytes, beside) = try Self.dockerfile(request.dockerfile, in: opened.raw, doing: doing)
    dockerfile = try Self.parse(bytes, name: name, doing: doing)
    let ignored: IgnorePatterns
    do {
      if let beside {
        ignored = try IgnorePatterns(parsing: beside, name: name + ".dockerignore")
      } else {
        ignored = try BuildContextFiles.ignored(in: opened.raw, dockerfile: name)
      }
    } catch let error as BuildDiagnostic {
      throw EngineError(.invalidInput, doing, error.message, hint: error.hint)
    }
    let identity = area == nil ? try File.readLink("/proc/self/fd/\(opened.raw)") : "unpacked"
    context = try BuildContext(opened, identity: identity, ignored: ignored, store: engine.directory)
  }

  private static func open(_ path: String, doing: String) throws(EngineError) -> OwnedDescriptor {
    do throws(SystemError) { return try File.openDirectory(path, followLink: true) } catch {
      if error.errno == ENOTDIR {
        throw EngineError(
          .invalidInput, doing, "\(safeText(path)) is no directory", hint: "dhow build -f \(safeText(path)) .")
      }
      throw error.engineError("opening the build context")
    }
  }

  /// A mistake of the language is an error with its place, and the lines around it.
  private static func parse(_ bytes: [UInt8], name: String, doing: String) throws -> ParsedDockerfile {
    do throws(BuildDiagnostic) {
      let dockerfile = try ParsedDockerfile(parsing: bytes, name: name)
      if let syntax = dockerfile.directives.syntax, !ParsedDockerfile.isBuiltIn(syntax: syntax) {
        throw ParsedDockerfile.unknownSyntax(syntax)
      }
      return dockerfile
    } catch {
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      throw LocatedDiagnostic(
        diagnostic: error, source: DockerfileSource(name: name, lines: lines.map(String.init)))
    }
  }

  /// The Dockerfile's name below the context, or as given, its bytes, and those of the ignore file beside it when it is
  /// elsewhere.
  private static func dockerfile(
    _ given: String?, in directory: Int32, doing: String
  ) throws -> (name: String, bytes: [UInt8], ignored: [UInt8]?) {
    guard let given else {
      for name in BuildContextFiles.dockerfileNames {
        if let bytes = try BuildContextFiles.read(name, in: directory) { return (name, bytes, nil) }
      }
      throw EngineError(
        .notFound, doing, "there is no Dockerfile in the build context", hint: "name it with -f FILE")
    }
    if given == "-" {
      let bytes = try File.readAll(STDIN_FILENO, limit: DockerfileLimits.fileBytes, shown: "standard input")
      return ("-", bytes, nil)
    }
    if let bytes = try File.readAllIfPresent(given, limit: DockerfileLimits.fileBytes) {
      return (given, bytes, try File.readAllIfPresent(given + ".dockerignore", limit: DockerfileLimits.ignoreFileBytes))
    }
    if !given.hasPrefix("/"), let bytes = try BuildContextFiles.read(given, in: directory) {
      return (given, bytes, nil)
    }
    throw EngineError(.notFound, doing, "there is no file \(safeText(given))")
  }

  // Standard input

  private init(standardInput request: BuildRequest, _ engine: Engine, doing: String) throws {
    guard isatty(STDIN_FILENO) == 0 else {
      throw EngineError(.usage, "", "standard input is a terminal: pipe a Dockerfile or a tar archive into it")
    }
    let source = PeekedSource(DescriptorSource(STDIN_FILENO, shown: "standard input"))
    guard try source.looksLikeArchive() else {
      let bytes = try source.readAll(limit: DockerfileLimits.fileBytes)
      self.init(
        dockerfile: try Self.parse(bytes, name: "-", doing: doing),
        context: try BuildContext(nil, identity: "-", ignored: IgnorePatterns(), store: engine.directory))
      return
    }
    try self.init(archive: source, request, engine, doing: doing)
  }

  private init(archive source: any ByteSource, _ request: BuildRequest, _ engine: Engine, doing: String) throws {
    let area = try StagingArea(in: engine.directory)
    try File.makeDirectory(at: area.descriptor.raw, "context", mode: 0o755)
    let target = try File.openDirectory(at: area.descriptor.raw, "context")
    let failure = ArchiveFailure(doing: "unpacking the build context")
    // Whose the files were does not matter: in an image they are root's.
    var options = LayerExtractor.Options(
      mode: engine.isRootless ? .rootless : .root, ownership: .squashed, readsWhiteouts: false)
    options.merge = nil
    let result = try LayerExtractor(
      Decompressor(source, failure: failure), into: target.raw, options: options, failure: failure
    ).extract()
    _ = result
    let path = "\(engine.directory.location.root)/\(area.path("context"))"
    try self.init(directory: path, request, engine, area: area, doing: doing)
  }

  private init(remote url: String, _ request: BuildRequest, _ engine: Engine, doing: String) throws {
    let isGit = url.hasSuffix(".git") || url.contains(".git#") || !url.hasPrefix("http")
    guard !isGit else {
      throw EngineError(
        .unsupported, doing, "a context from a git repository is not in this version yet",
        hint: "git clone it and build the directory")
    }
    let area = try StagingArea(in: engine.directory)
    let fetched = try engine.fetchForBuild(url, into: area.descriptor.raw)
    let file = try File.open(at: area.descriptor.raw, fetched.name, O_RDONLY | O_NOFOLLOW)
    let source = PeekedSource(DescriptorSource(file.raw, shown: fetched.name))
    guard try source.looksLikeArchive() else {
      let bytes = try source.readAll(limit: DockerfileLimits.fileBytes)
      self.init(
        dockerfile: try Self.parse(bytes, name: fetched.name, doing: doing),
        context: try BuildContext(nil, identity: url, ignored: IgnorePatterns(), store: engine.directory))
      return
    }
    try self.init(archive: source, request, engine, doing: doing)
  }
}

/// A mistake in a Dockerfile that could not be parsed, with its text.
struct LocatedDiagnostic: Error {
  var diagnostic: BuildDiagnostic
  var source: DockerfileSource
}

/// A stream whose beginning can be looked at.
final class PeekedSource: ByteSource {
  private let source: any ByteSource
  private var head: [UInt8] = []
  private var position = 0

  init(_ source: any ByteSource) { self.source = source }

  /// By the marks of tar and of the ways to compress it.
  func looksLikeArchive() throws -> Bool {
    var buffer = [UInt8](repeating: 0, count: 512)
    while head.count < 512 {
      let got = try buffer.withUnsafeMutableBytes {
        try source.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<(512 - head.count)]))
      }
      if got == 0 { break }
      head += buffer[..<got]
    }
    let marks: [[UInt8]] = [
      [0x1F, 0x8B], Array("BZh".utf8), [0xFD, 0x37, 0x7A, 0x58, 0x5A], [0x28, 0xB5, 0x2F, 0xFD],
    ]
    if marks.contains(where: { head.starts(with: $0) }) { return true }
    return head.count == 512 && isArchive(MemorySource(head))
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard position < head.count else { return try source.read(into: buffer) }
    let count = min(buffer.count, head.count - position)
    head.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
    }
    position += count
    return count
  }

  func readAll(limit: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = try buffer.withUnsafeMutableBytes { try read(into: $0) }
      if got == 0 { return bytes }
      bytes += buffer[..<got]
      guard bytes.count <= limit else {
        throw EngineError(.limitReached, "reading standard input", "it has more than \(limit) bytes")
      }
    }
  }
}
