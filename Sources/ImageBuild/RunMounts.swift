internal import Basics
internal import CLinux
internal import Dockerfile
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Runtime
internal import Storage

/// The mounts of one RUN: what they mean for its key, and what is mounted.
struct RunMounts {
  private let stage: StageBuild
  let doing: String
  private(set) var resolved: [ResolvedMount] = []
  /// `NAME=value` for this program alone: secrets, the agent's socket.
  private(set) var environment: [String] = []
  private(set) var held: [AnyObject] = []
  private var targets: [String] = []
  private var agents = 0

  private static let secretLimit = 500 << 10

  init(_ stage: StageBuild, doing: String) {
    self.stage = stage
    self.doing = doing
  }

  private var builder: Builder { stage.builder }

  /// Relative paths, with their parents, that something is mounted on: what the engine makes there is no change.
  var stubs: Set<[UInt8]> {
    var result: Set<[UInt8]> = []
    for path in ["proc", "sys", "dev", "etc/hosts", "etc/hostname", "etc/resolv.conf"] + targets {
      var prefix: [UInt8] = []
      for part in path.split(separator: "/") {
        prefix += (prefix.isEmpty ? [] : [UInt8(ascii: "/")]) + part.utf8
        result.insert(prefix)
      }
    }
    return result
  }

  private func absolute(_ target: String) -> String {
    target.hasPrefix("/") ? target : stage.workingDirectory + "/" + target
  }

  // Keys

  /// What of a mount the step depends on. Values of secrets and what is in caches are no part of it.
  func describe(_ mount: RunMount, to key: inout StepKey) throws {
    switch mount {
    case .bind(let bind):
      let (root, found) = try source(bind.from, bind.source)
      var stream = SHA256Stream()
      var rules = ArchiveRules()
      if root.isContext { rules.owner = (0, 0) }
      rules.choice = root.choice(of: found.real, excludes: nil)
      try TreeDigest.add(
        ArchivedSource(
          directory: root.directory.raw, path: found.real, name: found.isDirectory ? [] : Array("x".utf8)),
        to: &stream, rules: rules, hashes: root.hashes, failure: ArchiveFailure(doing: doing))
      key.add("mount " + absolute(bind.target), ["bind", stream.hex, "\(bind.writable)"])
    case .cache(let cache):
      key.add("mount " + absolute(cache.target), ["cache", cache.id])
    case .tmpfs(let tmpfs):
      key.add("mount " + absolute(tmpfs.target), ["tmpfs"])
    case .secret(let secret):
      key.add("mount secret " + secret.id, [secret.target ?? "", secret.environment ?? ""])
    case .ssh(let ssh):
      key.add("mount ssh " + ssh.id, [ssh.target ?? ""])
    }
  }

  private func source(_ from: String?, _ path: String) throws -> (SourceRoot, SourceRoot.Found) {
    let root: SourceRoot
    if let from {
      root = try builder.root(try builder.origin(calledFor: from, before: stage.index), named: from)
    } else if let context = builder.context.source {
      root = context
    } else {
      throw EngineError(.invalidInput, doing, "there is no build context to mount")
    }
    guard let found = try root.look(try root.clean(path, doing: doing), doing: doing) else {
      throw EngineError(.notFound, doing, "\"\(safeText(path))\": not found in \(root.name)")
    }
    return (root, found)
  }

  // Mounts

  private mutating func mount(_ source: String, at target: String, readOnly: Bool) {
    let target = absolute(target)
    targets.append(target)
    resolved.append(ResolvedMount(kind: .bind, source: source, destination: target, readOnly: readOnly))
  }

  mutating func add(_ mount: RunMount) throws {
    switch mount {
    case .bind(let bind): try add(bind)
    case .cache(let cache): try add(cache)
    case .tmpfs(let tmpfs):
      let target = absolute(tmpfs.target)
      targets.append(target)
      resolved.append(
        ResolvedMount(
          kind: .tmpfs, source: "", destination: target, options: ["exec"] + (tmpfs.size.map { ["size=\($0)"] } ?? [])))
    case .secret(let secret): try add(secret)
    case .ssh(let ssh): try add(ssh)
    }
  }

  private mutating func add(_ bind: BindMount) throws {
    let (root, found) = try source(bind.from, bind.source)
    let views = try builder.views()
    // Through an overlay: nothing is written to what it shows, and what the ignore file names is hidden.
    var trees = ["/proc/self/fd/\(root.directory.raw)"]
    let real = try File.readLink("/proc/self/fd/\(root.directory.raw)")
    trees = [real]
    if root.isContext, let hidden = try hiddenPaths(root) { trees.insert(hidden, at: 0) }
    let place =
      try root.isContext || bind.writable ? (bind.writable ? views.writableView(trees) : views.view(trees)) : real
    let opened = OwnedPlace(try File.openDirectory(place))
    let path = String(decoding: found.real, as: UTF8.self)
    let inside = OwnedPlace(try File.openInRoot(opened.raw, path.isEmpty ? "." : path, 0o10000000 | O_CLOEXEC))
    mount(
      try views.pin(inside.raw, isDirectory: found.isDirectory), at: bind.target, readOnly: !bind.writable)
  }

