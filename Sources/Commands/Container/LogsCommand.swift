internal import Basics
internal import ContainerEngine

/// `logs`: what a container's program wrote, stdout and stderr each to its own.
enum LogsCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER", "Fetch the logs of a container", .exactly(1), completion: .containers)

  struct Options: CommandOptions {
    var request = LogRequest()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("details", nil, "Show extra details provided to logs") { $0.request.details = $1 },
      .toggle("follow", "f", "Follow log output") { $0.request.follow = $1 },
      .text(
        "since", nil, "string",
        "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"
      ) {
        $0.request.since = try TimeSyntax.moment($1)
      },
      .text("tail", "n", "string", "Number of lines to show from the end of the logs") {
        $0.request.tail = try tail($1)
      }
      .defaulting(to: "\"all\""),
      .toggle("timestamps", "t", "Show timestamps") { $0.request.timestamps = $1 },
      .text(
        "until", nil, "string",
        "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"
      ) {
        $0.request.until = try TimeSyntax.moment($1)
      },
    ]
  }

  /// Lines from the end; `all` and negative numbers are all.
  private static func tail(_ text: String) throws(FlagValueError) -> Int? {
    if text == "all" { return nil }
    guard let count = Int(text) else { throw FlagValueError("must be a number of lines, or \"all\"") }
    return count < 0 ? nil : count
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().readLogs(operands[0], options.request)
    return .success
  }
}
