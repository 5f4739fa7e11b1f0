internal import Basics
internal import Dockerfile
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

extension StageBuild {
  /// COPY and ADD. The files' digest is the key; only a step that is not in the cache reads them again.
  func copy(_ request: CopyRequest, _ node: InstructionNode) throws {
    let doing = "copying to \(safeText(request.files.destination))"
    let mode = try request.mode.map { try FileMode($0) }
    let excludes = request.excludes.isEmpty ? nil : try IgnorePatterns(request.excludes)
    let items = try collect(request, excludes, doing: doing)
    var key = StepKey("copy", parent: request.link ? "" : chainID)
    key.add("destination", absolute(request.files.destination))
    key.add("owner", request.owner ?? "")
    // Names of owners are the image's to say; numbers are not.
    if let owner = request.owner, !owner.utf8.allSatisfy({ $0 == 0x3A || (0x30...0x39).contains($0) }) {
      key.add("accounts", chainID)
    }
    key.add("mode", request.mode ?? "")
    key.add("excludes", request.excludes)
    key.add("flags", ["\(request.link)", "\(request.parents)", "\(request.unpacksFiles)"])
    key.add("latest", String(latest))
    for item in items {
      let (hex, files) = try digest(item, excludes, doing: doing)
      key.add(item.keptParents.joined(separator: "/") + "/" + item.base, hex)
      if key.files.count + files.count <= StepKey.fileLimit { key.files += files }
    }
    try cached(key, node, request.history) { _ in
      try makeCopy(request, items, mode, excludes, doing: doing)
    }
  }

  private func absolute(_ path: String) -> String {
    let text = path.hasPrefix("/") ? path : workingDirectory + "/" + path
    return text + (path.hasSuffix("/.") || path == "." || path == ".." ? "/" : "")
  }

  // Sources

  private func collect(_ request: CopyRequest, _ excludes: IgnorePatterns?, doing: String) throws -> [CopyItem] {
    var items: [CopyItem] = []
    let remote = request.keyword == "ADD" ? request.files.paths.filter(Self.isRemote) : []
    for path in remote { items.append(try download(path, request, doing: doing)) }
    let local = request.files.paths.filter { !remote.contains($0) }
    if !local.isEmpty {
      let root = try sourceRoot(request, doing: doing)
      for path in local {
        for found in try root.find(path, doing: doing) {
          let name = found.path.split(separator: "/").last.map(String.init) ?? ""
          if !name.isEmpty, excludes?.ignores(name) == true { continue }
          items.append(try item(found, path, root, request, doing: doing))
        }
      }
    }
    for document in request.files.documents {
      items.append(CopyItem(content: .document(Array(document.body.utf8)), base: document.name))
    }
    let isDirectory = request.files.destination.hasSuffix("/") || request.files.destination.hasSuffix(".")
    if request.files.paths.count + request.files.documents.count > 1, !isDirectory, !request.parents {
      throw EngineError(
        .invalidInput, doing,
        "When using \(request.keyword) with more than one source file, the destination must be a directory and end "
          + "with a /", hint: "\(safeText(request.files.destination))/")
    }
    return items
  }

  private func sourceRoot(_ request: CopyRequest, doing: String) throws -> SourceRoot {
    if let from = request.from {
      return try builder.root(try builder.origin(calledFor: from, before: index), named: from)
    }
    guard let root = builder.context.source else {
      throw EngineError(
        .invalidInput, doing, "there are no files to copy: the Dockerfile came from standard input without a context",
        hint: "dhow build -f - DIRECTORY")
    }
    return root
  }

  private static func isRemote(_ path: String) -> Bool {
    path.hasPrefix("http://") || path.hasPrefix("https://") || path.hasPrefix("git@") || path.hasPrefix("git://")
      || path.hasPrefix("ssh://")
  }

  private func item(
    _ found: SourceRoot.Found, _ written: String, _ root: SourceRoot, _ request: CopyRequest, doing: String
  ) throws -> CopyItem {
    var content = CopyItem.Content.tree(root, found)
    if request.unpacksFiles, !found.isDirectory,
      let file = try root.open(found.path, O_RDONLY | O_NONBLOCK, doing: doing),
      try File.status(file.raw).kind == .regular,
      isArchive(DescriptorSource(file.raw, shown: found.path))
    {
      content = .archive(root, found)
    }
    var parts = found.path.split(separator: "/").map(String.init)
    let base = parts.popLast() ?? ""
    guard request.parents else { return CopyItem(content: content, base: base) }
    // Before the pivot `/./` nothing is kept; the parts of the path found correspond to those written.
    let words = written.split(separator: "/", omittingEmptySubsequences: false)
    if let pivot = words.indices.dropFirst().dropLast().first(where: { words[$0] == "." }) {
      parts = Array(parts.dropFirst(words[..<pivot].count { !$0.isEmpty && $0 != "." }))
    }
    return CopyItem(content: content, base: base, keptParents: parts)
  }

