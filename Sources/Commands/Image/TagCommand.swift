internal import ContainerEngine

/// `tag`: a further name for an image.
enum TagCommand: Command {
  static let words = CommandWords(
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", .exactly(2),
    completion: .images)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().tagImage(operands[0], as: operands[1])
    return .success
  }
}

/// `untag`: names taken away from an image, which stays.
enum UntagCommand: Command {
  static let words = CommandWords(
    "IMAGE [NAME...]", "Remove one or more names from an image", .atLeast(1), completion: .images)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().untagImage(operands[0], names: Array(operands.dropFirst()))
    return .success
  }
}
