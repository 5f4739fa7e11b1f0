internal import Basics
internal import Glibc
internal import LinuxKernel

/// A file of credentials: docker's config.json, podman's auth.json (containers-auth.json(5)), or the old .dockercfg.
/// Members we do not know, and their order, survive a rewrite.
struct CredentialFile {
  enum Style: Sendable {
    /// podman's: keys are hosts, or hosts with a part of a repository's path.
    case containers
    /// docker's: the key of Docker Hub is an address; `credsStore` counts.
    case docker
    /// `.dockercfg`: the entries are the whole file.
    case legacy
  }

  let path: String
  let style: Style
  private(set) var object: JSONObject

  static let doing = "reading credentials"

  init(path: String, style: Style, object: JSONObject) {
    self.path = path
    self.style = style
    self.object = object
  }

  /// Nil when the file does not exist or is empty.
  static func load(_ path: String, _ style: Style) throws(EngineError) -> CredentialFile? {
    guard let object = try SettingsFile.readJSON(path, doing, limit: SettingsFile.credentialLimit) else { return nil }
    let file = CredentialFile(path: path, style: style, object: object)
    // Wrong types are told now, not at the first registry that has such an entry.
    do throws(JSONShapeError) {
      let fields = try JSONFields(.object(object), path)
      if style != .legacy { _ = try fields.fields("auths") }
      _ = try fields.pairs("credHelpers")
      _ = try fields.optionalString("credsStore")
    } catch { throw EngineError(.invalidInput, doing, safeText("\(error.path) \(error.reason)")) }
    return file
  }

  private var entries: JSONObject {
    style == .legacy ? object : object["auths"]?.objectValue ?? JSONObject()
  }

  /// Keys of all entries, as they stand in the file.
  var keys: [String] { entries.members.map(\.name) }

  /// The helper responsible for a registry: `credHelpers`, in docker's file also `credsStore`.
  func helper(for registry: String) -> String? {
    let helpers = object["credHelpers"]?.objectValue ?? JSONObject()
    for key in Self.spellings(of: registry) {
      if let name = helpers[key]?.stringValue, !name.isEmpty { return name }
    }
    guard style == .docker, let store = object["credsStore"]?.stringValue, !store.isEmpty else { return nil }
    return store
  }

  /// The names under which a registry's entries are kept: Docker Hub has several.
  static func spellings(of registry: String) -> [String] {
    registry == DockerHub.domain
      ? [DockerHub.domain, DockerHub.credentialKey, "index.docker.io", DockerHub.host] : [registry]
  }

  /// The entry for a repository: its whole name, then its namespaces, then the registry; exact keys before those that
  /// are addresses, as docker once wrote them.
  func credential(for registry: String, repository: String) throws(EngineError) -> Credential? {
    for key in Self.scopes(registry, repository) {
      if let entry = entries[key] { if let found = try credential(in: entry, key) { return found } }
    }
    let wanted = Self.normalized(registry)
    for member in entries.members where Self.normalized(key: member.name, style) == wanted {
      if let found = try credential(in: member.value, member.name) { return found }
    }
    return nil
  }

  /// `host/a/b`, `host/a`, `host`.
  static func scopes(_ registry: String, _ repository: String) -> [String] {
    var parts = repository.split(separator: "/")
    var result: [String] = []
    while !parts.isEmpty {
      result.append("\(registry)/\(parts.joined(separator: "/"))")
      parts.removeLast()
    }
    return result + [registry]
  }

  private static func normalized(key: String, _ style: Style) -> String {
    for scheme in ["https://", "http://"] where key.hasPrefix(scheme) {
      return normalized(String(key.dropFirst(scheme.count).prefix { $0 != "/" }))
    }
    return normalized(style == .legacy ? String(key.prefix { $0 != "/" }) : key)
  }

  private static func normalized(_ registry: String) -> String {
    ["index.docker.io", DockerHub.host].contains(registry) ? DockerHub.domain : registry
  }

  private func credential(in entry: JSON, _ key: String) throws(EngineError) -> Credential? {
    // No part of the entry may come into an error.
    func invalid(_ reason: String) -> EngineError {
      EngineError(
        .invalidInput, Self.doing, "the entry \"\(safeText(key))\" of \(path) \(reason)",
        hint: "dhow login writes it anew")
    }
    guard case .object(let members) = entry else { throw invalid("is no object") }
    if let token = members["registrytoken"]?.stringValue, !token.isEmpty { return .registryToken(token) }
    if let token = members["identitytoken"]?.stringValue, !token.isEmpty { return .identityToken(token) }
    if let text = members["auth"]?.stringValue, !text.isEmpty {
      guard let bytes = base64Decoded(text), let pair = String(validating: bytes, as: UTF8.self),
        let colon = pair.utf8.firstIndex(of: UInt8(ascii: ":"))
      else { throw invalid("is not the base64 of user:password") }
      var secret = pair[pair.utf8.index(after: colon)...]
      // Old versions of docker padded the password with zeros.
      while secret.utf8.last == 0 { secret = secret.dropLast() }
      return .basic(user: String(pair[..<colon]), secret: String(secret))
    }
    if let user = members["username"]?.stringValue, let secret = members["password"]?.stringValue, !user.isEmpty {
      return .basic(user: user, secret: secret)
    }
    return nil
  }

  /// The key under which `login` stores: docker's own name for Docker Hub in docker's file.
  func storageKey(_ server: String) -> String {
    style == .docker && server == DockerHub.domain ? DockerHub.credentialKey : server
  }

