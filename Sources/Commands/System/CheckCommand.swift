internal import Basics
internal import ContainerEngine

/// `system check`: whether the store is whole; with `--repair` what is damaged is mended, or removed after saying so.
enum CheckCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Check the store, and repair what is damaged", .none)

  struct Options: CommandOptions {
    var repair = false
    var quiet = false
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("quiet", "q", "Say nothing when all is well") { $0.quiet = $1 },
      .toggle("repair", "r", "Mend what can be mended, remove what cannot") { $0.repair = $1 },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let findings = try invocation.engine().checkStore(repair: options.repair)
    for finding in findings { invocation.output.line(safeText(finding)) }
    guard findings.isEmpty else { return options.repair ? .success : .failure }
    if !options.quiet { invocation.output.line("The store is in order.") }
    return .success
  }
}
