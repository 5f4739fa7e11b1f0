internal import Basics
internal import Glibc
package import LinuxKernel
package import Storage

/// The cgroup of one container: where its first process is put, and what is done with it afterwards.
package struct CgroupPlacement: Sendable, Equatable {
  package enum Version: Int64, Sendable { case unified = 2, controllers = 1 }

  /// Directories by controller; under version 2 one, named "".
  package private(set) var directories: [String: String] = [:]
  package private(set) var version = Version.unified
  /// What was asked and is not in force: one sentence for standard error, nil when all is.
  package var warning: String?

  /// No cgroup of its own.
  package static let none = CgroupPlacement()

  package init() {}

  init(unified directory: String) { directories[""] = directory }

  init(controllers: [String: String]) {
    directories = controllers
    version = .controllers
  }

  /// From `record`.
  package init(record: [String]) {
    for item in record {
      if let mark = item.firstIndex(of: "="), !item.hasPrefix("/") {
        directories[String(item[..<mark])] = String(item[item.index(after: mark)...])
        version = .controllers
      } else {
        directories[""] = item
      }
    }
  }

  /// As kept in the container's state: the path, under version 1 `CONTROLLER=PATH` for each.
  package var record: [String] {
    directories.sorted { $0.key < $1.key }.map { $0.key.isEmpty ? $0.value : "\($0.key)=\($0.value)" }
  }

  /// The path in the unified hierarchy, as other runtimes take it; nil under version 1 and without a cgroup.
  package var unifiedPath: String? {
    guard version == .unified, let directory = directories[""], directory.hasPrefix("/sys/fs/cgroup/") else {
      return nil
    }
    return String(directory.dropFirst("/sys/fs/cgroup".utf8.count))
  }

  package var isEmpty: Bool { directories.isEmpty }

  /// The cgroup.procs files into which the first process is written before it goes on; empty under version 2, where it
  /// is born in place.
  package var procsFiles: [String] {
    version == .controllers ? Set(directories.values).sorted().map { $0 + "/cgroup.procs" } : []
  }

  /// The cgroup.procs files for a process that joins, under either version.
  package var entryFiles: [String] { Set(directories.values).sorted().map { $0 + "/cgroup.procs" } }

  /// Whether this process may move another one here: on the unified hierarchy that takes the right over the cgroup that
  /// both places have in common (cgroups(7), "Delegation containment"). A login session and a user's services have none
  /// that is the user's.
  package var isEnterable: Bool {
    // Where our own place cannot be read, the attempt itself will tell.
    guard let own = (try? CgroupHost.current())?.membership.unified else { return true }
    return entryFiles.allSatisfy { file in
      let root = "/sys/fs/cgroup"
      let target = file.dropFirst(root.utf8.count).split(separator: "/").dropLast()
      let common = zip(target, own.split(separator: "/")).prefix { $0 == $1 }.map { "/" + $0.0 }.joined()
      return !file.hasPrefix(root) || access(root + common + "/cgroup.procs", W_OK) == 0
    }
  }

  /// The directory for CLONE_INTO_CGROUP; nil under version 1 and without a cgroup.
  package func open() throws(SystemError) -> OwnedDescriptor? {
    guard version == .unified, let directory = directories[""] else { return nil }
    return try File.openDirectory(directory)
  }

  /// What the container sees at /sys/fs/cgroup.
  package var view: CgroupView {
    if isEmpty { return .none }
    return version == .unified ? .unified : .controllers(directories)
  }
}

extension CgroupPlacement {
  /// Whether the kernel killed a process of it for want of memory (memory.events; memory.oom_control of version 1,
  /// kernel 4.13). To be asked before `remove`.
  package var wasOutOfMemory: Bool {
    let file = version == .unified ? "memory.events" : "memory.oom_control"
    guard let directory = directories[version == .unified ? "" : "memory"] else { return false }
    return (number("oom_kill", in: directory + "/" + file) ?? 0) > 0
  }

  /// Removes the cgroup once its processes are gone; those that are left are killed, since nobody looks after them.
  /// - Returns: whether nothing of it is left.
  @discardableResult
  package func remove() -> Bool {
    var isGone = true
    for directory in Set(directories.values) where !removeTree(directory) { isGone = false }
    return isGone
  }

  private func removeTree(_ directory: String) -> Bool {
    // The last processes may still be on their way out: 1, 2, 4, … ms, half a second in all.
    for attempt in 0..<9 {
      if rmdir(directory) == 0 || errno == ENOENT {
        // Ours alone; it stays while other containers are in it.
        if let slash = directory.lastIndex(of: "/"), directory[..<slash].hasSuffix("/" + Cgroup.parentName) {
          _ = rmdir(String(directory[..<slash]))
        }
        return true
      }
      guard errno == EBUSY || errno == ENOTEMPTY else { return false }
      removeChildren(directory)
      if attempt == 2 { killAll(in: directory) }
      usleep(1000 << UInt32(min(attempt, 7)))
    }
    return false
  }

