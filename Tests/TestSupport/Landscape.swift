/// Two network namespaces for one test, so that no packet leaves the machine and none of its settings is touched: one
/// that programs run in as if it were a host's, and behind it, by a cable, the outside. Made by root.
package final class Landscape {
  private let host: ChildProcess
  private let outside: ChildProcess

  package static let hostAddress = "198.51.100.2"
  package static let outsideAddress = "198.51.100.1"
  package static let hostAddress6 = "2001:db8::2"
  package static let outsideAddress6 = "2001:db8::1"

  /// - Parameter hasWayOut: false leaves out the default route: the host is cut off.
  package init(hasWayOut: Bool = true) throws {
    host = try Self.holder()
    outside = try Self.holder()
    let script = """
      set -e
      ip link set lo up
      ip link add up0 type veth peer name in0 netns \(outside.pid)
      ip addr add \(Self.hostAddress)/24 dev up0
      ip -6 addr add \(Self.hostAddress6)/64 dev up0 nodad
      ip link set up0 up
      nsenter --net=/proc/\(outside.pid)/ns/net sh -ec 'ip link set lo up; ip addr add \(Self.outsideAddress)/24 dev in0;
        ip -6 addr add \(Self.outsideAddress6)/64 dev in0 nodad; ip link set in0 up'
      \(hasWayOut ? "ip route add default via \(Self.outsideAddress)" : "true")
      """
    try mustRun(entry + ["sh", "-c", script])
  }

  private static func holder() throws -> ChildProcess {
    let process = try ChildProcess(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
    guard process.waitForOutput("ready") else { throw FixtureError("no network namespace could be made") }
    return process
  }

  /// The words before a command that make it run on the host of this landscape.
  package var entry: [String] { ["nsenter", "--net=/proc/\(host.pid)/ns/net", "--"] }
  package var outsideEntry: [String] { ["nsenter", "--net=/proc/\(outside.pid)/ns/net", "--"] }

  /// Runs a program on the host, or outside.
  package func run(_ words: [String], outside: Bool = false, timeout: Double = 30) throws -> Outcome {
    try TestSupport.run((outside ? outsideEntry : entry) + words, timeout: timeout)
  }

  /// Leaves a program running, outside or on the host.
  package func start(_ words: [String], outside: Bool = true) throws -> ChildProcess {
    try ChildProcess((outside ? outsideEntry : entry) + words)
  }
}
