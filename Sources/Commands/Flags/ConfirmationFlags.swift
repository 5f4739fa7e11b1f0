internal import Basics
internal import Glibc

/// `--force` of commands that ask first.
struct ConfirmationOptions: CommandOptions {
  var force = false

  static var flag: Flag<ConfirmationOptions> {
    .toggle("force", "f", "Do not prompt for confirmation") { $0.force = $1 }
  }

  /// Asks on a terminal whether to go on. Without one nothing is asked: then it has to be said by `--force`.
  func agreed(_ warning: String, _ doing: String, _ invocation: Invocation) throws -> Bool {
    if force { return true }
    guard isatty(STDIN_FILENO) == 1 else {
      throw EngineError(.usage, doing, "there is no terminal to ask on", hint: "say it with --force")
    }
    invocation.errors.write("WARNING! \(warning)\nAre you sure you want to continue? [y/N] ")
    try invocation.errors.flush()
    let answer = (readLine() ?? "").lowercased()
    return answer == "y" || answer == "yes"
  }
}