  /// Cgroups that the container made below its own.
  private func removeChildren(_ directory: String) {
    // What cannot be listed shows as the failure to remove its parent.
    for entry in (try? File.listIfPresent(directory)) ?? [] where entry.isDirectory {
      removeChildren(directory + "/" + entry.name)
      _ = rmdir(directory + "/" + entry.name)
    }
  }

  private func killAll(in directory: String) {
    // cgroup.kill: kernel 5.14; before it and in version 1 one by one.
    if write("1", to: directory + "/cgroup.kill") { return }
    for pid in pids(in: directory) { kill(pid, SIGKILL) }
  }

  /// The processes in it, as our pid namespace sees them.
  package var pids: [Int32] {
    guard let directory = directories.sorted(by: { $0.key < $1.key }).first?.value else { return [] }
    return pids(in: directory)
  }

  private func pids(in directory: String) -> [Int32] {
    text(directory + "/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }.filter { $0 > 0 }
  }

  /// The file to write to and what, to stop all processes or let them go on: cgroup.freeze, or freezer.state of version
  /// 1. nil when there is none.
  package func freezer(_ freeze: Bool) -> (path: String, value: String)? {
    if version == .unified, let directory = directories[""] {
      return (directory + "/cgroup.freeze", freeze ? "1" : "0")
    }
    return directories["freezer"].map { ($0 + "/freezer.state", freeze ? "FROZEN" : "THAWED") }
  }

  /// The limits that are in force, read from the kernel; nil for what has none.
  package var effectiveLimits: ResourceLimits {
    var limits = ResourceLimits()
    if version == .unified {
      guard let directory = directories[""] else { return limits }
      limits.memory = number(directory + "/memory.max")
      limits.memoryReservation = number(directory + "/memory.low").flatMap { $0 == 0 ? nil : $0 }
      if let memory = limits.memory {
        limits.memorySwap = number(directory + "/memory.swap.max").map { $0 + memory } ?? -1
      }
      let bandwidth = text(directory + "/cpu.max").split { $0 == " " || $0 == "\n" }
      if bandwidth.count == 2, let quota = Int64(bandwidth[0]) {
        limits.cpuQuota = quota
        limits.cpuPeriod = Int64(bandwidth[1])
      }
      limits.pidsLimit = number(directory + "/pids.max")
      limits.cpusetCPUs = word(directory + "/cpuset.cpus")
      limits.cpusetMems = word(directory + "/cpuset.mems")
      return limits
    }
    func value(_ controller: String, _ file: String) -> Int64? {
      directories[controller].flatMap { number($0 + "/" + file) }
    }
    // Version 1 says "unlimited" with the greatest multiple of a page.
    func bytes(_ file: String) -> Int64? { value("memory", file).flatMap { $0 > 1 << 60 ? nil : $0 } }
    limits.memory = bytes("memory.limit_in_bytes")
    limits.memoryReservation = bytes("memory.soft_limit_in_bytes")
    limits.memorySwap = bytes("memory.memsw.limit_in_bytes")
    limits.cpuShares = value("cpu", "cpu.shares")
    if let quota = value("cpu", "cpu.cfs_quota_us"), quota > 0 {
      limits.cpuQuota = quota
      limits.cpuPeriod = value("cpu", "cpu.cfs_period_us")
    }
    limits.pidsLimit = value("pids", "pids.max")
    limits.cpusetCPUs = directories["cpuset"].flatMap { word($0 + "/cpuset.cpus") }
    limits.cpusetMems = directories["cpuset"].flatMap { word($0 + "/cpuset.mems") }
    return limits
  }

  /// Absent files say nothing: the controller is not there.
  private func text(_ path: String) -> String {
    String(decoding: (try? File.readAll(path, limit: 1 << 20)) ?? [], as: UTF8.self)
  }

  private func word(_ path: String) -> String? {
    text(path).split(separator: "\n").first.map(String.init)
  }

  private func number(_ path: String) -> Int64? { word(path).flatMap { Int64($0) } }

  private func number(_ key: String, in path: String) -> Int64? {
    for line in text(path).split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count == 2, fields[0] == key { return Int64(fields[1]) }
    }
    return nil
  }

  private func write(_ value: String, to path: String) -> Bool {
    guard let file = try? File.open(path, O_WRONLY) else { return false }
    return (try? File.writeAll(file.raw, Array(value.utf8))) != nil
  }
}
