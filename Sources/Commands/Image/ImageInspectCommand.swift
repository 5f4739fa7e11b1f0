internal import ContainerEngine

/// `image inspect`.
enum ImageInspectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] IMAGE [IMAGE...]", "Display detailed information on one or more images", .atLeast(1), completion: .images
  )

  static var flags: [Flag<InspectOptions>] {
    [
      FormatOptions.objectFlag.on(\.output),
      .refused("platform", nil, "string", because: "several platforms of one image are not kept in this version yet"),
    ]
  }

  static func run(_ options: InspectOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return try ObjectPrinter(options.output.format).print(operands, invocation) { try engine.inspectImage($0) }
  }
}

/// `image exists`: 0 or 1 and no word, for scripts.
enum ImageExistsCommand: Command {
  static let words = CommandWords(
    "IMAGE", "Tell by the exit code whether an image exists", .exactly(1), completion: .images)
  static let failureCode = ExitCode.engine

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().imageExists(operands[0]) ? .success : .failure
  }
}
