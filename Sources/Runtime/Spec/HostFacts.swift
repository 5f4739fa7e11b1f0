internal import CLinux
internal import Glibc
package import LinuxKernel

/// What the builder of specs must know of this machine. A value with functions, so that tests can give another machine
/// and a plain `run` asks for nothing that it does not need.
package struct HostFacts {
  /// We are root of the initial user namespace: device nodes and raised limits are possible.
  package var isHostRoot: Bool
  /// The unified hierarchy is the one in use.
  package var isCgroupV2: Bool
  /// Capabilities we can pass on: all of them over a user namespace of our own.
  package var capabilities: CapabilitySet
  package var hostname: () -> String
  /// Soft and hard limit of a resource by its number.
  package var limit: (Int32) -> (soft: UInt64, hard: UInt64)
  /// Our own oom_score_adj; nobody but root goes below it.
  package var oomScoreAdjustment: () -> Int64
  /// What a device path is, links followed.
  package var status: (String) throws(SystemError) -> FileStatus
  /// Paths of the device nodes below /dev that the user may open.
  package var openDevices: () -> [String]
  package var hasAppArmor: () -> Bool
  package var hasSELinux: () -> Bool
  /// Processors with a thermal_throttle directory in sysfs.
  package var throttledProcessors: () -> Int

  package init(
    isHostRoot: Bool, isCgroupV2: Bool, capabilities: CapabilitySet, hostname: @escaping () -> String,
    limit: @escaping (Int32) -> (soft: UInt64, hard: UInt64), oomScoreAdjustment: @escaping () -> Int64,
    status: @escaping (String) throws(SystemError) -> FileStatus, openDevices: @escaping () -> [String],
    hasAppArmor: @escaping () -> Bool, hasSELinux: @escaping () -> Bool, throttledProcessors: @escaping () -> Int
  ) {
    self.isHostRoot = isHostRoot
    self.isCgroupV2 = isCgroupV2
    self.capabilities = capabilities
    self.hostname = hostname
    self.limit = limit
    self.oomScoreAdjustment = oomScoreAdjustment
    self.status = status
    self.openDevices = openDevices
    self.hasAppArmor = hasAppArmor
    self.hasSELinux = hasSELinux
    self.throttledProcessors = throttledProcessors
  }

  /// This machine. `isHostRoot` is what the caller was before it entered a namespace.
  package static func current(isHostRoot: Bool) -> HostFacts {
    HostFacts(
      isHostRoot: isHostRoot, isCgroupV2: isUnifiedHierarchy(), capabilities: isHostRoot ? heldCapabilities() : .all,
      hostname: {
        var name = [UInt8](repeating: 0, count: 65)
        gethostname(&name, 64)
        return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
      },
      limit: { resource in
        var value = rlimit()
        getrlimit(resource, &value)
        return (UInt64(value.rlim_cur), UInt64(value.rlim_max))
      },
      oomScoreAdjustment: {
        // A kernel without the file has no adjustment.
        let bytes = (try? File.readAll("/proc/self/oom_score_adj", limit: 32)) ?? []
        return Int64(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)) ?? 0
      },
      status: { (path) throws(SystemError) in try File.status(path, followLink: true) },
      openDevices: { devices(below: "/dev") },
      hasAppArmor: {
        // Without AppArmor the file is not there.
        (try? File.readAll("/sys/module/apparmor/parameters/enabled", limit: 8))?.first == UInt8(ascii: "Y")
      },
      hasSELinux: { (try? File.exists("/sys/fs/selinux/enforce")) ?? false },  // Unreadable is absent.
      throttledProcessors: {
        // Absent on most virtual machines.
        guard (try? File.exists("/sys/devices/system/cpu/cpu0/thermal_throttle")) == true else { return 0 }
        return Int(sysconf(Int32(_SC_NPROCESSORS_CONF)))
      })
  }

  private static func isUnifiedHierarchy() -> Bool {
    // The root of a unified hierarchy lists its controllers; a tmpfs over v1 hierarchies does not (cgroups(7)).
    (try? File.exists("/sys/fs/cgroup/cgroup.controllers")) ?? false
  }

  private static func heldCapabilities() -> CapabilitySet {
    var permitted: UInt64 = 0
    return dhow_permitted_capabilities(&permitted) == 0 ? CapabilitySet(rawValue: permitted) : []
  }

  /// Directories of /dev that every container has of its own.
  private static let ownDirectories: Set<String> = ["pts", "shm", "mqueue", "fd"]
  private static let ownNodes: Set<String> = [
    "console", "full", "null", "ptmx", "random", "tty", "urandom", "zero",
  ]

  private static func devices(below path: String, depth: Int = 0) -> [String] {
    var result: [String] = []
    // A directory that we may not list holds no device that we may open.
    for entry in ((try? File.listIfPresent(path)) ?? []).sorted(by: { $0.name < $1.name }) {
      if depth == 0, ownDirectories.contains(entry.name) || ownNodes.contains(entry.name) { continue }
      let child = path + "/" + entry.name
      guard let status = try? File.status(child) else { continue }  // Gone meanwhile.
      switch status.kind {
      case .directory where depth < 3: result += devices(below: child, depth: depth + 1)
      case .character, .block: if access(child, R_OK | W_OK) == 0 { result.append(child) }
      default: break
      }
    }
    return result
  }
}
