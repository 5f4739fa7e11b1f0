internal import Basics
internal import ContainerEngine

/// `save`: images as one archive that docker and podman load.
enum SaveCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] IMAGE [IMAGE...]", "Save one or more images to a tar archive (streamed to STDOUT by default)",
    .atLeast(1), completion: .images)

  struct Options: CommandOptions {
    var output = ArchiveOutputOptions()
    var layout = ArchiveLayout.docker
    var platform: String?
  }

  static var flags: [Flag<Options>] {
    [
      .text("format", nil, "string", "Layout of the archive (\"docker-archive\", \"oci-archive\")") {
        $0.layout = try layout($1)
      }.defaulting(to: "\"docker-archive\"").completed(by: .words(["docker-archive", "oci-archive"])),
      ArchiveOutputOptions.flag.on(\.output),
      .text("platform", nil, "string", "Save only the given platform variant (e.g., \"linux/amd64\")") {
        $0.platform = try platform($1)
      },
      .toggle("quiet", "q", "Suppress the output") { _, _ in }.hidden,
    ]
  }

  private static func layout(_ text: String) throws -> ArchiveLayout {
    switch text {
    case "docker-archive", "docker": return .docker
    case "oci-archive", "oci": return .oci
    case "docker-dir", "oci-dir":
      throw EngineError(
        .unsupported, "--format \(text)", "directories are not written in this version yet",
        hint: "the store itself is an OCI layout; `info` tells where it lies")
    default: throw FlagValueError("unknown format: must be \"docker-archive\" or \"oci-archive\"")
    }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    let doing = operands.count == 1 ? "saving \(operands[0])" : "saving \(operands.count) images"
    try options.output.write(doing) {
      try engine.saveImages(operands, layout: options.layout, platform: options.platform, to: $0)
    }
    return .success
  }
}
