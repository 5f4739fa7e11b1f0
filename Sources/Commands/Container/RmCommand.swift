internal import Basics
internal import ContainerEngine

/// `rm`: a container with its writable layer. With `-f` a missing one is said and is no failure, as in docker.
enum RmCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers", .atLeast(1), completion: .containers)

  struct Options: CommandOptions {
    var force = false
    var volumes = false
    var selection = ContainerSelection()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("force", "f", "Force the removal of a running container (uses SIGKILL)") { $0.force = $1 },
      .refused("link", "l", because: "links come with networks, which are not in this version yet"),
      .toggle("volumes", "v", "Remove anonymous volumes associated with the container") { $0.volumes = $1 },
      ContainerSelection.allFlag("a", "Remove all containers").on(\.selection),
      ContainerSelection.cidFileFlag.on(\.selection), ContainerSelection.filterFlag(nil).on(\.selection),
      ContainerSelection.ignoreFlag("i").on(\.selection),
      // -l is docker's --link here.
      ContainerSelection.latestFlag(nil).on(\.selection),
      .refused("depend", because: "containers of this version do not depend on each other"),
      .refused("time", "t", "int", because: "rm -f kills at once, as docker's; stop -t SECONDS before it is gentle"),
    ]
  }

  static func needsNoOperands(_ options: Options) -> Bool { !options.selection.isEmpty }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    let names = try options.selection.names(operands, .all, engine)
    if options.force, names.count > 1 { engine.killBeforeRemoval(names) }
    var removed = false
    var code = options.selection.forEach(names, invocation) { name in
      do {
        try engine.removeContainer(
          name, force: options.force, volumes: options.volumes, emptyingTrash: false)
        removed = true
        invocation.output.line(name)
      } catch let error as EngineError where options.force && error.kind == .notFound {
        if !options.selection.ignoresMissing { invocation.report(error) }
      }
    }
    do { if removed { try engine.emptyTrash() } } catch {
      invocation.report(error)
      code.worsen(to: .failure)
    }
    return code
  }
}
