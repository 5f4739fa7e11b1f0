internal import Basics
package import ContainerEngine
internal import OCI
package import Storage

/// What the flags of `run` and `create` wrote: the settings, and beside them what has to be seen whole before it can be
/// resolved.
package struct ContainerOptions: CommandOptions {
  package var settings = ContainerSettings()
  var networks = NetworkChoice()
  var name: String?
  var idFile: String?
  var pull = PullPolicy.missing
  var registry = RegistryFlags()
  /// `--quiet`: a pull is not shown.
  var isQuiet = false
  var strictLimits = false
  /// Files come before flags whatever the order they were given in, as in docker.
  var environmentFiles: [String] = []
  var environment: [String] = []
  var labelFiles: [String] = []
  var labels: [(String, String)] = []
  var passesProxies = true
  /// `--rootfs`: the first operand is a directory, not an image.
  var usesRootDirectory = false
  var imageVolumes = ImageVolumes.anonymous
  var replaces = false
  var preserved = PreservedDescriptors()
  var hasNoHealthcheck = false
  var restartIsGiven = false
  /// Sentences for stderr, each behind `WARNING: `.
  var warnings: [String] = []
  // Of `run` alone.
  var detached = false
  var attach = AttachOptions()

  package init() {}

  /// The request, complete and checked.
  /// - Throws: `EngineError` for what is wrong in itself or contradicts itself; nothing has been touched then.
  package func request(operands: [String]) throws -> ContainerRequest {
    var settings = settings
    settings.environment = try environmentFiles.flatMap(EnvironmentSyntax.variables(ofFile:)) + environment
    settings.labels = try labelFiles.flatMap(EnvironmentSyntax.labels(ofFile:)) + labels
    settings.proxyEnvironment = passesProxies ? EnvironmentSyntax.callersProxies : []
    if operands.count > 1 { settings.command = Array(operands.dropFirst()) }
    var image = operands[0]
    if usesRootDirectory {
      settings.rootDirectory = try rootDirectory(image)
      image = ""
    } else {
      do throws(OCIFormatError) {
        if !isIDPrefix(image) { _ = try Reference(parsing: image) }
      } catch {
        throw error.engineError(doing: "reading the image's name", hint: hint(forOperand: image))
      }
    }
    settings.platform = settings.platform ?? defaultPlatform
    try networks.apply(to: &settings)
    try check(settings)
    if hasNoHealthcheck { settings.healthcheck = Healthcheck(test: ["NONE"]) }
    var request = ContainerRequest(image: image, settings: settings)
    request.name = name
    request.pull = pull
    request.access = registry.access
    request.idFile = idFile
    request.strictLimits = strictLimits
    request.replaces = replaces
    request.preserved = preserved
    request.imageVolumes = imageVolumes
    return request
  }

  /// 64 digits or `sha256:` and digits name an image by id; everything shorter is a reference too.
  private func isIDPrefix(_ text: String) -> Bool { Identifier.isID(text) || text.hasPrefix("sha256:") }

  /// The founding slide's typo `run -d restart=always myscript` (FEATURES 76).
  private func hint(forOperand text: String) -> String? {
    guard let name = text.split(separator: "=", maxSplits: 1).first.map(String.init), name != text,
      ContainerFlags.forRun.contains(where: { $0.name == name })
    else { return nil }
    return "did you mean --\(text)?"
  }

  private func rootDirectory(_ text: String) throws -> RootDirectory {
    let isOverlay = text.hasSuffix(":O")
    let path = isOverlay ? String(text.dropLast(2)) : text
    guard !path.isEmpty else { throw EngineError(.usage, "", "--rootfs needs a directory") }
    do {
      return RootDirectory(path: try LocalFile.absolute(path), overlay: isOverlay)
    } catch {
      throw EngineError(.usage, "--rootfs", error.reason)
    }
  }

  /// What contradicts itself.
  private func check(_ settings: ContainerSettings) throws(EngineError) {
    func conflict(_ reason: String) -> EngineError { EngineError(.usage, "", "conflicting options: \(reason)") }
    if settings.restart.name != .no, settings.autoRemove { throw conflict("cannot specify both --restart and --rm") }
    if hasNoHealthcheck, settings.healthcheck != nil || settings.healthAction != .none {
      throw conflict("--no-healthcheck conflicts with --health-* options")
    }
    if settings.healthAction == .restart, settings.autoRemove {
      throw conflict("cannot specify both --health-on-failure=restart and --rm")
    }
    if settings.network.hasPrefix("container:") || settings.network == "host", settings.hostname != nil,
      settings.network != "host"
    {
      throw conflict("hostname and the network mode")
    }
    if settings.utsNamespace == "host", settings.hostname != nil { throw conflict("hostname and the UTS mode") }
    if settings.utsNamespace == "host", settings.domainname != nil { throw conflict("domainname and the UTS mode") }
    if settings.network.hasPrefix("container:") {
      if !settings.dnsServers.isEmpty { throw conflict("dns and the network mode") }
      if !settings.extraHosts.isEmpty { throw conflict("custom host-to-IP mapping and the network mode") }
    }
    if settings.network == "host", let name = settings.sysctls.first(where: { $0.0.hasPrefix("net.") })?.0 {
      throw EngineError(.usage, "", "sysctl \(goQuoted(name)) not allowed in host network namespace")
    }
    if settings.ipcNamespace == "host",
      let name = settings.sysctls.first(where: { $0.0.hasPrefix("kernel.") || $0.0.hasPrefix("fs.") })?.0
    {
      throw EngineError(.usage, "", "sysctl \(goQuoted(name)) not allowed in host ipc namespace")
    }
    try ResourceSyntax.check(settings.resources)
    var targets: Set<String> = []
    for mount in settings.mounts where !targets.insert(mount.target).inserted {
      throw EngineError(.usage, "", "Duplicate mount point: \(mount.target)")
    }
    if detached, attach.named != nil { throw conflict("cannot specify both --attach and --detach") }
  }
}

