/// A command in shell form (`RUN a b`) or exec form (`RUN ["a", "b"]`).
package enum CommandLine: Equatable, Sendable {
  case shell(String)
  case exec([String])

  /// The arguments to execute or to write into the image; `shell` is what SHELL said, or `/bin/sh -c`.
  package func arguments(shell: [String]) -> [String] {
    switch self {
    case .shell(let line): shell + [line]
    case .exec(let words): words
    }
  }

  /// What a shell is without SHELL (docker image specification).
  package static let defaultShell = ["/bin/sh", "-c"]
}
