import Basics
internal import Glibc
import LinuxKernel

/// What `info` says about the machine, read from files of the system; what cannot be read is left empty.
struct MachineFacts {
  let name: String
  /// In the kernel's words, such as x86_64.
  let machine: String
  let operatingSystem: String
  let systemVersion: String
  let machineID: String
  let processors: Int
  /// Bytes.
  let memory: Int64
  let cgroupVersion: String
  private let controllers: Set<String>

  init() {
    var names = utsname()
    uname(&names)
    name = withUnsafeBytes(of: &names.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    machine = withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let release = Self.assignments("/etc/os-release")
    operatingSystem = release["PRETTY_NAME"] ?? "Linux"
    systemVersion = release["VERSION_ID"] ?? ""
    machineID = Self.text("/etc/machine-id").filter { !$0.isWhitespace }
    processors = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    memory = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
    let unified = Self.text("/sys/fs/cgroup/cgroup.controllers")
    cgroupVersion = unified.isEmpty ? "1" : "2"
    controllers = Self.usableControllers(isUnified: !unified.isEmpty)
  }

  /// Whether the limit of docker's name can be applied to containers of this user.
  func canLimit(_ limit: String) -> Bool {
    switch limit {
    case "MemoryLimit", "SwapLimit": controllers.contains("memory")
    case "CPUSet": controllers.contains("cpuset")
    case "PidsLimit": controllers.contains("pids")
    default: controllers.contains("cpu")
    }
  }

  /// Root has what the kernel has; a user has what was delegated to the cgroup he is in (cgroups(7)).
  private static func usableControllers(isUnified: Bool) -> Set<String> {
    guard isUnified else {
      guard geteuid() == 0 else { return [] }
      return Set(
        text("/proc/cgroups").split(separator: "\n").compactMap { $0.split(separator: "\t").first.map(String.init) })
    }
    var directory = "/sys/fs/cgroup"
    if geteuid() != 0 {
      guard let line = text("/proc/self/cgroup").split(separator: "\n").first(where: { $0.hasPrefix("0::") }) else {
        return []
      }
      directory += line.dropFirst(3)
      guard access(directory, W_OK) == 0 else { return [] }
    }
    return Set(text(directory + "/cgroup.controllers").split { $0 == " " || $0 == "\n" }.map(String.init))
  }

  /// The filesystem a path is on, in docker's words: the mount with the longest way to it (proc_pid_mountinfo(5)).
  func filesystem(of path: String) -> String {
    var best: (length: Int, type: String) = (-1, "<unknown>")
    for line in Self.text("/proc/self/mountinfo").split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { continue }
      let point = fields[4] == "/" ? "" : fields[4]
      // Of mounts over each other the last one counts.
      if point.count >= best.length, path.hasPrefix(point + "/") { best = (point.count, String(fields[dash + 1])) }
    }
    return ["ext2", "ext3", "ext4"].contains(best.type) ? "extfs" : best.type
  }

  private static func text(_ path: String) -> String {
    // What is not there has nothing to say.
    guard let bytes = try? File.readAll(path, limit: 1 << 20) else { return "" }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `NAME=value` or `NAME="value"`, one a line (os-release(5)).
  private static func assignments(_ path: String) -> [String: String] {
    var result: [String: String] = [:]
    for line in text(path).split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { result[String(parts[0])] = parts[1].trimmingQuotes }
    }
    return result
  }
}

extension Substring {
  fileprivate var trimmingQuotes: String {
    guard count >= 2, let first, first == last, first == "\"" || first == "'" else { return String(self) }
    return String(dropFirst().dropLast())
  }
}
