internal import Basics
internal import ContainerEngine

/// `wait`: the exit codes of containers, once they have ended or something else holds of them.
enum WaitCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Block until one or more containers stop, then print their exit codes",
    .atLeast(1), completion: .containers)

  struct Options: CommandOptions {
    var conditions: [WaitCondition] = []
    /// Nanoseconds.
    var interval: Int64 = 250_000_000
    var selection = ContainerSelection()
  }

  static var flags: [Flag<Options>] {
    [
      .list("condition", nil, "list", "What to wait for; of several one must hold") {
        guard let condition = WaitCondition(rawValue: $1) else {
          throw FlagValueError("must be one of \(WaitCondition.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        $0.conditions.append(condition)
      }.defaulting(to: "\"stopped\"").completed(by: .words(WaitCondition.allCases.map(\.rawValue))),
      ContainerSelection.ignoreFlag(nil).on(\.selection),
      .text("interval", "i", "duration", "Time between two looks; a number is of milliseconds") {
        $0.interval = try interval($1)
      }.defaulting(to: "\"250ms\""),
      ContainerSelection.latestFlag("l").on(\.selection),
    ]
  }

  static func needsNoOperands(_ options: Options) -> Bool { !options.selection.isEmpty }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    let names = try options.selection.names(operands, .all, engine)
    return options.selection.forEach(names, invocation) { name in
      let code =
        options.conditions.isEmpty
        ? try engine.waitForContainer(name)
        : try engine.waitForContainer(name, until: options.conditions, interval: options.interval)
      invocation.output.line(String(code))
      try invocation.output.flush()
    }
  }

  private static func interval(_ text: String) throws(FlagValueError) -> Int64 {
    let isNumber = !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    let nanoseconds: Int64
    do throws(HumanDuration.ParseError) { nanoseconds = try HumanDuration.parse(isNumber ? text + "ms" : text) } catch {
      throw FlagValueError(error.reason)
    }
    guard nanoseconds >= 0 else { throw FlagValueError("the interval is negative") }
    return nanoseconds
  }
}
