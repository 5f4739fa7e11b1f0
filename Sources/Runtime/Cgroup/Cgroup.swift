package import Basics
internal import Glibc
internal import LinuxKernel
package import OCI

/// Control groups of containers (cgroups(7)): made below what was given to the caller, with nothing but mkdir and
/// writes.
package enum Cgroup {
  /// `--cgroups` of podman.
  package enum Mode: String, Sendable {
    case enabled, disabled
    /// Podman's for a monitor that stays where it is; ours always does.
    case withoutMonitor = "no-conmon"
    /// Below our own cgroup, which a systemd unit then owns whole; we move into a leaf beside the container's.
    case split
  }

  /// Containers' cgroups are in a directory of this name.
  static let parentName = "dhow"
  /// Where we and our siblings go when our cgroup becomes an inner one.
  static let leafName = "dhow-supervisor"

  /// Only the unified hierarchy of version 2 is mounted.
  package static var isUnified: Bool { CgroupHost.withoutMembership.isUnified }

  /// Makes the cgroup of a container and sets its limits; where none can be made, says so in `warning`.
  ///
  /// With no limit asked and nothing delegated nothing is done. Below a delegated cgroup v2 each container gets its own
  /// (about 0.1 ms), for `stats`, `pause` and the notice of lack of memory.
  /// - Parameters:
  ///   - resources: `RuntimeSpec.linux.resources`.
  ///   - parent: `--cgroup-parent`, below the delegated one, absolute in the hierarchy or relative to it.
  ///   - isRoot: we are root of the initial user namespace: device rules count, and version 1 can be used.
  /// - Throws: `EngineError` for a limit that the kernel does not take, and for a parent that is not ours.
  package static func prepare(
    id: String, resources: RuntimeSpec.Resources, mode: Mode = .enabled, parent: String? = nil, isRoot: Bool,
    doing: String
  ) throws(EngineError) -> CgroupPlacement {
    var host = CgroupHost.withoutMembership
    if isRoot || host.isUnified {
      do throws(SystemError) { host = try .current() } catch { throw error.engineError(doing) }
    }
    return try CgroupBuilder(host: host, resources: resources, isRoot: isRoot, doing: doing)
      .build(id: id, mode: mode, parent: parent)
  }

  /// Removes what a start left that was killed before it could note its cgroup; nothing is the usual case.
  package static func removeRemains(of id: String, isRoot: Bool) {
    // Without cgroups there are no remains of any.
    guard isRoot || isUnified, let host = try? CgroupHost.current() else { return }
    if host.isUnified {
      if let base = host.delegated { CgroupPlacement(unified: base + "/\(parentName)/" + id).remove() }
      return
    }
    var directories: [String: String] = [:]
    for controller in ["blkio", "cpu", "cpuset", "devices", "memory", "pids"] {
      guard let own = host.directory(of: controller) else { continue }
      directories[controller] = own + "/\(parentName)/" + id
    }
    CgroupPlacement(controllers: directories).remove()
  }

  /// One container's cgroup in the making.
  struct CgroupBuilder {
    let host: CgroupHost
    let resources: RuntimeSpec.Resources
    let isRoot: Bool
    let doing: String

    func build(id: String, mode: Mode, parent: String?) throws(EngineError) -> CgroupPlacement {
      if mode == .disabled { return unlimited("--cgroups=disabled was given") }
      if host.isUnified {
        guard let base = mode == .split ? splitBase : host.delegated else {
          if mode == .split { throw notDelegated("--cgroups=split needs a cgroup of our own") }
          if let parent { throw outside(parent, base: nil) }
          return unlimited(
            "this session's cgroup is not delegated to uid \(callerID)",
            remedy: "run it by systemd-run --user --scope -p Delegate=yes, or as a unit with Delegate=yes")
        }
        return try buildUnified(id: id, base: base, mode: mode, parent: parent)
      }
      guard isRoot else {
        if mode == .split { throw notDelegated("--cgroups=split needs cgroup v2") }
        if let parent { throw outside(parent, base: nil) }
        return unlimited(
          "this machine uses cgroup v1, which only root can use",
          remedy: "boot with systemd.unified_cgroup_hierarchy=1")
      }
      return try buildControllers(id: id, parent: parent)
    }

    private var splitBase: String? {
      guard let own = host.own, host.delegated != nil else { return nil }
      return own
    }

    private func notDelegated(_ reason: String) -> EngineError {
      EngineError(.denied, doing, reason, hint: "set Delegate=yes in the unit")
    }

    func outside(_ parent: String, base: String?) -> EngineError {
      EngineError(
        .denied, doing, "--cgroup-parent \(safeText(parent)): outside the cgroup delegated to uid \(callerID)",
        hint: base.map { "it may be a path below \($0)" })
    }

    /// The uid outside of the user namespace that we are in already; ours, where we are in none
    /// (user_namespaces(7), "the initial user namespace" maps every id to itself).
    var callerID: String {
      let own = getuid()
      // Without user namespaces: no file.
      let text = String(decoding: (try? File.readAll("/proc/self/uid_map", limit: 4096)) ?? [], as: UTF8.self)
      for line in text.split(separator: "\n") {
        let fields = line.split(separator: " ").compactMap { UInt32($0) }
        guard fields.count == 3, own >= fields[0], own - fields[0] < fields[2] else { continue }
        return "\(fields[1] + (own - fields[0]))"
      }
      return "\(own)"
    }

    /// No cgroup, and a sentence when that leaves something undone.
    func unlimited(_ reason: String, remedy: String? = nil) -> CgroupPlacement {
      var placement = CgroupPlacement.none
      placement.warning = sentence(resources.unifiedSettings, reason, remedy)
      return placement
    }

    func sentence(_ settings: [CgroupSetting], _ reason: String, _ remedy: String?) -> String? {
      var options: [String] = []
      for case let option? in settings.map(\.option) where !options.contains(option) { options.append(option) }
      guard !options.isEmpty else { return nil }
      let text = "\(options.joined(separator: ", ")) not applied: \(reason)"
      return remedy.map { "\(text); \($0)" } ?? text
    }
  }
}

