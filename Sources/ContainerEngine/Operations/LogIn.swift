package import Basics
internal import HTTP
internal import OCI
internal import Registry

/// A registry, or a part of its repositories, as `login` and `logout` mean it.
package struct LoginServer: Equatable, Sendable {
  /// `host[:port]`; docker.io for Docker Hub.
  package let registry: String
  /// A namespace or repository, empty for the whole registry (containers-auth.json(5)).
  package let path: String

  /// What credentials are stored under.
  package var key: String { path.isEmpty ? registry : "\(registry)/\(path)" }

  /// Reads what a person types: a host, an address whose scheme and path do not count (docker's), or a host with a
  /// namespace.
  /// - Parameter ignoresPath: docker's rule also without a scheme.
  package init(_ text: String, ignoresPath: Bool = false) throws(EngineError) {
    var rest = text[...]
    var hasScheme = false
    for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) {
      rest = rest.dropFirst(scheme.count)
      hasScheme = true
    }
    while rest.hasSuffix("/") { rest = rest.dropLast() }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    let host = String(rest[..<slash])
    let path = hasScheme || ignoresPath ? "" : String(rest[slash...].dropFirst())
    if [DockerHub.domain, "index.docker.io", DockerHub.host].contains(host) {
      (registry, self.path) = (DockerHub.domain, path)
      return
    }
    do throws(OCIFormatError) {
      // The grammar of references takes a host without a dot for a namespace of docker.io.
      let reference = try Reference(parsing: "\(host)/\(path.isEmpty ? "x" : path)/x")
      guard reference.domain == host else { throw OCIFormatError("\"\(safeText(host))\"", "is no registry's name") }
    } catch {
      throw EngineError(
        .invalidInput, "logging in to \(safeText(text))", error.reason,
        hint: "name it as images do, such as docker.io or localhost:5000")
    }
    registry = host
    self.path = path
  }
}

/// The program whose habits `login` and `logout` follow in choosing the file they write to (dhow-login(1)).
package enum LoginCaller: Sendable {
  case docker, podman, dhow

  var style: LoginStyle {
    switch self {
    case .docker: .docker
    case .podman: .podman
    case .dhow: .either
    }
  }
}

extension Engine {
  /// The user that is logged in to a registry; `<token>` when a token is stored instead. Nil when nobody is.
  package func loggedInUser(_ server: LoginServer, _ access: RegistryAccess) throws(EngineError) -> String? {
    try registryConfiguration(access).credentials.credential(for: server.registry, repository: server.path)
      .map { $0.user ?? "<token>" }
  }

  /// Asks the registry whether the stored credentials are still good.
  /// - Throws: `denied` when they are not.
  package func checkLogin(_ server: LoginServer, _ access: RegistryAccess) throws(EngineError) {
    let configuration = try registryConfiguration(access)
    guard let credential = try configuration.credentials.credential(for: server.registry, repository: server.path)
    else { throw EngineError(.notFound, "logging in to \(server.key)", "no credentials are stored") }
    try ping(server, credential, configuration)
  }

  /// Asks the registry whether it takes a user's password, and stores both when it does; or in the place of the password the
  /// identity token that its token service gives for it, as docker does.
  /// - Returns: the file or helper that has them now, and whether they lie there unencrypted.
  package func logIn(
    _ server: LoginServer, user: String, password: String, _ access: RegistryAccess, as caller: LoginCaller
  ) throws(EngineError) -> (place: String, isPlain: Bool) {
    let doing = "logging in to \(server.key)"
    // The encoding of Basic authentication (RFC 7617): the first colon ends the name.
    guard !user.isEmpty, !user.contains(":"), Self.isHeaderText(user), Self.isHeaderText(password) else {
      throw EngineError(
        .invalidInput, doing, "a user name has no colon, and neither it nor a password control characters")
    }
    let credential = Credential.basic(user: user, secret: password)
    let configuration = try registryConfiguration(access)
    // podman keeps the password, and so does who is called podman.
    let login = caller == .podman ? nil : LoginExchange()
    try ping(server, credential, configuration, login)
    let kept = login?.identityToken.map(Credential.identityToken) ?? credential
    return try configuration.credentials.store(kept, for: server.key, style: caller.style)
  }

  private static func isHeaderText(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }

  private func ping(
    _ server: LoginServer, _ credential: Credential, _ configuration: RegistryConfiguration,
    _ login: LoginExchange? = nil
  ) throws(EngineError) {
    let doing = "logging in to \(server.key)"
    let reference: Reference
    do throws(OCIFormatError) { reference = try Reference(parsing: "\(server.registry)/x/x") } catch {
      throw error.engineError(doing: doing)
    }
    let endpoints = try configuration.endpoints(for: reference, .push)
    var retry = RetryPolicy()
    // Somebody waits at the prompt.
    retry.attempts = 2
    let client = RegistryClient(
      endpoints, actions: [], credentials: FixedCredentials(credential, for: server.registry),
      settings: configuration.clientSettings, retry: retry, login: login)
    do throws(RegistryError) { try client.ping() } catch {
      var failure = error.engineError(doing)
      if error.kind == .unauthorized { failure.hint = "check the user name and the password" }
      throw failure
    }
  }
}
