internal import Basics
internal import ContainerEngine

/// `save`: images as one archive or directory that docker and podman load.
enum SaveCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] IMAGE [IMAGE...]", "Save one or more images to a tar archive (streamed to STDOUT by default)",
    .atLeast(1), completion: .images)

  struct Options: CommandOptions {
    var output = ArchiveOutputOptions()
    var format = SaveFormat.dockerArchive
    var platform: String?
  }

  static var flags: [Flag<Options>] {
    [
      .text("format", nil, "string", "Layout of the archive or directory (\(SaveFormat.list))") {
        $0.format = try SaveFormat(parsing: $1)
      }.defaulting(to: "\"docker-archive\"").completed(by: .words(SaveFormat.allCases.map(\.rawValue))),
      ArchiveOutputOptions.flag.on(\.output),
      .text("platform", nil, "string", "Save only the given platform variant (e.g., \"linux/amd64\")") {
        $0.platform = try platform($1)
      },
      .toggle("quiet", "q", "Suppress the output") { _, _ in }.hidden,
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let doing = operands.count == 1 ? "saving \(safeText(operands[0]))" : "saving \(operands.count) images"
    let (format, platform) = (options.format, options.platform)
    if format.isDirectory {
      guard let directory = options.output.path else {
        throw EngineError(
          .usage, doing, "the format \(format.rawValue) is a directory and no stream", hint: "-o DIRECTORY")
      }
      try invocation.engine().saveImages(
        operands, layout: format.layout, platform: platform, intoDirectory: directory)
      return .success
    }
    let engine = try invocation.engine()
    try options.output.write(doing) {
      try engine.saveImages(operands, layout: format.layout, platform: platform, to: $0)
    }
    return .success
  }
}

/// podman's names for what `save` writes.
enum SaveFormat: String, CaseIterable {
  case dockerArchive = "docker-archive"
  case ociArchive = "oci-archive"
  case dockerDirectory = "docker-dir"
  case ociDirectory = "oci-dir"

  static var list: String { allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ") }

  init(parsing text: String) throws(FlagValueError) {
    switch text {
    case "docker": self = .dockerArchive
    case "oci": self = .ociArchive
    default:
      guard let known = SaveFormat(rawValue: text) else {
        throw FlagValueError("unknown format: must be one of \(SaveFormat.list)")
      }
      self = known
    }
  }

  var isDirectory: Bool { self == .dockerDirectory || self == .ociDirectory }

  var layout: ArchiveLayout { self == .dockerArchive || self == .dockerDirectory ? .docker : .oci }
}