  /// Puts a credential under `server`; nil leaves an empty entry, which says that a helper has it.
  mutating func set(_ credential: Credential?, for server: String) {
    var entry = JSONObject()
    switch credential {
    case .basic(let user, let secret): entry["auth"] = .string(base64Encoded(Array("\(user):\(secret)".utf8)))
    case .identityToken(let token):
      // docker writes the name of nobody beside a token.
      entry["auth"] = .string(base64Encoded(Array(":".utf8)))
      entry["identitytoken"] = .string(token)
    case .registryToken(let token): entry["registrytoken"] = .string(token)
    case nil: break
    }
    var entries = self.entries
    entries[storageKey(server)] = .object(entry)
    object["auths"] = .object(entries)
  }

  /// Takes every entry of exactly this server away; answers whether there was one.
  mutating func remove(_ server: String) -> Bool {
    var entries = self.entries
    let wanted = Self.normalized(server)
    let doomed = entries.members.map(\.name).filter { $0 == server || Self.normalized(key: $0, style) == wanted }
    for name in doomed { entries[name] = nil }
    object["auths"] = .object(entries)
    return !doomed.isEmpty
  }

  mutating func removeAll() { object["auths"] = .object(JSONObject()) }

  /// Writes the file in one step, mode 0600 whatever it had (SECURITY E9). A link is followed to the file it means, as
  /// docker does for people who keep their settings elsewhere.
  func save() throws(EngineError) {
    let doing = "writing credentials"
    do throws(SystemError) {
      let target = try Self.resolved(path)
      let slash = target.lastIndex(of: "/")
      let parent = slash.map { $0 == target.startIndex ? "/" : String(target[..<$0]) } ?? "."
      let name = slash.map { String(target[target.index(after: $0)...]) } ?? target
      try Self.makeParents(parent)
      let directory = try File.openDirectory(parent, followLink: true)
      let draft = ".\(name).\(getpid())"
      try File.removeIfPresent(at: directory.raw, draft)
      let file = try File.open(
        at: directory.raw, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600, shown: path)
      do throws(SystemError) {
        try systemCall("chmod", path) { fchmod(file.raw, 0o600) }
        try Self.keepOwner(of: target, file.raw)
        try File.writeAll(file.raw, JSON.object(object).bytes(indent: 2) + [0x0A], shown: path)
        try File.sync(file.raw, shown: path)
        try File.rename(at: directory.raw, draft, to: directory.raw, name, shown: path)
      } catch {
        // The draft holds a secret; that it cannot be removed is less to know than why it was not published.
        try? File.removeIfPresent(at: directory.raw, draft)
        throw error
      }
      try File.sync(directory.raw, shown: parent)
    } catch { throw error.engineError(doing) }
  }

  /// Root that logs in for somebody else, by sudo with that user's HOME, leaves them their file.
  private static func keepOwner(of path: String, _ draft: Int32) throws(SystemError) {
    // A file that is not there yet has no owner to keep.
    guard let old = try? File.status(path, followLink: true), old.uid != geteuid() else { return }
    try systemCall("chown", path) { fchown(draft, old.uid, old.gid) }
  }

  /// Where a chain of links at the last component ends; at most 40, as the kernel has it.
  private static func resolved(_ path: String) throws(SystemError) -> String {
    var current = path
    for _ in 0..<40 {
      // What is not there, or cannot be looked at, is no link; opening it tells why.
      guard let status = try? File.status(current), status.kind == .symlink else { return current }
      let target = try File.readLink(current)
      let slash = current.lastIndex(of: "/")
      current = target.hasPrefix("/") ? target : (slash.map { String(current[...$0]) } ?? "") + target
    }
    throw SystemError("open", path, errno: ELOOP)
  }

  static func makeParents(_ directory: String) throws(SystemError) {
    if try File.exists(directory) { return }
    if let slash = directory.lastIndex(of: "/"), slash != directory.startIndex {
      try makeParents(String(directory[..<slash]))
    }
    try File.ensureDirectory(directory, mode: 0o700)
  }
}

/// Two logins at once must not lose one of the two: whoever changes a file of credentials holds the lock of its directory
/// meanwhile (flock(2), which works on directories).
struct CredentialLock: ~Copyable {
  private let directory: OwnedDescriptor

  /// Longest wait for another login, in tenths of a second.
  private static let patience = 100

  init(for path: String) throws(EngineError) {
    let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let opened = try Self.opened(parent)
    guard Self.lock(opened.raw) else {
      throw EngineError(
        .inUse, "writing credentials",
        "another process has held \(parent) locked for \(Self.patience / 10) seconds",
        hint: "try again when the other login is done")
    }
    directory = opened
  }

  private static func lock(_ descriptor: Int32) -> Bool {
    for _ in 0..<patience {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
      // A file system without such locks has none to wait for.
      if errno != EWOULDBLOCK && errno != EINTR { return true }
      usleep(100_000)
    }
    return false
  }

  private static func opened(_ parent: String) throws(EngineError) -> OwnedDescriptor {
    do throws(SystemError) {
      try CredentialFile.makeParents(parent)
      return try File.openDirectory(parent, followLink: true)
    } catch { throw error.engineError("writing credentials") }
  }

  /// Runs `body` with the lock of the directory of `path` held.
  static func holding<Value>(_ path: String, _ body: () throws(EngineError) -> Value) throws(EngineError) -> Value {
    let lock = try CredentialLock(for: path)
    let value = try body()
    _ = consume lock
    return value
  }
}
