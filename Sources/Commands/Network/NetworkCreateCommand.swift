internal import Basics
internal import ContainerEngine
internal import Networking

/// `network create`.
enum NetworkCreateCommand: Command {
  static let words = CommandWords("[OPTIONS] NETWORK", "Create a network", .exactly(1))

  struct Options: CommandOptions {
    var driver = "bridge"
    var subnets: [Subnet] = []
    var gateways: [IPAddress] = []
    var ranges: [Subnet] = []
    var isInternal = false
    var hasIPv4 = true
    var hasIPv6 = false
    var labels: [String: String] = [:]
    var options: [String: String] = [:]
    var ignoresExisting = false
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("attachable", nil, "Enable manual container attachment (all networks have it)") { _, _ in },
      .text("driver", "d", "string", "Driver to manage the Network") { $0.driver = $1 }.defaulting(to: "bridge")
        .completed(by: .words(["bridge"])),
      .list("gateway", nil, "strings", "IPv4 or IPv6 Gateway for the master subnet") {
        guard let address = IPAddress($1) else { throw FlagValueError("invalid gateway address: \($1)") }
        $0.gateways.append(address)
      },
      .toggle("ignore", nil, "Do nothing if the network exists") { $0.ignoresExisting = $1 },
      .toggle("internal", nil, "Restrict external access to the network") { $0.isInternal = $1 },
      .list("ip-range", nil, "strings", "Allocate container ip from a sub-range") { $0.ranges.append(try subnet($1)) },
      .text("ipam-driver", nil, "string", "IP Address Management Driver") {
        guard $1 == "default" || $1 == "host-local" else {
          throw EngineError(.unsupported, "--ipam-driver \($1)", "there is one driver, default")
        }
        _ = $0
      }.defaulting(to: "default"),
      .toggle("ipv4", nil, "Enable IPv4 address assignment (default true)") { $0.hasIPv4 = $1 },
      .toggle("ipv6", nil, "Enable IPv6 address assignment") { $0.hasIPv6 = $1 },
      .list("label", nil, "list", "Set metadata on a network") {
        let pair = split($1)
        $0.labels[pair.0] = pair.1
      },
      .list("opt", "o", "map", "Set driver specific options") {
        let pair = split($1)
        $0.options[pair.0] = pair.1
      },
      .list("subnet", nil, "strings", "Subnet in CIDR format that represents a network segment") {
        $0.subnets.append(try subnet($1))
      },
    ]
  }

  static var refusedFlags: [Flag<Options>] {
    [
      .refused("aux-address", nil, "map", because: "reserved addresses are not in this version yet"),
      .refused("config-from", nil, "string", because: "configuration-only networks belong to swarm"),
      .refused("config-only", because: "configuration-only networks belong to swarm"),
      .refused("ingress", because: "there is no swarm"),
      .refused("ipam-opt", nil, "map", because: "the one address management driver has no options"),
      .refused("scope", nil, "string", because: "networks are of this host"),
    ]
  }

  private static func subnet(_ text: String) throws(FlagValueError) -> Subnet {
    guard let subnet = Subnet(text) else { throw FlagValueError("invalid CIDR address: \(text)") }
    return subnet
  }

  private static func split(_ text: String) -> (String, String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    return (parts[0], parts.count > 1 ? parts[1] : "")
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let doing = "creating network \(safeText(operands[0]))"
    guard options.driver == "bridge" else {
      throw EngineError(
        .unsupported, doing,
        "could not find plugin \(safeText(options.driver)) in v1 plugin registry: plugin not found",
        hint: "the driver there is: bridge; --network host and none need no network")
    }
    var plan = NetworkPlan(name: operands[0])
    plan.isInternal = options.isInternal
    (plan.hasIPv4, plan.hasIPv6) = (options.hasIPv4, options.hasIPv6 || options.subnets.contains(where: \.isIPv6))
    guard plan.hasIPv4 || plan.hasIPv6 else {
      throw EngineError(.usage, doing, "IPv4 or IPv6 must be enabled")
    }
    (plan.labels, plan.options) = (options.labels, options.options)
    plan.subnets = options.subnets.map { NetworkPlan.SubnetRequest(subnet: $0) }
    for gateway in options.gateways {
      guard let index = plan.subnets.firstIndex(where: { $0.subnet.contains(gateway) }) else {
        throw EngineError(.usage, doing, "no matching subnet for gateway \(gateway)", hint: "give its --subnet too")
      }
      plan.subnets[index].gateway = gateway
    }
    for range in options.ranges {
      guard let index = plan.subnets.firstIndex(where: { $0.subnet.contains(range.base) }) else {
        throw EngineError(.usage, doing, "no matching subnet for range \(range)", hint: "give its --subnet too")
      }
      plan.subnets[index].range = range
    }
    let engine = try invocation.engine()
    if options.ignoresExisting, try engine.networkExists(plan.name) { return .success }
    invocation.output.line(try engine.createNetwork(plan).id)
    return .success
  }
}