/// `--attach`, `--sig-proxy` and `--detach-keys`.
package struct AttachOptions: CommandOptions, Equatable, Sendable {
  /// Streams named with `--attach`; nil when the flag was not given.
  package var named: Set<String>?
  package var proxiesSignals = true
  package var detachKeys: String?

  package init() {}

  package mutating func name(_ stream: String) throws(FlagValueError) {
    let lower = stream.lowercased()
    guard ["stdin", "stdout", "stderr"].contains(lower) else {
      throw FlagValueError("valid streams are STDIN, STDOUT and STDERR")
    }
    named = (named ?? []).union([lower])
  }

  /// The request for a container whose stdin is open or not.
  func request(openStdin: Bool) -> AttachRequest {
    AttachRequest(
      stdin: named?.contains("stdin") ?? openStdin, stdout: named?.contains("stdout") ?? true,
      stderr: named?.contains("stderr") ?? true, proxiesSignals: proxiesSignals, detachKeys: detachKeys)
  }

  /// docker's notation: keys between commas, each a character or `ctrl-` and one of `a-z @ [ \ ] ^ _`.
  static func checkedKeys(_ text: String) throws(FlagValueError) -> String {
    if text.isEmpty { return text }
    for key in text.split(separator: ",", omittingEmptySubsequences: false) {
      let isControl =
        key.hasPrefix("ctrl-") && key.utf8.count == 6
        && "abcdefghijklmnopqrstuvwxyz@[\\]^_".contains(key.last ?? " ")
      guard key.utf8.count == 1 || isControl else {
        throw FlagValueError("Invalid detach keys (\(text)): Unknown character: '\(key)'")
      }
    }
    return text
  }

  static var keysFlag: Flag<AttachOptions> {
    .text("detach-keys", nil, "string", "Override the key sequence for detaching a container") {
      $0.detachKeys = try checkedKeys($1)
    }
  }

  static var proxyFlag: Flag<AttachOptions> {
    .toggle("sig-proxy", nil, "Proxy received signals to the process") { $0.proxiesSignals = $1 }.defaulting(to: "true")
  }
}

/// The flags of `run` and `create`.
enum ContainerFlags {
  static var forCreate: [Flag<ContainerOptions>] { process + health + mounts + network + security + resources }

  static var forRun: [Flag<ContainerOptions>] {
    forCreate + [
      .toggle("detach", "d", "Run container in background and print container ID") { $0.detached = $1 },
      .list("preserve-fd", nil, "list", "Pass file descriptors of the caller to the program, by number") {
        for word in $1.split(separator: ",", omittingEmptySubsequences: false) {
          guard let number = Int32(word), (3...65_535).contains(number) else {
            throw FlagValueError("\"\(word)\" is no descriptor from 3 on")
          }
          if !$0.preserved.others.contains(number) { $0.preserved.others.append(number) }
        }
      },
      .integer("preserve-fds", nil, "N", "Pass so many file descriptors of the caller to the program, from 3 on") {
        guard (0...1024).contains($1) else { throw FlagValueError("must be from 0 to 1024") }
        $0.preserved.count = $1
      },
      AttachOptions.keysFlag.on(\.attach),
      AttachOptions.proxyFlag.on(\.attach),
    ]
  }
}