// Version 2.
extension Cgroup.CgroupBuilder {
  private func buildUnified(
    id: String, base: String, mode: Cgroup.Mode, parent: String?
  ) throws(EngineError) -> CgroupPlacement {
    let settings = resources.unifiedSettings
    let available = words(base + "/cgroup.controllers")
    let missing = Set(settings.map(\.controller)).subtracting(available)
    let applied = settings.filter { !missing.contains($0.controller) }
    let wanted = Set(applied.map(\.controller))
    let directory = try parentDirectory(base, mode, parent)
    if !wanted.isEmpty { try empty(base) }
    let leaf = directory + "/" + (mode == .split ? "container-\(id.prefix(12))" : id)
    try makeLeaf(leaf, from: base, enabling: wanted)
    var placement = CgroupPlacement(unified: leaf)
    do throws(EngineError) {
      for setting in applied { try apply(setting, in: leaf) }
      if isRoot { try DeviceFilter.attach(resources.devices, to: leaf, doing: doing) }
    } catch {
      placement.remove()
      throw error
    }
    if !missing.isEmpty {
      let names = missing.sorted().joined(separator: " and ")
      placement.warning = sentence(
        settings.filter { missing.contains($0.controller) },
        "the cgroup \(missing.count == 1 ? "controller" : "controllers") \(names) "
          + "\(missing.count == 1 ? "is" : "are") not delegated to uid \(callerID)",
        "an administrator can change that: Delegate=cpu cpuset io memory pids for user@.service")
    }
    return placement
  }

  private func parentDirectory(
    _ base: String, _ mode: Cgroup.Mode, _ parent: String?
  ) throws(EngineError) -> String {
    guard let parent else { return mode == .split ? base : base + "/" + Cgroup.parentName }
    let parts = parent.split(separator: "/")
    let inHierarchy = host.root + "/" + parts.joined(separator: "/")
    let path = parent.hasPrefix("/") ? inHierarchy : base + "/" + parts.joined(separator: "/")
    guard !parts.isEmpty, !parts.contains(".."), !parts.contains("."), path.hasPrefix(base + "/") || path == base
    else { throw outside(parent, base: String(base.dropFirst(host.root.utf8.count))) }
    return path
  }

  /// Controllers can be given to children only by a cgroup without processes of its own: we and whoever shares ours
  /// move into a leaf of it. The root of the hierarchy, which alone has no type, may have both.
  private func empty(_ base: String) throws(EngineError) {
    guard base == host.own, host.isThere(base + "/cgroup.type") else { return }
    do throws(SystemError) {
      let leaf = base + "/" + Cgroup.leafName
      try File.ensureDirectory(leaf, mode: 0o755)
      // Processes that start while we move others appear in the next round.
      for _ in 0..<16 {
        let pids = words(base + "/cgroup.procs")
        if pids.isEmpty { return }
        for pid in pids {
          do throws(SystemError) { try write(pid, to: leaf + "/cgroup.procs") } catch {
            if error.errno != ESRCH { throw error }
          }
        }
      }
    } catch { throw error.engineError(doing) }
  }

  /// Makes the directories down to `leaf`, each giving the controllers to the next.
  private func makeLeaf(_ leaf: String, from base: String, enabling wanted: Set<String>) throws(EngineError) {
    let names = leaf.dropFirst(base.utf8.count).split(separator: "/")
    do throws(SystemError) {
      // Another container's end may remove the directory above between two of our calls: then once more.
      for attempt in 0..<8 {
        do throws(SystemError) {
          var directory = base
          for name in names {
            try enable(wanted, in: directory)
            directory += "/\(name)"
            try File.ensureDirectory(directory, mode: 0o755)
          }
          return
        } catch { if error.errno != ENOENT || attempt == 7 { throw error } }
      }
    } catch { throw error.engineError(doing) }
  }

