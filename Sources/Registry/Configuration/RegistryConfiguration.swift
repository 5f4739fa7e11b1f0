package import Basics
package import HTTP
package import OCI

/// What the caller's flags say about registries; nil and empty mean that the files decide.
package struct RegistryOptions: Sendable {
  /// `--tls-verify`.
  package var verifiesTLS: Bool?
  /// `--cert-dir`.
  package var certificateDirectory: String?
  /// `--authfile`; the file of credentials for reading and writing.
  package var authFile: String?
  /// `--creds`: for the registry named in the reference, and for no mirror.
  package var credential: Credential?

  package init(
    verifiesTLS: Bool? = nil, certificateDirectory: String? = nil, authFile: String? = nil,
    credential: Credential? = nil
  ) {
    self.verifiesTLS = verifiesTLS
    self.certificateDirectory = certificateDirectory
    self.authFile = authFile
    self.credential = credential
  }
}

/// What the machine's and the user's files say about registries: registries.conf with its drop-ins, docker's daemon.json,
/// certificates. Made only when a registry is really going to be asked: `run` of a present image reads none of it.
///
/// Made before the process enters a user namespace, where whose a file is and which helper programs may be run can no
/// longer be told.
package struct RegistryConfiguration: Sendable {
  let environment: RegistryEnvironment
  let options: RegistryOptions
  let registries: RegistriesFile
  let daemon: DockerDaemonFile
  /// Credentials for any registry; read when first asked for.
  package let credentials: CredentialStore
  /// The proxies of the environment, else of daemon.json, else of config.json.
  package let proxy: ProxySettings
  /// `HttpHeaders` of config.json that begin with `X-Meta-`, the ones dockerd passes on: for requests to the registry
  /// itself, never for another origin.
  package let headers: HTTPHeaders

  static let doing = "reading the settings of registries"

  /// Reads the settings.
  /// - Throws: `EngineError` that names the file and what is wrong in it.
  package init(
    _ environment: RegistryEnvironment, options: RegistryOptions = RegistryOptions()
  ) throws(EngineError) {
    self.environment = environment
    self.options = options
    registries = try RegistriesFile.load(environment, Self.doing)
    daemon = try DockerDaemonFile.load(environment, Self.doing)
    credentials = CredentialStore(
      environment, authFile: options.authFile, helpers: registries.credentialHelpers)
    let client = try DockerClientFile(environment, Self.doing)
    headers = client.headers
    proxy = Self.proxy(environment, daemon, client)
  }

  private static func proxy(
    _ environment: RegistryEnvironment, _ daemon: DockerDaemonFile, _ client: DockerClientFile
  ) -> ProxySettings {
    let named = ProxySettings(environment: environment.variable)
    return named.http != nil || named.https != nil ? named : daemon.proxy ?? client.proxy ?? .none
  }

  /// Settings of a registry's client: proxy and headers. Trust is each endpoint's own.
  package var clientSettings: HTTPClientSettings { HTTPClientSettings(proxy: proxy, headers: headers) }

  /// Credentials for the endpoints of an image: those of `--creds`, for its own registry alone, else the stored ones.
  package func credentials(for reference: Reference) -> any CredentialSource {
    guard let credential = options.credential else { return credentials }
    return FixedCredentials(credential, for: reference.domain, others: credentials)
  }

  /// The servers to ask for an image, mirrors first, the registry itself last.
  /// - Throws: `denied` when the registry is blocked; `invalidInput` for settings that make no sense.
  package func endpoints(
    for reference: Reference, _ purpose: RegistryPurpose = .pull
  ) throws(EngineError) -> [RegistryEndpoint] {
    let name = reference.description
    let rule = registries.rule(for: name)
    if let rule, rule.isBlocked { throw blocked(reference.domain, rule) }
    guard purpose == .pull else { return [try endpoint(reference.name, marked: rule)] }
    var result: [RegistryEndpoint] = []
    for mirror in mirrors(for: reference, rule) {
      let place = try moved(name, rule, to: mirror.location)
      guard registries.rule(for: place)?.isBlocked != true else { continue }
      result.append(
        try endpoint(
          place, marked: rule, mirrorInsecure: mirror.isInsecure))
    }
    if result.isEmpty, rule?.mirrors.isEmpty ?? true { result += try hubMirrors(for: reference, rule) }
    guard let rule, !rule.location.isEmpty, rule.location != rule.prefix else {
      return result + [try endpoint(reference.name, marked: rule)]
    }
    let place = try moved(name, rule, to: rule.location)
    let other = registries.rule(for: place)
    if let other, other.isBlocked {
      guard result.isEmpty else { return result }
      throw blocked(rule.location, other)
    }
    return result + [try endpoint(place, marked: rule)]
  }

  /// Refuses a host that registries.conf blocks: for redirects that lead to another one (SECURITY B15).
  /// - Parameter authority: `host[:port]`.
  package func checkNotBlocked(_ authority: String) throws(EngineError) {
    guard let rule = registries.rule(for: authority), rule.isBlocked else { return }
    throw blocked(authority, rule)
  }

  private func blocked(_ name: String, _ rule: RegistryRule) -> EngineError {
    EngineError(
      .denied, "asking \(safeText(name))", "registry \(safeText(rule.prefix)) is blocked in \(rule.file)",
      hint: "whoever looks after \(rule.file) can take `blocked = true` away")
  }

  private func mirrors(for reference: Reference, _ rule: RegistryRule?) -> [RegistryRule.Mirror] {
    guard let rule else { return [] }
    let byDigest = reference.digest != nil
    if rule.mirrorByDigestOnly { return byDigest ? rule.mirrors : [] }
    return rule.mirrors.filter { mirror in
      switch mirror.use {
      case .all: true
      case .digestOnly: byDigest
      case .tagOnly: !byDigest
      }
    }
  }

  /// The name with what the prefix covers replaced by `location`.
  private func moved(_ name: String, _ rule: RegistryRule?, to location: String) throws(EngineError) -> String {
    guard let rule, let covered = rule.match(name) else { return name }
    let text = location + String(decoding: name.utf8.dropFirst(covered), as: UTF8.self)
    do throws(OCIFormatError) {
      guard !ShortName.isShort(text) else { throw OCIFormatError("\"\(text)\"", "names no registry") }
      return try Reference(parsing: text).description
    } catch {
      throw EngineError(
        .invalidInput, Self.doing,
        safeText("\(rule.file) makes \(name) into \(text): \(error.reason)"))
    }
  }

  /// daemon.json's mirrors, which are for Docker Hub alone.
  private func hubMirrors(
    for reference: Reference, _ rule: RegistryRule?
  ) throws(EngineError) -> [RegistryEndpoint] {
    guard reference.domain == DockerHub.domain, rule == nil || rule?.location == rule?.prefix else { return [] }
    var result: [RegistryEndpoint] = []
    for address in daemon.mirrors {
      let name = "\(address.authority)/\(reference.path)"
      if registries.rule(for: name)?.isBlocked == true { continue }
      var mirror = try endpoint(
        name, marked: nil, mirrorInsecure: address.scheme == .http ? true : nil, isMirror: true)
      mirror.base = address
      result.append(mirror)
    }
    return result
  }

  /// The server of a full name, with what the flags, the files and docker's rule for this machine say of it.
  /// - Parameter name: `host[:port]/path`, possibly with tag and digest.
  private func endpoint(
    _ name: String, marked rule: RegistryRule?, mirrorInsecure: Bool? = nil, isMirror: Bool? = nil
  ) throws(EngineError) -> RegistryEndpoint {
    let reference: Reference
    do throws(OCIFormatError) { reference = try Reference(parsing: name) } catch {
      throw error.engineError(doing: Self.doing)
    }
    let authority = reference.domain == DockerHub.domain ? DockerHub.host : reference.domain
    let base: WebAddress
    do throws(HTTPFailure) { base = try WebAddress(parsing: "https://\(authority)/") } catch {
      throw EngineError(.invalidInput, "asking \(safeText(reference.domain))", error.text)
    }
    let certificates: CertificateDirectory
    if let path = options.certificateDirectory {
      certificates = try CertificateDirectory.named(path, Self.doing)
    } else {
      certificates = try CertificateDirectory.find(for: reference.domain, environment, Self.doing)
    }
    let mark = insecurity(of: reference, base, rule, mirrorInsecure, hasAuthority: !certificates.authorities.isEmpty)
    return RegistryEndpoint(
      base: base, repository: reference.path, isInsecure: mark.isInsecure,
      trust: TLSTrust(
        verify: !mark.isInsecure, extraAuthorities: certificates.authorities,
        clientCertificate: certificates.client),
      isMirror: isMirror ?? (mirrorInsecure != nil), name: reference.domain,
      warning: mark.file.map {
        "\(reference.domain) is asked without verified TLS: \($0) marks it insecure"
      })
  }

  /// Whether TLS may be done without, and the file that says so. The flag decides, then registries.conf, then
  /// daemon.json, then docker's rule that a registry on this machine is insecure, unless an authority is installed for it.
  private func insecurity(
    of reference: Reference, _ base: WebAddress, _ rule: RegistryRule?, _ mirrorInsecure: Bool?, hasAuthority: Bool
  ) -> (isInsecure: Bool, file: String?) {
    if let verifies = options.verifiesTLS { return (!verifies, nil) }
    if mirrorInsecure == true { return (true, rule?.file ?? "daemon.json") }
    // The settings of the place itself count beside those of the name that led there.
    for table in [mirrorInsecure == nil ? rule : nil, registries.rule(for: reference.description)] {
      if let isInsecure = table?.isInsecure { return (isInsecure, isInsecure ? table?.file : nil) }
    }
    if let file = daemon.fileMarkingInsecure(authority: reference.domain, host: base.host) { return (true, file) }
    return (base.isLoopback && !hasAuthority, nil)
  }
}

