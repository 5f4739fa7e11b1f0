internal import Basics
internal import ContainerEngine
internal import OCI

/// `import`: an image of one layer from a tar archive of files.
enum ImportCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] file|- [REPOSITORY[:TAG]]", "Import the contents from a tarball to create a filesystem image",
    .between(1, 2), completion: .files)

  struct Options: CommandOptions {
    var request = ImportRequest(source: .standardInput)
  }

  static var flags: [Flag<Options>] {
    [
      .list("change", "c", "list", "Apply Dockerfile instruction to the created image") {
        $0.request.changes.append($1)
      },
      .text("message", "m", "string", "Set commit message for imported image") { $0.request.message = $1 },
      .text("platform", nil, "string", "Set platform of the image") { $0.request.platform = try platform($1) },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var request = options.request
    let source = operands[0]
    guard !source.hasPrefix("http://"), !source.hasPrefix("https://") else {
      throw EngineError(
        .unsupported, "importing \(source)", "URLs are not read in this version yet",
        hint: "fetch it first: curl -L URL | dhow import -")
    }
    request.source = source == "-" ? .standardInput : .file(source)
    request.reference = operands.count == 2 && !operands[1].isEmpty ? operands[1] : nil
    invocation.output.line(try invocation.engine().importImage(request))
    return .success
  }
}