  private func download(_ url: String, _ request: CopyRequest, doing: String) throws -> CopyItem {
    guard url.hasPrefix("http://") || url.hasPrefix("https://"), !url.contains(".git#"), !url.hasSuffix(".git") else {
      throw EngineError(
        .unsupported, doing, "ADD of a git repository is not supported yet",
        hint: "RUN git clone, or clone it into the build context")
    }
    let place = try builder.views().scratch("download", mode: 0o700)
    let root = try during(doing) {
      try SourceRoot(try File.openDirectory(place), name: "a download", isContext: true)
    }
    let file = try builder.host.fetch(url, root.directory.raw)
    guard let found = try root.look(file.name, doing: doing) else {
      throw EngineError(.internal, doing, "the download vanished")
    }
    if let checksum = request.checksum {
      let bytes = try during(doing) { try digestOfFile(root, found) }
      guard checksum.lowercased() == "sha256:" + bytes else {
        throw EngineError(
          .corrupt, doing, "the digest of \(safeText(url)) is sha256:\(bytes), not \(safeText(checksum))")
      }
    }
    if request.unpacksDownloads, let opened = try root.open(found.path, O_RDONLY, doing: doing),
      isArchive(DescriptorSource(opened.raw, shown: found.path))
    {
      return CopyItem(content: .archive(root, found), base: file.name)
    }
    return CopyItem(content: .download(root, found, file.modified), base: file.name)
  }

  private func digestOfFile(_ root: SourceRoot, _ found: SourceRoot.Found) throws -> String {
    guard let file = try root.open(found.path, O_RDONLY, doing: "hashing a download") else { return "" }
    let source = HashingSource(DescriptorSource(file.raw, shown: found.path))
    try source.drain()
    return source.hash.hex
  }

  private func rules(_ root: SourceRoot, _ found: SourceRoot.Found, _ excludes: IgnorePatterns?) -> ArchiveRules {
    var rules = ArchiveRules()
    if root.isContext {
      rules.owner = (0, 0)
      rules.refusesSpecialFiles = true
    }
    rules.choice = root.choice(of: found.real, excludes: excludes)
    return rules
  }

  /// The digest of what an item brings, and of each of its files.
  private func digest(
    _ item: CopyItem, _ excludes: IgnorePatterns?, doing: String
  ) throws -> (String, [(path: String, hash: String)]) {
    var stream = SHA256Stream()
    var files: [(path: String, hash: String)] = []
    switch item.content {
    case .document(let bytes): stream.update(bytes)
    case .tree(let root, let found), .archive(let root, let found), .download(let root, let found, _):
      let rules = rules(root, found, excludes)
      let source = ArchivedSource(
        directory: root.directory.raw, path: found.real, name: found.isDirectory ? [] : Array("x".utf8))
      let top = found.path.isEmpty || !found.isDirectory ? found.path : found.path + "/"
      try TreeDigest.add(
        source, to: &stream, rules: rules, hashes: root.hashes, failure: ArchiveFailure(doing: doing),
        each: { path, hash in
          guard files.count < StepKey.fileLimit else { return }
          let name = found.isDirectory ? top + String(decoding: path, as: UTF8.self) : top
          files.append((name, hexText(Array(hash.prefix(8)))))
        })
      if case .archive = item.content { stream.update(Array("unpacked".utf8)) }
      if case .download(_, _, let time) = item.content { stream.update(Array("\(time?.nanoseconds ?? 0)".utf8)) }
    }
    return (stream.hex, files)
  }

  // The layer

  private func makeCopy(
    _ request: CopyRequest, _ items: [CopyItem], _ mode: FileMode?, _ excludes: IgnorePatterns?, doing: String
  ) throws -> BuildLayer {
    let maker = try builder.maker()
    let failure = ArchiveFailure(doing: doing)
    let owner = try request.owner.map { try self.owner(named: $0, doing: doing) }
    let written = absolute(request.files.destination)
    return try maker.layer(on: request.link ? [] : layers, doing: doing) { writer, chain in
      let target = try chain.resolve(Array(written.utf8), failure: failure)
      let isDirectory =
        written.hasSuffix("/") || target.status?.kind == .directory || items.count > 1 || request.parents
        || target.path.isEmpty
      var known: Set<[UInt8]> = []
      for item in items {
        try add(
          item, to: writer, chain, target: target, isDirectory: isDirectory, keepsParents: request.parents, owner, mode,
          excludes, failure, &known)
      }
    }
  }