  /// A tree of whiteouts for what the ignore file names; nil when it names nothing.
  private func hiddenPaths(_ root: SourceRoot) throws -> String? {
    guard let ignored = root.ignored, !ignored.isEmpty else { return nil }
    let place = try builder.views().scratch("hidden")
    let top = OwnedPlace(try File.openDirectory(place))
    try hide(root.directory.raw, "", ignored, top.raw)
    return place
  }

  private func hide(_ directory: Int32, _ prefix: String, _ ignored: IgnorePatterns, _ hidden: Int32) throws {
    for entry in try File.list(directory) {
      let path = prefix + entry.name
      if ignored.ignores(path), !(entry.isDirectory && ignored.mayTakeBack(below: path)) {
        try systemCall("mknod", path) { mknodat(hidden, entry.name, S_IFCHR, 0) }
      } else if entry.isDirectory {
        try File.makeDirectory(at: hidden, entry.name, mode: 0o755)
        let below = OwnedPlace(try File.openDirectory(at: directory, entry.name))
        let covered = OwnedPlace(try File.openDirectory(at: hidden, entry.name))
        try hide(below.raw, path + "/", ignored, covered.raw)
      }
    }
  }

  private mutating func add(_ cache: CacheMount) throws {
    let store = CacheMountStore(builder.host.directory)
    let namespace = builder.settings.arguments["BUILDKIT_CACHE_MOUNT_NS"] ?? ""
    let owner = (cache.uid ?? 0, cache.gid ?? 0)
    let name = SHA256Stream.hex(Array("\(namespace.utf8.count) \(namespace) \(cache.id)".utf8))
    let opened = try store.open(
      name, sharing: cache.sharing, mode: cache.mode ?? 0o755, owner: owner, doing: doing)
    if opened.isNew, let from = cache.from {
      let (root, found) = try source(from, cache.source)
      let path = String(decoding: found.real, as: UTF8.self)
      let origin = OwnedPlace(
        try File.openInRoot(root.directory.raw, path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY))
      let target = OwnedPlace(try File.openDirectory(opened.path))
      try TreeCopy.copy(
        origin.raw, to: target.raw, owners: .none, mode: try builder.maker().mode, failure: ArchiveFailure(doing: doing)
      )
    }
    held.append(opened)
    mount(opened.path, at: cache.target, readOnly: !cache.writable)
  }

  private mutating func add(_ secret: SecretMount) throws {
    guard let given = builder.settings.secrets.first(where: { $0.id == secret.id }) else {
      guard secret.required else { return }
      throw EngineError(
        .notFound, doing, "secret \(safeText(secret.id)): not found",
        hint: "dhow build --secret id=\(safeText(secret.id)),src=FILE")
    }
    let value: [UInt8]
    switch given.source {
    case .file(let path): value = try File.readAll(path, limit: Self.secretLimit)
    case .environment(let name): value = getenv(name).map { Array(String(cString: $0).utf8) } ?? []
    }
    if let name = secret.environment { environment.append("\(name)=\(String(decoding: value, as: UTF8.self))") }
    guard secret.environment == nil || secret.target != nil else { return }
    let place = try builder.views().memory() + "/secret"
    let file = try File.open(place, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    try File.writeAll(file.raw, value, shown: "a secret")
    try systemCall("chown", "a secret") { fchown(file.raw, secret.uid ?? 0, secret.gid ?? 0) }
    try systemCall("chmod", "a secret") { fchmod(file.raw, mode_t(secret.mode ?? 0o400)) }
    mount(place, at: secret.target ?? "/run/secrets/\(secret.id)", readOnly: true)
  }

  private mutating func add(_ ssh: SSHMount) throws {
    guard let agent = builder.settings.agents.first(where: { $0.id == ssh.id }) else {
      guard ssh.required else { return }
      throw EngineError(
        .notFound, doing, "ssh agent \(safeText(ssh.id)): not found", hint: "dhow build --ssh \(safeText(ssh.id))")
    }
    let target = ssh.target ?? "/run/buildkit/ssh_agent.\(agents)"
    agents += 1
    let socket = OwnedPlace(try File.open(agent.socket, 0o10000000))  // O_PATH
    mount(try builder.views().pin(socket.raw, isDirectory: false), at: target, readOnly: false)
    if !environment.contains(where: { $0.hasPrefix("SSH_AUTH_SOCK=") }) {
      environment.append("SSH_AUTH_SOCK=\(absolute(target))")
    }
  }

  /// A heredoc that is a program of its own.
  mutating func add(script name: String, _ content: String) throws {
    let place = try builder.views().scratch("script") + "/script"
    let file = try File.open(place, O_WRONLY | O_CREAT | O_EXCL, mode: 0o755)
    try File.writeAll(file.raw, Array(content.utf8), shown: "a script")
    try systemCall("chmod", "a script") { fchmod(file.raw, 0o755) }
    mount(place, at: RunInstruction.scriptDirectory + "/" + name, readOnly: true)
  }
}
