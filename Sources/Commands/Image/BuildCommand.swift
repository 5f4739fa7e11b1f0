internal import Basics
internal import ContainerEngine
internal import ImageBuild
internal import OCI
internal import Storage

/// `build`: an image from a Dockerfile.
enum BuildCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] PATH | URL | -", "Build an image from a Dockerfile", .atMost(1), completion: .directories)

  static var flags: [Flag<BuildOptions>] { BuildOptions.flags }
  static var refusedFlags: [Flag<BuildOptions>] { BuildOptions.refused }

  static func needsNoOperands(_ options: BuildOptions) -> Bool { true }

  static func run(_ options: BuildOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let request = try options.request(operands.first)
    let engine = try invocation.engine()
    switch options.call {
    case .build: break
    case .check: return try BuildCall.check(request, engine, invocation)
    case .targets: return try BuildCall.targets(request, engine, invocation)
    }
    let view = options.progress.view(invocation.errors)
    let images = try engine.buildImage(request, observer: view) {
      invocation.pullObserver(isQuiet: options.progress == .quiet)
    }
    if options.pushes {
      for name in images.first?.names ?? [] {
        var push = PushRequest(image: name)
        push.access = options.registry.access
        _ = try engine.pushImage(push, observer: TransferView.make(invocation.errors, .push))
      }
    }
    guard let image = images.last else { return .success }
    if let path = options.idFile { try LocalFile.write(image.id, to: path, doing: "writing \(safeText(path))") }
    if let path = options.metadataFile {
      try LocalFile.write(
        options.metadata(of: image).text(indent: 2) + "\n", to: path, doing: "writing \(safeText(path))")
    }
    if options.isQuiet { for image in images { invocation.output.line(image.id) } }
    return .success
  }
}
