internal import Basics
internal import Glibc
package import LinuxKernel

/// What a running container uses at one moment: from its cgroup, and where that has no controller for it, from the sums
/// over its processes in /proc. Nil is what nobody knows.
package struct ContainerUsage: Equatable, Sendable {
  /// Of CLOCK_MONOTONIC, nanoseconds.
  package var moment: Int64
  /// Nanoseconds since the start.
  package var cpu: Int64?
  /// Bytes without what the kernel can drop at once, as docker counts.
  package var memory: Int64?
  /// Bytes; the machine's memory without a limit.
  package var memoryLimit: Int64?
  package var processes: Int64?
  /// Bytes since the start.
  package var blockRead: Int64?
  package var blockWritten: Int64?
  /// Bytes since the start, without the loopback device; 0 in the host's network, as in docker.
  package var received: Int64?
  package var sent: Int64?

  /// - Returns: nil when the program has ended.
  package init?(cgroup: CgroupPlacement, program: ProcessIdentity) {
    moment = MonotonicClock.now
    let processes = ContainerProcesses(cgroup: cgroup, program: program).all
    guard !processes.isEmpty else { return nil }
    self.processes = Int64(processes.count)
    let total = Self.field("MemTotal:", in: "/proc/meminfo").map { $0 * 1024 }
    memoryLimit = total
    if cgroup.version == .unified { readUnified(cgroup.directories[""]) } else { readControllers(cgroup.directories) }
    if let limit = memoryLimit, let total, limit > total { memoryLimit = total }
    cpu = cpu ?? Self.nanoseconds(ticks: processes.reduce(0) { $0 + $1.ticks })
    memory = memory ?? processes.reduce(0) { $0 + $1.resident }
    if blockRead == nil { readProcessTraffic(processes.map(\.pid)) }
    readNetwork(program.pid)
  }

  private static func nanoseconds(ticks: UInt64) -> Int64 {
    Int64(clamping: ticks) &* (1_000_000_000 / Int64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
  }

  private mutating func readUnified(_ directory: String?) {
    guard let directory else { return }
    cpu = Self.field("usage_usec", in: directory + "/cpu.stat").map { $0 * 1000 }
    if let current = Self.number(directory + "/memory.current") {
      memory = max(0, current - (Self.field("inactive_file", in: directory + "/memory.stat") ?? 0))
      memoryLimit = Self.number(directory + "/memory.max") ?? memoryLimit
    }
    processes = Self.number(directory + "/pids.current") ?? processes
    guard let text = Self.text(directory + "/io.stat") else { return }
    (blockRead, blockWritten) = (0, 0)
    for word in text.split(whereSeparator: \.isWhitespace) {
      let parts = word.split(separator: "=")
      guard parts.count == 2, let value = Int64(parts[1]) else { continue }
      if parts[0] == "rbytes" { blockRead = (blockRead ?? 0) + value }
      if parts[0] == "wbytes" { blockWritten = (blockWritten ?? 0) + value }
    }
  }

  private mutating func readControllers(_ directories: [String: String]) {
    if let directory = directories["cpuacct"] ?? directories["cpu"] {
      cpu = Self.number(directory + "/cpuacct.usage")
    }
    if let directory = directories["memory"], let used = Self.number(directory + "/memory.usage_in_bytes") {
      memory = max(0, used - (Self.field("total_inactive_file", in: directory + "/memory.stat") ?? 0))
      memoryLimit = Self.number(directory + "/memory.limit_in_bytes") ?? memoryLimit
    }
    if let directory = directories["pids"] { processes = Self.number(directory + "/pids.current") ?? processes }
  }

  /// Without a controller only what the processes that are there now have read and written.
  private mutating func readProcessTraffic(_ pids: [Int32]) {
    for pid in pids {
      guard let text = Self.text("/proc/\(pid)/io") else { continue }
      blockRead = (blockRead ?? 0) + (Self.field("read_bytes:", of: text) ?? 0)
      blockWritten = (blockWritten ?? 0) + (Self.field("write_bytes:", of: text) ?? 0)
    }
  }

  private mutating func readNetwork(_ pid: Int32) {
    (received, sent) = (0, 0)
    // The same network as ours is the host's: its traffic is not the container's.
    guard let own = try? File.readLink("/proc/self/ns/net"), let its = try? File.readLink("/proc/\(pid)/ns/net") else {
      (received, sent) = (nil, nil)
      return
    }
    guard own != its, let text = Self.text("/proc/\(pid)/net/dev") else { return }
    for line in text.split(separator: "\n").dropFirst(2) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let name = line[..<colon].filter { $0 != " " }
      let fields = line[line.index(after: colon)...].split(separator: " ").map { Int64($0) ?? 0 }
      guard name != "lo", fields.count > 8 else { continue }
      received = (received ?? 0) + fields[0]
      sent = (sent ?? 0) + fields[8]
    }
  }

  // Files that are not there say nothing.

  private static func text(_ path: String) -> String? {
    (try? File.readAll(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func number(_ path: String) -> Int64? {
    text(path).flatMap { Int64($0.filter { $0 != "\n" }) }
  }

  private static func field(_ key: String, in path: String) -> Int64? { text(path).flatMap { field(key, of: $0) } }

  private static func field(_ key: String, of text: String) -> Int64? {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count >= 2, words[0] == key { return Int64(words[1]) }
    }
    return nil
  }
}
