internal import Basics
internal import ContainerEngine
internal import Glibc
internal import ImageBuild
internal import OCI
internal import Storage

/// What the flags of `build` wrote.
package struct BuildOptions: CommandOptions {
  var dockerfile: String?
  var tags: [String] = []
  var labels: [String] = []
  var annotations: [String] = []
  var arguments: [String] = []
  var argumentFiles: [String] = []
  var settings = BuildSettings()
  var platforms: [String] = []
  var pull = PullPolicy.missing
  var registry = RegistryFlags()
  /// Limits, hosts and options of the programs of RUN, by the flags of `run`.
  var sandbox = ContainerOptions()
  var progress = BuildProgress.auto
  var isQuiet = false
  var idFile: String?
  var metadataFile: String?
  var explains = false
  var epoch: String?
  var omitsHistory = false
  var verifies = false
  var outputs: [BuildOutput] = []
  /// `--push`.
  var pushes = false
  /// What is done with the Dockerfile.
  var call = BuildCall.build

  package init() {}

  /// The request, complete and checked.
  func request(_ operand: String?) throws -> BuildRequest {
    var request = BuildRequest(context: try context(operand))
    request.dockerfile = dockerfile
    request.tags = tags
    request.labels = try labels.map(Self.pair)
    request.annotations = try annotations.map(Self.pair)
    request.pull = pull
    request.access = registry.access
    request.explains = explains
    request.omitsHistory = omitsHistory
    request.verifies = verifies
    request.isQuiet = isQuiet || progress == .quiet
    request.outputs = outputs
    if pushes, tags.isEmpty { throw EngineError(.usage, "", "--push needs a name to push to", hint: "-t NAME") }
    request.platforms = try platformList()
    var settings = settings
    settings.arguments = try buildArguments()
    settings.sandbox = sandbox.settings
    settings.epoch = try epochTime(settings.arguments)
    for entry in EnvironmentSyntax.callersProxies where sandbox.passesProxies {
      let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      if settings.arguments[parts[0]] == nil, !settings.arguments.keys.contains(parts[0]) {
        settings.sandbox.proxyEnvironment.append(entry)
      }
    }
    request.settings = settings
    return request
  }

  private func context(_ operand: String?) throws -> BuildRequest.Context {
    guard let operand else {
      // podman's: with -f alone the working directory is the context.
      if dockerfile != nil { return .directory(".") }
      throw EngineError(
        .usage, "", "\"dhow build\" requires 1 argument.", hint: "dhow build . builds the working directory")
    }
    if operand == "-" { return .standardInput }
    let schemes = ["http://", "https://", "git://", "ssh://", "git@", "github.com/"]
    if schemes.contains(where: operand.hasPrefix) || operand.hasSuffix(".git") && !isDirectory(operand) {
      return .remote(operand)
    }
    return .directory(operand)
  }

  private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func pair(_ text: String) throws -> (String, String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard !parts[0].isEmpty else { throw EngineError(.usage, "", "invalid label \(goQuoted(text))") }
    return (parts[0], parts.count == 2 ? parts[1] : "")
  }

  private func platformList() throws -> [Platform] {
    var result: [Platform] = []
    for text in platforms.flatMap({ $0.split(separator: ",").map(String.init) }) where !text.isEmpty {
      do throws(OCIFormatError) { result.append(try Platform(parsing: text)) } catch {
        throw error.engineError(doing: "reading --platform")
      }
    }
    if result.isEmpty, let text = defaultPlatform {
      do throws(OCIFormatError) { result.append(try Platform(parsing: text)) } catch {
        throw error.engineError(doing: "reading the default platform")
      }
    }
    return result
  }

  /// `NAME=value`; a name alone takes the caller's value, and is not given without one.
  private func buildArguments() throws -> [String: String] {
    var result: [String: String] = [:]
    for path in argumentFiles {
      for entry in try EnvironmentSyntax.variables(ofFile: path) { set(entry, &result) }
    }
    for entry in arguments { set(entry, &result) }
    return result
  }

  private func set(_ entry: String, _ result: inout [String: String]) {
    let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2 {
      result[parts[0]] = parts[1]
    } else if let value = getenv(parts[0]) {
      result[parts[0]] = String(cString: value)
    }
  }

  /// `--source-date-epoch`, the build argument, or the caller's environment, in this order.
  private func epochTime(_ arguments: [String: String]) throws -> Timestamp? {
    let environment = getenv("SOURCE_DATE_EPOCH").map { String(cString: $0) }
    guard let text = epoch ?? arguments["SOURCE_DATE_EPOCH"] ?? environment, !text.isEmpty else { return nil }
    guard let seconds = Int64(text), (0...253_402_300_799).contains(seconds) else {
      throw EngineError(.usage, "", "SOURCE_DATE_EPOCH \(goQuoted(text)) is no number of seconds since 1970")
    }
    return Timestamp(seconds: seconds)
  }

  /// `--metadata-file`, in the members that compose reads.
  func metadata(of image: BuiltImage) -> JSON {
    var builder = JSONBuilder()
    builder.set("containerimage.config.digest", image.id)
    builder.set("containerimage.descriptor", image.manifest.json)
    builder.set("containerimage.digest", image.digest)
    if !image.names.isEmpty { builder.set("image.name", image.names.joined(separator: ",")) }
    return builder.json
  }
}

