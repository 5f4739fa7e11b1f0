internal import ContainerEngine

/// `system reset`: everything is removed, after asking.
enum ResetCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Remove all containers, images and volumes, and the store itself", .none)

  static var flags: [Flag<ConfirmationOptions>] { [ConfirmationOptions.flag] }

  static func run(_ options: ConfirmationOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    guard
      try options.agreed(
        "This will stop and remove all containers, and remove all images and volumes.", "resetting the store",
        invocation)
    else { return .success }
    try invocation.engine().resetStore()
    return .success
  }
}
