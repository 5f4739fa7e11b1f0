internal import Glibc

/// Facts of the host that a container must leave as they were, as far as they can be a test's own doing: other suites run
/// at the same time.
package struct HostState: Equatable, Sendable {
  /// Mount points of the test process's mount namespace, one line each without the numbers that change.
  package var mounts: Set<String>
  /// Listening TCP ports and unix sockets of the test process's network namespace that belong to the store's processes.
  package var listeners: Set<String>
  /// Network devices.
  package var links: Set<String>

  package init(of store: Store) throws {
    mounts = Set(
      try readText("/proc/self/mountinfo").split(separator: "\n").map { line in
        // id, parent, device, root, mount point, options …: the first two are numbers of the kernel's own.
        line.split(separator: " ").dropFirst(2).joined(separator: " ")
      }.filter { $0.contains(store.directory) || !$0.contains(Store.directoryMark) })
    listeners = try HostState.listeners(of: store)
    links = Set(names(in: "/sys/class/net"))
  }

  /// What is there now and was not before, and the reverse, one line each.
  package func differences(since before: HostState) -> [String] {
    func compare(_ name: String, _ old: Set<String>, _ new: Set<String>) -> [String] {
      new.subtracting(old).sorted().map { "new \(name): \($0)" }
        + old.subtracting(new).sorted().map { "lost \(name): \($0)" }
    }
    return compare("mount", before.mounts, mounts) + compare("listener", before.listeners, listeners)
      + compare("network device", before.links, links)
  }

  private static func listeners(of store: Store) throws -> Set<String> {
    var found: Set<String> = []
    var sockets: Set<Substring> = []
    for pid in store.processes() {
      for descriptor in names(in: "/proc/\(pid)/fd") {
        guard let target = linkTarget("/proc/\(pid)/fd/\(descriptor)"), target.hasPrefix("socket:[") else { continue }
        sockets.insert(target.dropFirst(8).dropLast())
      }
    }
    for table in ["tcp", "tcp6"] {
      // Absent where the kernel has no IPv6.
      for line in String(decoding: bytesIfReadable("/proc/net/\(table)") ?? [], as: UTF8.self).split(separator: "\n")
        .dropFirst()
      {
        let fields = line.split(separator: " ")
        if fields.count > 9, fields[3] == "0A", sockets.contains(fields[9]) { found.insert("\(table) \(fields[1])") }
      }
    }
    for line in try readText("/proc/net/unix").split(separator: "\n").dropFirst() {
      let fields = line.split(separator: " ")
      // Flag 10000: listening. Only named ones can be told apart.
      if fields.count > 7, fields[3] == "00010000", fields[7].hasPrefix(store.directory) {
        found.insert("unix \(fields[7])")
      }
    }
    return found
  }
}

/// Runs a body and throws if the host's mounts, listeners or network devices, or the store's processes, differ afterwards.
package func withHostUnchanged<Result>(by store: Store, _ body: () throws -> Result) throws -> Result {
  let before = try HostState(of: store)
  let result = try body()
  var differences: [String] = []
  // A network namespace and a killed process go in their own time.
  let same = try eventually(within: 30) {
    differences =
      try HostState(of: store).differences(since: before) + store.processes().map { "new process: \($0)" }
    return differences.isEmpty
  }
  guard same else { throw FixtureError("the host has changed: " + differences.joined(separator: "; ")) }
  return result
}