extension BuildOptions {
  static var flags: [Flag<BuildOptions>] {
    input + image + cache + output + accepted + sandboxFlags
      + RegistryFlags.flags.map { $0.on(\.registry) } + RegistryFlags.retryFlags.map { $0.on(\.registry) }
  }

  private static var input: [Flag<BuildOptions>] {
    [
      .list("build-arg", nil, "list", "Set build-time variables") { $0.arguments.append($1) },
      .list("build-arg-file", nil, "file", "Read build-time variables from a file") { $0.argumentFiles.append($1) }
        .completed(by: .files),
      .list("build-context", nil, "list", "Additional build contexts (e.g., name=path)") {
        try BuildSyntax.add(context: $1, to: &$0.settings)
      },
      .text("file", "f", "string", "Name of the Dockerfile (default: \"PATH/Dockerfile\")") { $0.dockerfile = $1 }
        .completed(by: .files),
      .list("secret", nil, "list", "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")") {
        $0.settings.secrets.append(try BuildSyntax.secret($1))
      },
      .list("ssh", nil, "list", "SSH agent socket to expose to the build (format: \"default|<id>[=<socket>]\")") {
        $0.settings.agents.append(try BuildSyntax.agent($1))
      },
      .list("allow", nil, "list", "Allow extra privileged entitlement (\"network.host\", \"security.insecure\")") {
        guard ["network.host", "security.insecure"].contains($1) else {
          throw FlagValueError("must be \"network.host\" or \"security.insecure\"")
        }
        $0.settings.allowed.insert($1)
      }.completed(by: .words(["network.host", "security.insecure"])),
      .text("target", nil, "string", "Set the target build stage to build") {
        $0.settings.target = $1.isEmpty ? nil : $1
      },
    ]
  }

  private static var image: [Flag<BuildOptions>] {
    [
      .list("annotation", nil, "list", "Add annotation to the image") { $0.annotations.append($1) },
      .list("label", nil, "list", "Set metadata for an image") { $0.labels.append($1) },
      .toggle("omit-history", nil, "Leave the history of the steps out of the image") { $0.omitsHistory = $1 },
      .list("platform", nil, "list", "Set target platform for build") { $0.platforms.append($1) },
      .text("source-date-epoch", nil, "seconds", "Time of the image, and of all files that are younger") {
        $0.epoch = $1
      }.alsoNamed("timestamp"),
      .list("tag", "t", "list", "Name and optionally a tag (format: \"name:tag\")") { $0.tags.append($1) },
    ]
  }

  private static var cache: [Flag<BuildOptions>] {
    [
      .toggle("no-cache", nil, "Do not use cache when building the image") { $0.settings.noCache = $1 },
      .list("no-cache-filter", nil, "list", "Do not cache specified stages") {
        for name in $1.split(separator: ",") { $0.settings.uncachedStages.insert(String(name)) }
      },
      .toggle("pull", nil, "Always attempt to pull all referenced images") { $0.pull = $1 ? .always : .missing },
      .unsigned("jobs", nil, "uint", "Number of RUN programs at a time (default: no limit)") {
        $0.settings.jobs = $1 == 0 ? nil : Int(clamping: $1)
      },
    ]
  }

  private static var output: [Flag<BuildOptions>] {
    [
      .text("call", nil, "string", "Set method for evaluating build (\"check\", \"targets\")") {
        guard let call = BuildCall(rawValue: $1 == "lint" ? "check" : $1) else {
          throw FlagValueError("must be one of \"build\", \"check\" or \"targets\"")
        }
        $0.call = call
      }.defaulting(to: "\"build\"").completed(by: .words(BuildCall.allCases.map(\.rawValue))),
      .toggle("check", nil, "Shorthand for \"--call=check\"") { if $1 { $0.call = .check } },
      .toggle("explain", nil, "Say of every step why it was not cached") { $0.explains = $1 },
      .list("output", "o", "string", "Output destination (format: \"type=local,dest=path\")") {
        try BuildSyntax.add(output: $1, to: &$0)
      },
      .toggle("push", nil, "Push the image to its registry afterwards") { $0.pushes = $1 },
      .toggle("verify", nil, "Build twice and name the first file that differs") { $0.verifies = $1 },
      .text("iidfile", nil, "file", "Write the image ID to a file") { $0.idFile = $1 }.completed(by: .files),
      .text("metadata-file", nil, "file", "Write build result metadata to a file") { $0.metadataFile = $1 }
        .completed(by: .files),
      .text(
        "progress", nil, "string", "Set type of progress output (\"auto\", \"plain\", \"tty\", \"quiet\", \"rawjson\")"
      ) {
        guard let progress = BuildProgress(rawValue: $1) else {
          throw FlagValueError("must be one of \"auto\", \"plain\", \"tty\", \"quiet\" or \"rawjson\"")
        }
        $0.progress = progress
      }.defaulting(to: "\"auto\"").completed(by: .words(BuildProgress.allCases.map(\.rawValue))),
      .toggle("quiet", "q", "Suppress the build output and print image ID on success") {
        $0.isQuiet = $1
        if $1 { $0.progress = .quiet }
      },
      .toggle("load", nil, "Put the image into the store, which is what happens anyway") { _, _ in },
    ]
  }

  /// Flags of docker and podman without an effect here.
  private static var accepted: [Flag<BuildOptions>] {
    [
      .toggle("rm", nil, "Remove intermediate containers, of which there are none") { _, _ in }.hidden,
      .toggle("force-rm", nil, "Always remove intermediate containers") { _, _ in }.hidden,
      .toggle("compress", nil, "Compress the build context, which is not sent anywhere") { _, _ in }.hidden,
      .toggle("disable-content-trust", nil, "Skip image verification") { _, _ in }.hidden,
      .toggle("layers", nil, "Keep a layer for each step") { if !$1 { $0.settings.noCache = true } }.hidden,
      .text("isolation", nil, "string", "Container isolation technology") { _, _ in }.hidden,
      .text("builder", nil, "string", "Builder, of which there is one") {
        guard $1 == "default" else { throw FlagValueError("there is one builder, \"default\"") }
      }.hidden,
      .text("provenance", nil, "string", "Provenance attestation") {
        guard ["false", "0", ""].contains($1) else { throw FlagValueError("provenance attestations are not made") }
      }.hidden,
      .text("sbom", nil, "string", "SBOM attestation") {
        guard ["false", "0", ""].contains($1) else { throw FlagValueError("SBOM attestations are not made") }
      }.hidden,
    ]
  }

  /// Flags of `run` that hold the programs of RUN.
  private static let sandboxNames: Set<String> = [
    "add-host", "cgroup-parent", "cpu-period", "cpu-quota", "cpu-shares", "cpuset-cpus", "cpuset-mems", "dns",
    "dns-option", "dns-search", "memory", "memory-swap", "network", "security-opt", "shm-size", "ulimit", "cap-add",
    "cap-drop", "http-proxy",
  ]

  private static var sandboxFlags: [Flag<BuildOptions>] {
    ContainerFlags.forCreate.filter { sandboxNames.contains($0.name) }.map { $0.on(\.sandbox) }
  }

  static var refused: [Flag<BuildOptions>] {
    [
      .refused(
        "cache-from", nil, "list", because: "caches of others are not in this version yet; the store's own is used"),
      .refused("cache-to", nil, "list", because: "caches for others are not in this version yet"),
      .refused("squash", nil, because: "steps are not made into one layer in this version yet"),
      .refused("squash-all", nil, because: "steps are not made into one layer in this version yet"),
      .refused("attest", nil, "list", because: "attestations are not in this version yet"),
      .refused("cpp-flag", nil, "list", because: "Dockerfiles are not run through a C preprocessor"),
    ]
  }
}