  private func enable(_ wanted: Set<String>, in directory: String) throws(SystemError) {
    let file = directory + "/cgroup.subtree_control"
    guard !wanted.isEmpty else { return }
    let lacking = wanted.subtracting(words(file))
    if !lacking.isEmpty { try write(lacking.sorted().map { "+" + $0 }.joined(separator: " "), to: file) }
  }
}

// Version 1, which only root can use: one hierarchy for each controller.
extension Cgroup.CgroupBuilder {
  private func buildControllers(id: String, parent: String?) throws(EngineError) -> CgroupPlacement {
    let settings = resources.controllerSettings
    let rules = resources.deviceSettings
    var directories: [String: String] = [:]
    var missing: Set<String> = []
    let parts = (parent ?? Cgroup.parentName).split(separator: "/")
    guard !parts.isEmpty, !parts.contains(".."), !parts.contains(".") else {
      throw outside(parent ?? "", base: nil)
    }
    for controller in Set((settings + rules).map(\.controller)).sorted() {
      guard let own = host.directory(of: controller) else {
        missing.insert(controller)
        continue
      }
      directories[controller] = own + "/" + parts.joined(separator: "/") + "/" + id
    }
    if missing.contains("devices") {
      throw EngineError(
        .unsupported, doing, "the devices controller of cgroup v1 is not mounted: devices of the host would be open",
        hint: "--privileged leaves them open on purpose")
    }
    var placement = CgroupPlacement(controllers: directories)
    do throws(EngineError) {
      for (controller, directory) in directories.sorted(by: { $0.key < $1.key }) {
        try makeDirectories(directory, controller, depth: parts.count + 1)
      }
      for setting in rules + settings {
        if let directory = directories[setting.controller] { try apply(setting, in: directory) }
      }
    } catch {
      placement.remove()
      throw error
    }
    if !missing.isEmpty {
      placement.warning = sentence(
        settings.filter { missing.contains($0.controller) },
        "no cgroup v1 hierarchy of \(missing.sorted().joined(separator: " and ")) is mounted", nil)
    }
    return placement
  }

  /// Makes the last `depth` directories of a path; in cpuset each starts with what its parent has, since processes
  /// cannot be put into one without (cpuset(7)).
  private func makeDirectories(_ directory: String, _ controller: String, depth: Int) throws(EngineError) {
    let parts = directory.split(separator: "/")
    do throws(SystemError) {
      for attempt in 0..<8 {
        do throws(SystemError) {
          for count in (parts.count - depth + 1)...parts.count {
            let path = "/" + parts.prefix(count).joined(separator: "/")
            guard try File.ensureDirectory(path, mode: 0o755), controller == "cpuset" else { continue }
            let above = "/" + parts.prefix(count - 1).joined(separator: "/")
            for file in ["/cpuset.mems", "/cpuset.cpus"] {
              try write(words(above + file).joined(), to: path + file)
            }
          }
          return
        } catch { if error.errno != ENOENT || attempt == 7 { throw error } }
      }
    } catch { throw error.engineError(doing) }
  }
}

// Files.
extension Cgroup.CgroupBuilder {
  private func apply(_ setting: CgroupSetting, in directory: String) throws(EngineError) {
    var file = setting.file
    if let preferred = setting.preferredFile, host.isThere(directory + "/" + preferred) {
      file = preferred
    } else if !host.isThere(directory + "/" + file) {
      if setting.isOptional { return }
      throw EngineError(
        .unsupported, doing, "\(setting.option ?? setting.file): this kernel has no \(file)",
        hint: setting.controller == "io" || setting.controller == "blkio"
          ? "it needs the I/O scheduler BFQ or CONFIG_BLK_CGROUP_IOCOST" : nil)
    }
    // The weight of BFQ is docker's number, without "default".
    let value =
      file == "io.bfq.weight" ? "\(resources.blockIO.weight ?? 100)" : setting.value
    do throws(SystemError) { try write(value, to: directory + "/" + file) } catch {
      throw EngineError(
        error.errno == EINVAL || error.errno == ERANGE ? .invalidInput : .denied, doing,
        "\(setting.option ?? "a device rule"): the kernel does not take \"\(safeText(value))\" for \(file): \(error.reason)"
      )
    }
  }

  private func write(_ value: String, to path: String) throws(SystemError) {
    let file = try File.open(path, O_WRONLY)
    try File.writeAll(file.raw, Array(value.utf8), shown: path)
  }

  /// The words of a file; none when it cannot be read, which shows when one of them is used.
  private func words(_ path: String) -> [String] {
    let bytes = (try? File.readAll(path, limit: 1 << 20)) ?? []
    return String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }.map(String.init)
  }
}