extension RegistriesFile {
  /// The main file and its drop-ins (containers-registries.conf.d(5)).
  static func load(_ environment: RegistryEnvironment, _ doing: String) throws(EngineError) -> RegistriesFile {
    let userDrops = environment.inHome(".config/containers/registries.conf.d")
    let systemDrops = environment.system("/etc/containers/registries.conf.d")
    var result = RegistriesFile()
    var drops = [systemDrops, userDrops]
    if let named = environment.variable("CONTAINERS_REGISTRIES_CONF") {
      guard let bytes = try SettingsFile.read(named, doing) else {
        throw EngineError(.notFound, doing, "\(named), named by CONTAINERS_REGISTRIES_CONF, does not exist")
      }
      result = try RegistriesFile(bytes, path: named, doing: doing)
    } else if let own = environment.inHome(".config/containers/registries.conf"),
      let bytes = try SettingsFile.read(own, doing)
    {
      result = try RegistriesFile(bytes, path: own, doing: doing)
      drops = [userDrops]
    } else {
      let path = environment.system("/etc/containers/registries.conf")
      if let bytes = try SettingsFile.read(path, doing) {
        result = try RegistriesFile(bytes, path: path, doing: doing)
      }
    }
    for directory in drops {
      guard let directory else { continue }
      for name in try SettingsFile.names(in: directory, doing) where name.hasSuffix(".conf") {
        let path = "\(directory)/\(name)"
        guard let bytes = try SettingsFile.read(path, doing) else { continue }
        result.merge(try RegistriesFile(bytes, path: path, doing: doing))
      }
    }
    // What podman recorded when it asked has the last word.
    let recorded =
      environment.uid == 0
      ? environment.system("/var/cache/containers/short-name-aliases.conf")
      : environment.cacheHome.map { $0 + "/containers/short-name-aliases.conf" }
    if let recorded, let bytes = try SettingsFile.read(recorded, doing) {
      var aliases = RegistriesFile()
      aliases.aliases = try RegistriesFile(bytes, path: recorded, doing: doing).aliases
      result.merge(aliases)
    }
    return result
  }
}