  private func add(
    _ item: CopyItem, to writer: TarWriter, _ chain: LowerChain, target: (path: [UInt8], status: FileStatus?),
    isDirectory: Bool, keepsParents: Bool, _ owner: (user: UInt32, group: UInt32)?, _ mode: FileMode?,
    _ excludes: IgnorePatterns?, _ failure: ArchiveFailure, _ known: inout Set<[UInt8]>
  ) throws {
    var destination = target.path
    func append(_ name: String) {
      if !destination.isEmpty { destination.append(UInt8(ascii: "/")) }
      destination += Array(name.utf8)
    }
    for part in item.keptParents { append(part) }
    var bringsContent = false
    switch item.content {
    case .archive: bringsContent = true
    case .tree(_, let found): bringsContent = found.isDirectory
    default: break
    }
    if bringsContent, keepsParents { append(item.base) }
    if !bringsContent, isDirectory { append(item.base) }
    if bringsContent, let status = try chain.resolve(destination, failure: failure).status, status.kind != .directory {
      throw EngineError(
        .invalidInput, failure.doing, "cannot copy to non-directory: /\(String(decoding: destination, as: UTF8.self))")
    }
    let parent = owner ?? (0, 0)
    var itself = destination
    if bringsContent { itself += Array("/x".utf8) }
    var rules = ArchiveRules()
    switch item.content {
    case .document(let bytes):
      try addParents(of: itself, to: writer, chain, owner: parent, failure, known: &known)
      rules.owner = owner ?? (0, 0)
      rules.mode = mode.map { mode in { mode.applied(to: $0, isDirectory: $1) } }
      var entry = TarEntry(
        .regular, destination, mode: 0o644, uid: Int64(parent.user), gid: Int64(parent.group),
        mtimeSeconds: latest / 1_000_000_000)
      rules.adjust(&entry)
      try writer.add(entry, content: bytes)
    case .tree(let root, let found), .download(let root, let found, _):
      try addParents(of: itself, to: writer, chain, owner: parent, failure, known: &known)
      rules = self.rules(root, found, excludes)
      if let owner { rules.owner = owner }
      rules.latest = latest
      rules.mode = mode.map { mode in { mode.applied(to: $0, isDirectory: $1) } }
      if case .download(_, _, let time) = item.content {
        if let time { rules.latest = min(latest, time.nanoseconds) }
        if mode == nil { rules.mode = { _, _ in 0o600 } }
      }
      let source = ArchivedSource(
        directory: root.directory.raw, path: found.real, name: destination)
      for note in try TreeArchive.write(
        found.isDirectory ? source.contents(of: destination) : source, to: writer, rules: rules, failure: failure)
      { Log.note("\(failure.doing): \(note)") }
    case .archive(let root, let found):
      try addParents(of: itself, to: writer, chain, owner: parent, failure, known: &known)
      rules.owner = owner
      rules.latest = latest
      rules.mode = mode.map { mode in { mode.applied(to: $0, isDirectory: $1) } }
      let tree = try unpack(root, found, failure)
      _ = try TreeArchive.write(
        ArchivedSource(directory: tree.raw, path: [], name: destination), to: writer, rules: rules, failure: failure)
    }
  }

  private func unpack(
    _ root: SourceRoot, _ found: SourceRoot.Found, _ failure: ArchiveFailure
  ) throws -> OwnedPlace {
    let maker = try builder.maker()
    let place = OwnedPlace(try File.openDirectory(try builder.views().scratch("unpacked")))
    guard let file = try root.open(found.path, O_RDONLY, doing: failure.doing) else {
      throw EngineError(.notFound, failure.doing, "\(safeText(found.path)) vanished")
    }
    var options = maker.options
    options.readsWhiteouts = false
    let source = Decompressor(DescriptorSource(file.raw, shown: found.path), failure: failure)
    let result = try LayerExtractor(source, into: place.raw, options: options, failure: failure).extract()
    try LayerCompletion.complete(
      place.raw, result.unresolved, lower: LowerChain([], mode: maker.mode), mode: maker.mode, failure: failure)
    return place
  }

  /// The numbers of `user[:group]`, by the image's own files; a user without a group has its number as group too, as
  /// docker has it.
  func owner(named text: String, doing: String) throws -> (user: UInt32, group: UInt32) {
    if text.isEmpty { return (0, 0) }
    let maker = try builder.maker()
    let user = try maker.withChain(layers) { _, trees in
      let root = try LayeredRoot(trees)
      return try UserResolver.resolve(text, doing: doing) { (path) throws(SystemError) in
        try root.openRegularFile(path)
      }
    }
    let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    return (user.uid, isNumber ? user.uid : user.gid)
  }
}
