internal import ContainerEngine

/// `commit`: an image of a container's changes.
enum CommitCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]", "Create a new image from a container's changes", .between(1, 2),
    completion: .containers)

  struct Options: CommandOptions {
    var request = CommitRequest(container: "")
  }

  static var flags: [Flag<Options>] {
    [
      .text("author", "a", "string", "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")") {
        $0.request.author = $1
      },
      .list("change", "c", "list", "Apply Dockerfile instruction to the created image") {
        $0.request.changes.append($1)
      },
      .text("message", "m", "string", "Commit message") { $0.request.message = $1 },
      .toggle("pause", "p", "Pause container during commit") { $0.request.pauses = $1 }.defaulting(to: "true"),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var request = options.request
    request.container = operands[0]
    request.reference = operands.count == 2 && !operands[1].isEmpty ? operands[1] : nil
    invocation.output.line(try invocation.engine().commitContainer(request))
    return .success
  }
}
