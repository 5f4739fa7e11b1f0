internal import Basics
internal import ContainerEngine

/// `logout`: stored credentials taken away.
enum LogoutCommand: Command {
  static let words = CommandWords("[OPTIONS] [SERVER]", "Log out from a registry", .atMost(1))

  struct Options: CommandOptions {
    var registry = RegistryFlags()
    var all = false
  }

  static var flags: [Flag<Options>] {
    [.toggle("all", "a", "Remove the credentials of all registries") { $0.all = $1 }]
      + RegistryFlags.flags.filter { $0.name == "authfile" }.map { $0.on(\.registry) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let isDocker = invocation.program == .docker
    let engine = try invocation.engine()
    let access = options.registry.access
    if options.all {
      guard operands.isEmpty else {
        throw EngineError(.invalidInput, "", "--all takes no server, as it means every one")
      }
      try engine.logOutEverywhere(access, as: invocation.loginCaller)
      invocation.output.line("Removed login credentials for all registries")
      return .success
    }
    let server = try LoginServer(operands.first ?? "docker.io", ignoresPath: isDocker)
    let (erased, remaining) = try engine.logOut(server, access, as: invocation.loginCaller)
    if erased {
      invocation.output.line(
        invocation.program == .podman
          ? "Removed login credentials for \(server.key)" : "Removing login credentials for \(server.key)")
    } else if remaining == nil {
      guard invocation.program != .podman else {
        throw EngineError(.notFound, "", "not logged into \(server.key)")
      }
      invocation.output.line("Not logged in to \(server.key)")
    }
    if let remaining {
      invocation.warn("\(remaining) has credentials for \(server.key), which this command does not write to")
      if !erased { return .failure }
    }
    return .success
  }
}
