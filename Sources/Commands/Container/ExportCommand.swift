internal import Basics
internal import ContainerEngine

/// `export`: a container's files as a tar archive.
enum ExportCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER", "Export a container's filesystem as a tar archive", .exactly(1), completion: .containers)

  static var flags: [Flag<ArchiveOutputOptions>] { [ArchiveOutputOptions.flag] }

  static func run(_ options: ArchiveOutputOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    try options.write("exporting \(operands[0])") { try engine.exportContainer(operands[0], to: $0) }
    return .success
  }
}
