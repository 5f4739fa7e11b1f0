internal import Basics
internal import ContainerEngine

/// `logs`: what a container's program wrote, stdout and stderr each to its own.
enum LogsCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER", "Fetch the logs of a container", .exactly(1), completion: .containers)

  struct Options: CommandOptions {
    var details = false
    var timestamps = false
    var request = LogRequest()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("details", nil, "Show extra details provided to logs") { $0.details = $1 },
      .toggle("follow", "f", "Follow log output") { $0.request.follow = $1 },
      .text("since", nil, "string", "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)") {
        $0.request.since = try TimeSyntax.moment($1)
      },
      .text("tail", "n", "string", "Number of lines to show from the end of the logs") { $0.request.tail = try tail($1) }
        .defaulting(to: "\"all\""),
      .toggle("timestamps", "t", "Show timestamps") { $0.timestamps = $1 },
      .text("until", nil, "string", "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)") {
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
    var lastWasStderr = false
    try invocation.engine().readLogs(operands[0], options.request) { line in
      // Both may go to one terminal: they keep the order they were written in.
      if line.isStderr != lastWasStderr { try (lastWasStderr ? invocation.errors : invocation.output).flush() }
      lastWasStderr = line.isStderr
      let stream = line.isStderr ? invocation.errors : invocation.output
      if options.timestamps { stream.write(line.time.rfc3339Nine + " ") }
      if options.details { stream.write(details(line.attributes) + " ") }
      stream.write(bytes: line.bytes)
      if options.request.follow { try stream.flush() }
    }
    return .success
  }

  /// docker's form of extra attributes: `a=1,b=2`, with commas and such escaped as in a URL's query.
  private static func details(_ attributes: [(String, String)]) -> String {
    attributes.sorted { $0.0 < $1.0 }.map { "\(safeText($0.0))=\(safeText($0.1))" }.joined(separator: ",")
  }
}
