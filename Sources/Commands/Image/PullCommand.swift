internal import Basics
internal import ContainerEngine

/// `pull`: images from their registries.
enum PullCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] NAME[:TAG|@DIGEST] [NAME...]", "Download an image from a registry", .atLeast(1))

  struct Options: CommandOptions {
    var allTags = false
    var platform: String?
    var policy = PullPolicy.always
    var isQuiet = false
    var keepsReferrers = true
    var registry = RegistryFlags()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all-tags", "a", "Download all tagged images in the repository") { $0.allTags = $1 },
      .toggle("disable-content-trust", nil, "Skip image verification") { _, _ in }.hidden,
      .text("platform", nil, "string", "Set platform if the image has several (e.g., \"linux/arm64\")") {
        $0.platform = try platform($1)
      },
      .text("policy", nil, "string", "When to ask the registry (\"always\", \"missing\", \"never\", \"newer\")") {
        guard let policy = PullPolicy(rawValue: $1) else {
          throw FlagValueError("must be one of \"always\", \"missing\", \"never\" or \"newer\"")
        }
        $0.policy = policy
      }.defaulting(to: "\"always\"").completed(by: .words(["always", "missing", "never", "newer"])),
      .toggle("referrers", nil, "Keep signatures, SBOMs and whatever else refers to the image") {
        $0.keepsReferrers = $1
      }.defaulting(to: "true"),
      .toggle("quiet", "q", "Suppress verbose output, print the image's ID") { $0.isQuiet = $1 },
    ] + RegistryFlags.flags.map { $0.on(\.registry) } + RegistryFlags.retryFlags.map { $0.on(\.registry) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    let observer = {
      options.isQuiet ? SilentTransferView() : TransferView.make(invocation.output, .pull)
    }
    return invocation.forEach(operands) { name in
      var request = PullRequest(name: try repository(name))
      request.platform = options.platform ?? defaultPlatform
      request.policy = options.policy
      request.keepsReferrers = options.keepsReferrers
      request.access = options.registry.access
      let pulled: [PulledImage]
      if options.allTags {
        pulled = try engine.pullAllTags(request, observer: observer)
      } else {
        if !options.isQuiet, !hasTag(request.name) { invocation.output.line("Using default tag: latest") }
        pulled = [try engine.pullImage(request, observer: observer())]
      }
      for image in pulled {
        invocation.output.line(options.isQuiet ? image.id : image.name)
        for note in image.notes { invocation.warn(note) }
      }
    }
  }

  /// podman's `docker://`, which is what a name without a transport means as well.
  private static func repository(_ name: String) throws -> String {
    if name.hasPrefix("docker://") { return String(name.dropFirst("docker://".count)) }
    let others = ["oci:", "oci-archive:", "dir:", "docker-archive:"]
    guard let transport = others.first(where: name.hasPrefix) else { return name }
    throw EngineError(
      .unsupported, "pulling \(safeText(name))", "pull asks registries, not \(transport)",
      hint: "dhow load -i \(safeText(String(name.dropFirst(transport.count))))")
  }

  /// Whether a name says which image of the repository it means.
  private static func hasTag(_ name: String) -> Bool {
    name.contains("@") || (name.split(separator: "/").last ?? "").contains(":")
  }
}
