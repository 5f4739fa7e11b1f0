internal import Basics
internal import Glibc

/// The distribution's own registry (Debian's docker-registry) on a free loopback port: over http or TLS with the test's
/// own authority; for everybody, with htpasswd, or with tokens of a `RegistryDouble`. Its data is in a directory of its
/// own; it is ended by its pid. Tests that use it say `.requires(.registry)`.
package final class RegistryFixture {
  package enum Login: Sendable {
    case none, htpasswd
    /// Tokens signed with RS256 or ES256.
    case token(rsa: Bool)
  }

  /// Who may log in.
  package static let user = "tester"
  /// A word that must appear in no output, log or argument of any program.
  package static let password = "canary-pa55word"
  /// An identity token of that user at the token service.
  package static let refreshToken = "canary-refresh-t0ken"
  /// bcrypt of the password, of cost 5, as `htpasswd -Bbn -C 5` gives it.
  private static let hash = "$2y$05$abcdefghijklmnopqrstuuGlt3abs/NBL6/YsWcJsZCgI4m0U5Jpq"

  package let port: UInt16
  package let usesTLS: Bool
  /// The token service, when there is one.
  package let tokenService: RegistryDouble?
  private let directory: String
  private let process: ChildProcess

  package init(tls: Bool = false, login: Login = .none, configuration: String = "") throws {
    usesTLS = tls
    directory = try makeTemporaryDirectory("registry", mode: 0o700)
    var settings = """
      version: 0.1
      log: {level: info, formatter: json}
      storage:
        filesystem: {rootdirectory: \(directory)/data}
        delete: {enabled: true}

      """
    var service: RegistryDouble?
    switch login {
    case .none: break
    case .htpasswd:
      try write("\(Self.user):\(Self.hash)\n", to: directory + "/htpasswd", mode: 0o600)
      settings += "auth: {htpasswd: {realm: test, path: \(directory)/htpasswd}}\n"
    case .token(let rsa):
      let identity = try TestAuthority.shared.get().tokenIdentity(rsa: rsa)
      let double = try RegistryDouble(token: [
        "path": "/token", "issuer": "dhow-test", "key": .string(identity.key),
        "certificate": .string(identity.certificate), "users": [Self.user: .string(Self.password)],
        "refresh": [Self.refreshToken: .string(Self.user)], "expires": 300,
      ])
      service = double
      settings += """
        auth:
          token: {realm: "http://\(double.authority)/token", service: test-registry, issuer: dhow-test,
            rootcertbundle: \(identity.certificate)}

        """
    }
    tokenService = service
    settings += "http:\n  addr: \"127.0.0.1:0\"\n"
    if tls {
      let identity = try TestAuthority.shared.get().issue("registry")
      settings += "  tls: {certificate: \(identity.certificate), key: \(identity.key)}\n"
    }
    try write(settings + configuration, to: directory + "/config.yml")
    let log = directory + "/log"
    process = try ChildProcess([
      "sh", "-c", "exec docker-registry serve \"$1\" >\"$2\" 2>&1", "sh", directory + "/config.yml", log,
    ])
    var found: UInt16?
    let isUp = eventually(within: 60) {
      // The log appears when the registry has started.
      found = (try? readText(log)).flatMap(Self.port)
      return found != nil
    }
    guard isUp, let found else { throw FixtureError("docker-registry does not listen: \((try? readText(log)) ?? "")") }
    port = found
  }

  /// `listening on 127.0.0.1:34567` of its log.
  private static func port(_ log: String) -> UInt16? {
    guard let range = log.firstRange(of: "listening on 127.0.0.1:") else { return nil }
    return UInt16(log[range.upperBound...].prefix { $0.isNumber })
  }

  deinit {
    process.signal(SIGKILL)
    _ = process.wait(timeout: 5)
    // A directory that stays in /var/tmp harms no test.
    _ = try? run(["rm", "-rf", directory])
  }

  /// `localhost:PORT`, as references begin.
  package var authority: String { "localhost:\(port)" }

  /// Its certificate's authority, for `--cert-dir` and certs.d: a directory with one `ca.crt`.
  package func certificateDirectory(in store: Store) throws -> String {
    let path = try store.folder("certs")
    try store.file("certs/ca.crt", readText(TestAuthority.shared.get().certificate))
    return path
  }

  /// Requests since the start, such as `GET /v2/x/manifests/latest 200`, in order.
  package func requests() throws -> [String] {
    try readText(directory + "/log").split(separator: "\n").compactMap { line in
      // Lines of the log that are no JSON, or about something else, are no requests.
      guard let json = try? JSON(parsing: String(line)), json["msg"]?.stringValue == "response completed",
        let method = json["http.request.method"]?.stringValue, let target = json["http.request.uri"]?.stringValue
      else { return nil }
      return "\(method) \(target) \(json["http.response.status"]?.integerValue ?? 0)"
    }
  }

  /// Every file of its storage, as paths below it.
  package func files() throws -> [String] {
    try mustRun(["find", directory + "/data", "-type", "f", "-printf", "%P\\n"]).lines.sorted()
  }

  /// Everything it logged, for canaries.
  package func log() throws -> String { try readText(directory + "/log") }
}
