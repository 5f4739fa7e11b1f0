internal import Basics
internal import ContainerEngine

/// `network connect`.
enum NetworkConnectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] NETWORK CONTAINER", "Connect a container to a network", .exactly(2), completion: .networks)

  struct Options: CommandOptions { var attachment = NetworkAttachmentRequest() }

  static var flags: [Flag<Options>] {
    [
      .list("alias", nil, "strings", "Add network-scoped alias for the container") {
        $0.attachment.aliases.append(try NetworkSyntax.alias($1))
      },
      .text("ip", nil, "string", "IPv4 address (e.g., 172.30.100.104)") {
        $0.attachment.ip = try NetworkSyntax.address($1, isIPv6: false)
      },
      .text("ip6", nil, "string", "IPv6 address (e.g., 2001:db8::33)") {
        $0.attachment.ip6 = try NetworkSyntax.address($1, isIPv6: true)
      },
      .list("link", nil, "list", "Add link to another container") {
        $0.attachment.links.append(try NetworkSyntax.link($1))
      },
    ]
  }

  static var refusedFlags: [Flag<Options>] {
    [
      .refused("driver-opt", nil, "strings", because: "the bridge driver has no options for one container"),
      .refused("gw-priority", nil, "int", because: "the first network with a way out has the default route"),
      .refused("link-local-ip", nil, "strings", because: "link-local addresses are not in this version yet"),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().connectNetwork(operands[0], operands[1], options.attachment)
    return .success
  }
}

/// `network disconnect`.
enum NetworkDisconnectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] NETWORK CONTAINER", "Disconnect a container from a network", .exactly(2), completion: .networks)

  struct Options: CommandOptions { var force = false }

  static var flags: [Flag<Options>] {
    [.toggle("force", "f", "Force the container to disconnect from a network") { $0.force = $1 }]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().disconnectNetwork(operands[0], operands[1], force: options.force)
    return .success
  }
}
