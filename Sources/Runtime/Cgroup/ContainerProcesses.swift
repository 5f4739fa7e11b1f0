internal import Basics
internal import Glibc
package import LinuxKernel

/// The processes of a container as the host sees them, read from /proc: nothing of the container is asked
/// (CVE-2022-1227).
package struct ContainerProcesses {
  package struct Process: Sendable {
    package var pid: Int32
    package var parent: Int32
    /// The effective user, as our user namespace sees it.
    package var uid: UInt32
    /// Of tty_nr in proc(5); 0 without one.
    package var terminal: Int32
    /// User and system time in clock ticks.
    package var ticks: UInt64
    /// Clock ticks after boot.
    package var start: UInt64
    /// Bytes of memory it has in RAM, shared ones included.
    package var resident: Int64
    /// The arguments, or the name in brackets.
    package var command: String
  }

  /// By pid.
  package private(set) var all: [Process] = []

  /// Those of the container's pid namespace, of its cgroup, and what they started.
  package init(cgroup: CgroupPlacement, program: ProcessIdentity) {
    // A container that ends while we look has no processes.
    let names = (try? File.listIfPresent("/proc")) ?? []
    let pids = names.compactMap { Int32($0.name) }.sorted()
    let own = Self.namespace("self")
    let space = Self.namespace("\(program.pid)").flatMap { $0 == own ? nil : $0 }
    var members = Set(cgroup.pids)
    members.insert(program.pid)
    var stats: [Int32: [Substring]] = [:]
    for pid in pids {
      guard let fields = Self.statFields(pid), fields[0] != "Z" else { continue }
      stats[pid] = fields
      if let space, Self.namespace("\(pid)") == space { members.insert(pid) }
    }
    // Pids do not grow with age, so that parents may come after their children: until nobody new is found.
    var isComplete = false
    while !isComplete {
      isComplete = true
      for (pid, fields) in stats where !members.contains(pid) {
        guard let parent = Int32(fields[1]), members.contains(parent) else { continue }
        members.insert(pid)
        isComplete = false
      }
    }
    guard program.isAlive else { return }
    all = members.sorted().compactMap { pid in stats[pid].flatMap { Self.process(pid, $0) } }
  }

  private static func process(_ pid: Int32, _ fields: [Substring]) -> Process? {
    guard let user = try? File.status("/proc/\(pid)").uid, let parent = Int32(fields[1]) else { return nil }
    let pages = Int64(fields[21]) ?? 0
    return Process(
      pid: pid, parent: parent, uid: effectiveUser(pid) ?? user, terminal: Int32(fields[4]) ?? 0,
      ticks: (UInt64(fields[11]) ?? 0) &+ (UInt64(fields[12]) ?? 0), start: UInt64(fields[19]) ?? 0,
      resident: pages &* Int64(sysconf(Int32(_SC_PAGESIZE))), command: command(pid))
  }

  /// /proc/PID belongs to root when the process may not be traced.
  private static func effectiveUser(_ pid: Int32) -> UInt32? {
    guard let bytes = try? File.readAll("/proc/\(pid)/status", limit: 1 << 16) else { return nil }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("Uid:") {
      let fields = line.split { $0 == "\t" || $0 == " " }
      return fields.count > 2 ? UInt32(fields[2]) : nil
    }
    return nil
  }

  private static func command(_ pid: Int32) -> String {
    var bytes = (try? File.readAll("/proc/\(pid)/cmdline", limit: 4 << 20)) ?? []
    while bytes.last == 0 { bytes.removeLast() }
    if !bytes.isEmpty { return String(decoding: bytes.map { $0 == 0 ? UInt8(ascii: " ") : $0 }, as: UTF8.self) }
    let name = (try? File.readAll("/proc/\(pid)/comm", limit: 4096)) ?? []
    return "[\(String(decoding: name.filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self))]"
  }

  private static func namespace(_ pid: String) -> String? { try? File.readLink("/proc/\(pid)/ns/pid") }

  /// Fields of /proc/PID/stat after the command name, which may hold spaces and parentheses: [0] is the state.
  private static func statFields(_ pid: Int32) -> [Substring]? {
    guard let bytes = try? File.readAll("/proc/\(pid)/stat", limit: 4096),
      let end = bytes.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = String(decoding: bytes[(end + 1)...], as: UTF8.self).split { $0 == " " || $0 == "\n" }
    return fields.count > 21 ? fields : nil
  }
}
