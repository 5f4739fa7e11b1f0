internal import Basics
internal import ContainerEngine

/// `image diff`: what an image changed of the files below its topmost layer, or of another image's.
enum ImageDiffCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] IMAGE [IMAGE]", "Inspect changes an image makes to another one's files", .between(1, 2),
    completion: .images)

  struct Options: CommandOptions {
    var asJSON = false
  }

  static var flags: [Flag<Options>] {
    [
      .text("format", nil, "string", "Change the output format (json)") {
        guard $1 == "json" else { throw FlagValueError("only json is a format here") }
        $0.asJSON = true
      }.completed(by: .words(["json"]))
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let changes = try invocation.engine().diffImages(operands[0], against: operands.count > 1 ? operands[1] : nil)
    guard options.asJSON else {
      for change in changes { invocation.output.line("\(change.kind) \(safeText(change.path))") }
      return .success
    }
    var builder = JSONBuilder()
    for (kind, name) in [("A", "added"), ("C", "changed"), ("D", "deleted")] as [(Character, String)] {
      let paths = changes.filter { $0.kind == kind }.map(\.path)
      if !paths.isEmpty { builder.set(name, paths) }
    }
    invocation.output.line(builder.json.text())
    return .success
  }
}
