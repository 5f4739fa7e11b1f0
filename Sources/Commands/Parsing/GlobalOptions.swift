/// What may be said before the verb.
package struct GlobalOptions: CommandOptions, Equatable, Sendable {
  /// The store, nil for the default of this user.
  package var root: String?
  /// The runtime directory, nil for the default of this user.
  package var runRoot: String?
  /// Where docker's config.json is, instead of `$DOCKER_CONFIG`.
  package var clientDirectory: String?
  package var debug = false
  /// Errors as one JSON object per line on stderr, for scripts.
  package var errorsAsJSON = false
  package var showVersion = false

  package init() {}

  package static var flags: [Flag<GlobalOptions>] {
    [
      .text("config", nil, "dir", "Directory of docker's client file, config.json") {
        $0.clientDirectory = try directory($1)
      }.completed(by: .directories).defaulting(to: "\"~/.docker\""),
      .toggle("debug", "D", "Enable debug mode") { $0.debug = $1 },
      .text("error-format", nil, "string", "Format of errors (\"text\", \"json\")") {
        guard ["text", "json"].contains($1) else { throw FlagValueError("must be \"text\" or \"json\"") }
        $0.errorsAsJSON = $1 == "json"
      }.completed(by: .words(["text", "json"])).defaulting(to: "\"text\""),
      .text("log-level", "l", "string", "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")") {
        guard ["debug", "info", "warn", "warning", "error", "fatal", "panic", "trace"].contains($1) else {
          throw FlagValueError("unknown logging level")
        }
        $0.debug = $0.debug || $1 == "debug" || $1 == "trace"
      }.completed(by: .words(["debug", "info", "warn", "error", "fatal"])).defaulting(to: "\"info\""),
      .text("root", nil, "dir", "Directory of images, containers and volumes") { $0.root = try directory($1) }
        .completed(by: .directories),
      .text("runroot", nil, "dir", "Directory of the state of running containers") { $0.runRoot = try directory($1) }
        .completed(by: .directories),
      .toggle("version", "v", "Print version information and quit") { $0.showVersion = $1 },
      .refused("host", "H", "list", because: remote),
      .refused("context", "c", "string", because: remote),
      .refused("tls", because: remote),
      .refused("tlscacert", nil, "string", because: remote),
      .refused("tlscert", nil, "string", because: remote),
      .refused("tlskey", nil, "string", because: remote),
      .refused("tlsverify", because: remote),
    ]
  }

  private static let remote = "talking to another engine is not in this version yet; leave the option out to work here"

  private static func directory(_ text: String) throws(FlagValueError) -> String {
    guard !text.isEmpty else { throw FlagValueError("a directory is needed") }
    return text
  }
}
