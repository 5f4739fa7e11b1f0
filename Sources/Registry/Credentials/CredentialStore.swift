package import Basics
internal import LinuxKernel

/// Where credentials for registries are found and kept: files of podman and docker, and helper programs. Each is bound to
/// the registry, or the part of its repositories, that it was stored for (SECURITY B4).
///
/// Read, in this order: with `--authfile`, `$REGISTRY_AUTH_FILE` or `$DOCKER_CONFIG` only that file; otherwise
/// `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`, `~/.docker/config.json`, `~/.dockercfg`.
/// Files are read when the first credential is asked for.
package final class CredentialStore: CredentialSource, Sendable {
  private let environment: RegistryEnvironment
  /// `--authfile`.
  private let named: String?
  /// `credential-helpers` of registries.conf: helpers to ask first, with `containers-auth.json` for the files.
  private let helpers: [String]
  /// Longest time for one call of a helper, in seconds.
  private let helperTimeout: Int

  private static let filesMarker = "containers-auth.json"

  package init(
    _ environment: RegistryEnvironment, authFile: String? = nil, helpers: [String]? = nil, helperTimeout: Int = 60
  ) {
    self.environment = environment
    named = authFile.flatMap { $0.isEmpty ? nil : $0 } ?? environment.variable("REGISTRY_AUTH_FILE")
    self.helpers = helpers.flatMap { $0.isEmpty ? nil : $0 } ?? [Self.filesMarker]
    self.helperTimeout = helperTimeout
  }

  // The order of the files.

  private var places: [(path: String, style: CredentialFile.Style)] {
    if let named { return [(named, Self.style(of: named))] }
    if environment.variable("DOCKER_CONFIG") != nil, let path = environment.dockerClientFile {
      return [(path, .docker)]
    }
    var result: [(path: String, style: CredentialFile.Style)] = [(environment.sessionAuthFile, .containers)]
    if let path = environment.lastingAuthFile { result.append((path, .containers)) }
    if let path = environment.dockerClientFile { result.append((path, .docker)) }
    if let path = environment.inHome(".dockercfg") { result.append((path, .legacy)) }
    return result
  }

  /// A file the user names is docker's by its name, else podman's.
  private static func style(of path: String) -> CredentialFile.Style {
    path.hasSuffix("/config.json") || path == "config.json" ? .docker : .containers
  }

  private func helper(_ name: String) -> CredentialHelper {
    CredentialHelper(name: name, environment: environment, timeout: helperTimeout)
  }

  // Finding.

  /// The credential for a repository of a registry; nil when nobody stored one.
  /// - Parameters:
  ///   - registry: `host[:port]` as references have it; `docker.io` for Docker Hub.
  ///   - repository: the repository's path; empty for the registry as a whole.
  /// - Throws: `EngineError` that names the file or the helper, never what is in it.
  package func credential(for registry: String, repository: String) throws(EngineError) -> Credential? {
    try found(for: registry, repository: repository)?.credential
  }

  /// The same, with the file or helper it came from.
  package func found(
    for registry: String, repository: String = ""
  ) throws(EngineError) -> (credential: Credential, place: String)? {
    for name in helpers {
      if name == Self.filesMarker {
        if let found = try foundInFiles(registry, repository) { return found }
      } else if let credential = try ask(name, registry) {
        return (credential, "docker-credential-\(name)")
      }
    }
    return nil
  }

  private func foundInFiles(
    _ registry: String, _ repository: String
  ) throws(EngineError) -> (credential: Credential, place: String)? {
    for (path, style) in places {
      guard let file = try CredentialFile.load(path, style) else { continue }
      if let name = file.helper(for: registry), let credential = try ask(name, registry) {
        return (credential, "docker-credential-\(name)")
      }
      if let credential = try file.credential(for: registry, repository: repository) { return (credential, path) }
    }
    return nil
  }

  /// Asks a helper; Docker Hub by docker's name for it, then by podman's.
  private func ask(_ name: String, _ registry: String) throws(EngineError) -> Credential? {
    guard registry == DockerHub.domain else { return try helper(name).get(registry) }
    if let found = try helper(name).get(DockerHub.credentialKey) { return found }
    return try helper(name).get(registry)
  }

  // Keeping.

  /// What `login` writes to. docker's file when the program answers as docker, when it is the only file there, or when
  /// the user says so; podman's otherwise.
  package func writableFile(style: LoginStyle) throws(EngineError) -> (path: String, isDockers: Bool) {
    if let named { return (named, Self.style(of: named) == .docker) }
    guard let docker = environment.dockerClientFile, let lasting = environment.lastingAuthFile else {
      throw EngineError(
        .invalidInput, "storing credentials", "this account has no home directory", hint: "name a file with --authfile")
    }
    if style == .docker || environment.variable("DOCKER_CONFIG") != nil { return (docker, true) }
    let session = environment.sessionAuthFile
    do throws(SystemError) {
      if try File.exists(session) { return (session, false) }
      if try File.exists(lasting) { return (lasting, false) }
      if style == .either, try File.exists(docker) { return (docker, true) }
      // A session without a directory of its own has no place that goes with it.
      guard environment.variable("XDG_RUNTIME_DIR") != nil || environment.uid == 0 else { return (lasting, false) }
    } catch { throw error.engineError("storing credentials") }
    return (session, false)
  }

  /// Stores a credential, in the helper that the file names for this server or in the file itself.
  /// - Parameter server: `host[:port]`, with a path for a part of its repositories.
  /// - Returns: the file or the helper that has it now, and whether it lies there unencrypted.
  package func store(
    _ credential: Credential, for server: String, style: LoginStyle
  ) throws(EngineError) -> (place: String, isPlain: Bool) {
    let (path, isDockers) = try writableFile(style: style)
    let form: CredentialFile.Style = isDockers ? .docker : .containers
    return try CredentialLock.holding(path) { () throws(EngineError) in
      var file = try CredentialFile.load(path, form) ?? CredentialFile(path: path, style: form, object: JSONObject())
      let helperName = responsibleHelper(file, server)
      if let helperName { try helper(helperName).store(credential, for: file.storageKey(server)) }
      file.set(helperName == nil ? credential : nil, for: server)
      try file.save()
      return (helperName.map { "docker-credential-\($0)" } ?? path, helperName == nil)
    }
  }

  /// Takes the credential of a server away from the file `login` writes to, and from its helper.
  /// - Returns: false when there was none.
  package func erase(_ server: String, style: LoginStyle) throws(EngineError) -> Bool {
    try changing(style: style) { (file) throws(EngineError) in
      var erased = false
      if let name = responsibleHelper(file, server) { erased = try helper(name).erase(file.storageKey(server)) }
      return file.remove(server) || erased
    }
  }

  /// Takes all credentials away from the file `login` writes to, and from its helpers.
  package func eraseAll(style: LoginStyle) throws(EngineError) {
    _ = try changing(style: style) { (file) throws(EngineError) in
      for key in file.keys {
        if let name = file.helper(for: key) { _ = try helper(name).erase(key) }
      }
      file.removeAll()
      return true
    }
  }

  /// Changes the file `login` writes to under its lock, and saves it when `change` says so; a missing one stays missing.
  private func changing(
    style: LoginStyle, _ change: (inout CredentialFile) throws(EngineError) -> Bool
  ) throws(EngineError) -> Bool {
    let (path, isDockers) = try writableFile(style: style)
    let form: CredentialFile.Style = isDockers ? .docker : .containers
    guard try CredentialFile.load(path, form) != nil else { return false }
    return try CredentialLock.holding(path) { () throws(EngineError) in
      guard var file = try CredentialFile.load(path, form), try change(&file) else { return false }
      try file.save()
      return true
    }
  }

  private func responsibleHelper(_ file: CredentialFile, _ server: String) -> String? {
    file.helper(for: server) ?? helpers.first { $0 != Self.filesMarker }
  }

  /// Another place that still has a credential for the server: what `logout` should tell.
  package func remaining(_ server: String) throws(EngineError) -> String? {
    let (registry, repository) = Self.parts(server)
    return try found(for: registry, repository: repository)?.place
  }

  /// `host/path` as registry and repository.
  package static func parts(_ server: String) -> (registry: String, repository: String) {
    guard let slash = server.firstIndex(of: "/") else { return (server, "") }
    return (String(server[..<slash]), String(server[server.index(after: slash)...]))
  }
}

/// Whose habits `login` and `logout` follow in choosing the file they write to.
package enum LoginStyle: Sendable {
  case docker, podman
  /// podman's file, or docker's where that is the one in use.
  case either
}
