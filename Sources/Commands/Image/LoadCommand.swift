internal import Basics
internal import ContainerEngine
internal import Glibc

/// `load`: the images of an archive that docker, podman or `save` wrote.
enum LoadCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Load an image from a tar archive or STDIN", .none)

  struct Options: CommandOptions {
    var source = ArchiveSource.standardInput
    var platform: String?
    var squashIDs = false
  }

  static var flags: [Flag<Options>] {
    [
      .text("input", "i", "string", "Read from tar archive file, instead of STDIN") {
        $0.source = $1.isEmpty || $1 == "-" ? .standardInput : .file($1)
      }.completed(by: .files),
      .text("platform", nil, "string", "Load only the given platform variant (e.g., \"linux/amd64\")") {
        $0.platform = try platform($1)
      },
      .toggle("quiet", "q", "Suppress the load output") { _, _ in },
      .toggle("squash-ids", nil, "Give files of ids beyond your subordinate range to id 0") { $0.squashIDs = $1 },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    guard options.source != .standardInput || isatty(STDIN_FILENO) != 1 else {
      throw EngineError(
        .usage, "", "requested load from stdin, but stdin is empty", hint: "name an archive with -i FILE")
    }
    let report = try invocation.engine().loadImages(
      options.source, platform: options.platform, squashIDs: options.squashIDs)
    for note in report.notes { invocation.warn(note) }
    for sentence in report.renamed { invocation.output.line(safeText(sentence)) }
    for name in report.loaded {
      invocation.output.line(
        name.hasPrefix("sha256:") ? "Loaded image ID: \(name)" : "Loaded image: \(safeText(name))")
    }
    return .success
  }
}
