internal import Basics
internal import ContainerEngine

/// `pull`: images from their registries.
enum PullCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] NAME[:TAG|@DIGEST] [NAME...]", "Download an image from a registry", .atLeast(1))

  struct Options: CommandOptions {
    var platform: String?
    var policy = PullPolicy.always
    var quiet = false
  }

  static var flags: [Flag<Options>] {
    [
      .text("platform", nil, "string", "Set platform if the registry has several (e.g., \"linux/arm64\")") {
        $0.platform = try platform($1)
      },
      .toggle("quiet", "q", "Suppress verbose output, print the image's ID") { $0.quiet = $1 },
      .toggle("disable-content-trust", nil, "Skip image verification") { _, _ in }.defaulting(to: "true").hidden,
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      let observer =
        options.quiet ? SilentTransferView() : TransferView.make(invocation.output, .pull)
      var request = PullRequest(name: name)
      request.platform = options.platform
      request.policy = options.policy
      if !options.quiet, !hasTag(name) { invocation.output.line("Using default tag: latest") }
      let pulled = try engine.pullImage(request, observer: observer)
      invocation.output.line(options.quiet ? pulled.id : pulled.name)
      for note in pulled.notes { invocation.warn(note) }
    }
  }

  /// Whether a name says which image of the repository it means.
  private static func hasTag(_ name: String) -> Bool {
    name.contains("@") || (name.split(separator: "/").last ?? "").contains(":")
  }
}
