internal import Glibc

/// Facts of the host that a container must leave as they were: mounts, listeners, and the program's own processes.
package struct HostState: Equatable, Sendable {
  /// Mount points of the test process's mount namespace, one line each without the numbers that change.
  package var mounts: Set<String>
  /// Listening TCP ports and unix sockets of the test process's network namespace.
  package var listeners: Set<String>
  /// Processes that run this test run's copy of the program.
  package var programs: Set<String>
  /// Network devices.
  package var links: Set<String>

  package init() throws {
    mounts = Set(
      try readText("/proc/self/mountinfo").split(separator: "\n").map { line in
        // id, parent, device, root, mount point, options …: the first two are numbers of the kernel's own.
        line.split(separator: " ").dropFirst(2).joined(separator: " ")
      })
    listeners = try HostState.listeningSockets()
    programs = HostState.runningPrograms()
    links = Set(names(in: "/sys/class/net"))
  }

  /// What is there now and was not before, and the reverse, one line each.
  package func differences(since before: HostState) -> [String] {
    func compare(_ name: String, _ old: Set<String>, _ new: Set<String>) -> [String] {
      new.subtracting(old).sorted().map { "new \(name): \($0)" }
        + old.subtracting(new).sorted().map { "lost \(name): \($0)" }
    }
    return compare("mount", before.mounts, mounts) + compare("listener", before.listeners, listeners)
      + compare("process", before.programs, programs) + compare("network device", before.links, links)
  }

  private static func listeningSockets() throws -> Set<String> {
    var found: Set<String> = []
    for table in ["tcp", "tcp6"] {
      // Absent where the kernel has no IPv6.
      for line in String(decoding: bytesIfReadable("/proc/net/\(table)") ?? [], as: UTF8.self).split(separator: "\n")
        .dropFirst()
      {
        let fields = line.split(separator: " ")
        if fields.count > 3, fields[3] == "0A" { found.insert("\(table) \(fields[1])") }
      }
    }
    for line in try readText("/proc/net/unix").split(separator: "\n").dropFirst() {
      let fields = line.split(separator: " ")
      // Flag 10000: listening. Only named ones can be told apart.
      if fields.count > 7, fields[3] == "00010000" { found.insert("unix \(fields[7])") }
    }
    return found
  }

  private static func runningPrograms() -> Set<String> {
    var found: Set<String> = []
    for pid in names(in: "/proc").compactMap({ Int32($0) }) {
      guard let program = linkTarget("/proc/\(pid)/exe") else { continue }
      if program.hasPrefix(DhowBinary.path) { found.insert("\(pid) \(program)") }
    }
    return found
  }
}

/// Runs a body and throws if the host's mounts, listeners, network devices or the program's processes differ afterwards. Only for
/// suites that run alone (`.serialized`): tests beside it would be seen, too.
package func withHostUnchanged<Result>(_ body: () throws -> Result) throws -> Result {
  let before = try HostState()
  let result = try body()
  var differences: [String] = []
  // A network namespace and a killed process go in their own time.
  let same = try eventually(within: 5) {
    differences = try HostState().differences(since: before)
    return differences.isEmpty
  }
  guard same else { throw FixtureError("the host has changed: " + differences.joined(separator: "; ")) }
  return result
}
