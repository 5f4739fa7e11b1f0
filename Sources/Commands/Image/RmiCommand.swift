internal import Basics
internal import ContainerEngine

/// `rmi`: names of images, and images without a name any more.
enum RmiCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", .atLeast(1), completion: .images)

  struct Options: CommandOptions {
    var force = false
    var platform: String?
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("force", "f", "Force removal of the image") { $0.force = $1 },
      .refused("no-prune", nil, because: "an image has no untagged parents here, only its layers"),
      .text("platform", nil, "string", "Remove only the given platform variant (e.g., \"linux/amd64\")") {
        $0.platform = try platform($1)
      },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { name in
      do {
        for removal in try engine.removeImage(name, force: options.force, platform: options.platform) {
          switch removal {
          case .untagged(let reference): invocation.output.line("Untagged: \(safeText(reference))")
          case .deleted(let digest): invocation.output.line("Deleted: \(digest)")
          }
        }
      } catch let error as EngineError where options.force && error.kind == .notFound {
        invocation.report(error)
      }
    }
  }
}