extension RegistryConfiguration {
  /// The full names a name may stand for, in the order to try them. A full name stands for itself; a short one for its
  /// alias, else for that name at each of `unqualified-search-registries`, else for docker.io's.
  /// - Throws: `invalidInput` when it is no name, or when short-name-mode is enforcing and several registries are listed.
  package func candidates(for text: String) throws(EngineError) -> [Reference] {
    let doing = "resolving \(safeText(text))"
    func parsed(_ text: String) throws(EngineError) -> Reference {
      do throws(OCIFormatError) { return try Reference(parsing: text) } catch { throw error.engineError(doing: doing) }
    }
    let plain = try parsed(text)
    guard ShortName.isShort(text) else { return [plain] }
    let (name, suffix) = ShortName.split(text)
    if let alias = registries.aliases.last(where: { $0.name == name }), !alias.value.isEmpty {
      return [try parsed(alias.value + suffix)]
    }
    guard let searched = registries.searchRegistries, !searched.isEmpty else { return [plain] }
    var result: [Reference] = []
    for registry in searched { result.append(try parsed("\(registry)/\(text)")) }
    if result.count > 1, registries.shortNameMode == .enforcing {
      throw EngineError(
        .invalidInput, doing,
        "the name is short, and \(registries.searchFile) lists \(result.count) registries it may be at",
        hint: "write the whole name, such as \(result[0].description)")
    }
    return result
  }
}
