internal import Basics
internal import ContainerEngine
internal import Glibc

/// `cp`: files between a container and the host.
enum CpCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH",
    "Copy files/folders between a container and the local filesystem", .exactly(2), completion: .files)

  struct Options: CommandOptions {
    var keepsOwners = false
    var followsLink = false
    var quiet = false
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("archive", "a", "Archive mode (copy all uid/gid information)") { $0.keepsOwners = $1 },
      .toggle("follow-link", "L", "Always follow symbol link in SRC_PATH") { $0.followsLink = $1 },
      .toggle("quiet", "q", "Suppress the report at the end of the copy") { $0.quiet = $1 },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let source = Place(operands[0])
    let destination = Place(operands[1])
    func request(_ container: String, _ path: String, _ local: String) -> CopyRequest {
      var request = CopyRequest(container: container, path: path, localPath: local == "-" ? nil : local)
      request.keepsOwners = options.keepsOwners
      request.followsLink = options.followsLink
      return request
    }
    let outcome: CopyOutcome
    switch (source.container, destination.container) {
    case (let from?, nil):
      if destination.path == "-", isatty(STDOUT_FILENO) == 1 {
        throw EngineError(.usage, "copying", "cowardly refusing to write an archive to a terminal", hint: "redirect it")
      }
      outcome = try invocation.engine().copyOut(request(from, source.path, destination.path))
    case (nil, let to?):
      outcome = try invocation.engine().copyIn(request(to, destination.path, source.path))
    case (_?, _?):
      throw EngineError(
        .usage, "copying", "copying between containers is not supported",
        hint: "dhow cp \(safeText(operands[0])) - | dhow cp - \(safeText(operands[1]))")
    case (nil, nil):
      throw EngineError(
        .usage, "copying", "must specify at least one container source or destination",
        hint: "name a file in a container as CONTAINER:PATH")
    }
    for note in outcome.notes { invocation.warn(note) }
    if !options.quiet, outcome.bytes > 0, invocation.errors.isTerminal {
      invocation.errors.line(
        "Successfully copied \(ByteCount.decimalText(outcome.bytes)) to \(safeText(operands[1]))")
    }
    return .success
  }

  /// One operand; docker's rule tells a container from a local path with a colon.
  private struct Place {
    var container: String?
    var path: String

    init(_ text: String) {
      path = text
      guard !text.hasPrefix("/"), !text.hasPrefix("."), let colon = text.firstIndex(of: ":") else { return }
      container = String(text[..<colon])
      path = String(text[text.index(after: colon)...])
    }
  }
}
