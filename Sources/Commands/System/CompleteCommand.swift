internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Networking
internal import OCI
internal import Storage

/// `__complete KIND`: names for a shell's completion, one a line. Hidden. It only lists names: no lock is taken, no
/// namespace entered, and whatever goes wrong gives no names, since nobody wants an error in the middle of typing.
enum CompleteCommand: Command {
  static let words = CommandWords("KIND", "List names for completion", .exactly(1))

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    // No names on failure, as said above.
    for name in (try? names(operands[0], invocation)) ?? [] { invocation.output.line(name) }
    return .success
  }

  private static func names(_ kind: String, _ invocation: Invocation) throws -> [String] {
    let location = try StateLocation.resolve(
      root: invocation.globals.root, runRoot: invocation.globals.runRoot, account: Account.current())
    switch kind {
    case "containers": return try list(location.root, StatePath.names).filter(Identifier.isName)
    case "running": return try running(location)
    case "networks":
      let own = try? list(location.root, StatePath.networks)  // Without the directory only the predefined ones exist.
      return Array(
        Set((own ?? []).filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) } + NetworkRecord.predefined)
      ).sorted()
    case "volumes": return try list(location.root, StatePath.volumes).filter(Identifier.isName)
    case "images":
      return try ImageStore(StateDirectory(location)).list().flatMap(\.references).map(\.familiar).sorted()
    default: return []
    }
  }

  private static func list(_ root: String, _ path: String) throws -> [String] {
    let directory = try File.openDirectory("\(root)/\(path)")
    return try File.list(directory.raw).map(\.name).sorted()
  }

  /// Names whose container has a place in the runtime directory.
  private static func running(_ location: StateLocation) throws -> [String] {
    let ids = Set(try list(location.runRoot, StatePath.Run.containers))
    let names = try File.openDirectory("\(location.root)/\(StatePath.names)")
    return try File.list(names.raw).map(\.name).filter { name in
      guard Identifier.isName(name) else { return false }
      let id = try File.readAll(at: names.raw, name, limit: 4096)
      return ids.contains(String(decoding: id.prefix(64), as: UTF8.self))
    }.sorted()
  }
}
