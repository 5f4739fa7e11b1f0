internal import ContainerEngine

/// `image inspect`.
enum ImageInspectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] IMAGE [IMAGE...]", "Display detailed information on one or more images", .atLeast(1), completion: .images
  )

  struct Options: CommandOptions {
    var inspect = InspectOptions()
    var platform: String?
  }

  static var flags: [Flag<Options>] {
    [
      FormatOptions.objectFlag.on(\.inspect.output),
      .text("platform", nil, "string", "Inspect the image of that platform (e.g., \"linux/amd64\")") {
        $0.platform = try platform($1)
      },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return try ObjectPrinter(options.inspect.output.format).print(operands, invocation) {
      try engine.inspectImage($0, platform: options.platform)
    }
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
