internal import Basics
internal import Glibc
internal import LinuxKernel
internal import OCI
internal import Storage

extension RuntimeSpecBuilder {
  /// Docker's size of /dev/shm.
  private static let defaultShmSize: Int64 = 64 << 20

  mutating func addMounts() throws(EngineError) {
    var files: [RuntimeSpec.Mount] = []
    for (file, destination) in [
      (input.resolvConfFile, "/etc/resolv.conf"), (input.hostnameFile, "/etc/hostname"),
      (input.hostsFile, "/etc/hosts"), (input.notifySocketFile, Self.notifySocket),
    ] {
      if let file {
        files.append(.init(destination: destination, type: "bind", source: file, options: ["rbind", "rprivate"]))
      }
    }
    var own: [RuntimeSpec.Mount] = []
    for mount in input.mounts { own.append(try specMount(mount)) }
    let taken = Set(own.map(\.destination))
    // Parents before children; equal depths keep their order.
    let sorted = own.enumerated().sorted { a, b in
      let (depthA, depthB) = (depth(a.element.destination), depth(b.element.destination))
      return depthA == depthB ? a.offset < b.offset : depthA < depthB
    }
    let standard = standardMounts().filter { !taken.contains($0.destination) }
    files.removeAll { taken.contains($0.destination) }
    let asked = sorted.map(\.element)
    // Our files are seen in a volume on /etc as well, unless there can be nothing in it to mount them on.
    let hidden = files.filter { file in
      asked.contains { $0.options.contains("ro") && file.destination.hasPrefix($0.destination + "/") }
    }
    spec.mounts = standard + hidden + asked + files.filter { !hidden.contains($0) }
  }

  private func depth(_ path: String) -> Int { path.utf8.count { $0 == UInt8(ascii: "/") } }

  /// A new tmpfs belongs to who mounts it (tmpfs(5)); in a container it is root's, where there is a root.
  private var ownerOfTmpfs: [String] {
    input.idMap.userIsNotRoot && input.idMap.maps(uid: 0, gid: 0) ? ["uid=0", "gid=0"] : []
  }

  private func standardMounts() -> [RuntimeSpec.Mount] {
    let guarded = ["nosuid", "noexec", "nodev"]
    var mounts: [RuntimeSpec.Mount] = []
    mounts.append(
      ownsPid || sharing(settings.pidNamespace) == .joined
        ? .init(destination: "/proc", type: "proc", source: "proc", options: guarded)
        : .init(destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "rprivate"] + guarded))
    mounts.append(
      .init(
        destination: "/dev", type: "tmpfs", source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"] + ownerOfTmpfs))
    let terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    // Group 5 is tty; with a single id it does not exist.
    let group = input.idMap.maps(uid: 0, gid: 5) && !input.idMap.setgroupsDenied ? ["gid=5"] : []
    mounts.append(.init(destination: "/dev/pts", type: "devpts", source: "devpts", options: terminals + group))
    mounts.append(systemMount(guarded))
    mounts.append(
      .init(
        destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
        options: guarded + ["relatime"] + (settings.privileged ? [] : ["ro"])))
    if sharing(settings.ipcNamespace) == .host {
      for path in ["/dev/shm", "/dev/mqueue"] {
        mounts.append(.init(destination: path, type: "bind", source: path, options: ["rbind", "rprivate"] + guarded))
      }
    } else {
      mounts.append(.init(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: guarded))
      if settings.ipcNamespace != "none" {
        let size = settings.shmSize ?? Self.defaultShmSize
        mounts.append(
          .init(
            destination: "/dev/shm", type: "tmpfs", source: "shm",
            options: guarded + ["mode=1777", "size=\(size)"] + ownerOfTmpfs))
      }
    }
    return mounts
  }

  /// A sysfs of its own needs a network namespace that belongs to the container's user namespace (sysfs shows it).
  private func systemMount(_ guarded: [String]) -> RuntimeSpec.Mount {
    let access = settings.privileged ? [] : ["ro"]
    if host.isHostRoot && !input.idMap.makesNamespace || sharing(settings.network) != .host {
      return .init(destination: "/sys", type: "sysfs", source: "sysfs", options: guarded + access)
    }
    let recursive = settings.privileged ? [] : ["rro"]
    return .init(
      destination: "/sys", type: "bind", source: "/sys", options: ["rbind", "rprivate"] + guarded + access + recursive)
  }

  private func specMount(_ mount: ResolvedMount) throws(EngineError) -> RuntimeSpec.Mount {
    let destination = cleanPath(mount.destination)
    guard mount.destination.hasPrefix("/") else {
      throw EngineError(
        .invalidInput, doing, "the mount target \"\(safeText(mount.destination))\" must be an absolute path")
    }
    // A volume over these would take masks and read-only paths away (CVE-2019-16884).
    let isKernelTree = destination == "/proc" || destination.hasPrefix("/proc/") || destination == "/sys"
    guard destination != "/", !isKernelTree else {
      throw EngineError(.invalidInput, doing, "cannot mount over \(safeText(destination)) of a container")
    }
    switch mount.kind {
    case .tmpfs:
      var options = ["noexec", "nosuid", "nodev"].filter { word in
        !mount.options.contains(String(word.dropFirst(2)))
      }
      // Of two, the last one counts: what the user asks for.
      options += ownerOfTmpfs
      options += mount.options.filter { !options.contains($0) }
      if mount.readOnly { options.append("ro") }
      return .init(destination: destination, type: "tmpfs", source: "tmpfs", options: options)
    case .overlay:
      return .init(
        destination: destination, type: "overlay", source: "overlay",
        options: mount.options + (mount.readOnly ? ["ro"] : []))
    case .bind:
      var options = [mount.recursion == .none ? "bind" : "rbind", mount.propagation] + mount.options
      if mount.readOnly {
        options.append("ro")
        if mount.recursion == .full { options.append("rro") }
      }
      var bind = RuntimeSpec.Mount(destination: destination, type: "bind", source: mount.source, options: options)
      bind.refusesLinks = mount.refusesLinks
      return bind
    }
  }

  /// Docker's: nodes as root, binds of the host's nodes where none can be made.
  mutating func addDevices() throws(EngineError) {
    var requests = settings.devices
    if settings.privileged {
      let named = Set(requests.map(\.container))
      requests += host.openDevices().filter { !named.contains($0) }
        .map { DeviceRequest(host: $0, container: $0, permissions: "rwm") }
    }
    for request in requests { try addDevice(request) }
    guard host.isHostRoot else { return }
    spec.linux.resources.devices =
      settings.privileged
      ? [.init(allow: true, access: "rwm")] : Self.standardDeviceRules + spec.linux.resources.devices
  }

  private mutating func addDevice(_ request: DeviceRequest) throws(EngineError) {
    let status: FileStatus
    do throws(SystemError) { status = try host.status(request.host) } catch {
      throw EngineError(.notFound, doing, "cannot use the device \(safeText(request.host)): \(error.reason)")
    }
    let path = cleanPath(request.container)
    let makesNode = host.isHostRoot && !input.idMap.makesNamespace
    switch status.kind {
    case .directory: break
    case .character, .block:
      let type = status.kind == .character ? "c" : "b"
      // gnu_dev_major(3) and gnu_dev_minor(3)
      let number = status.deviceNode
      let major = Int64(number >> 8 & 0xFFF | number >> 32 & ~0xFFF)
      let minor = Int64(number & 0xFF | number >> 12 & 0xFFFF_FF00)
      spec.linux.resources.devices.append(
        .init(allow: true, type: type, major: major, minor: minor, access: request.permissions))
      if makesNode && path.hasPrefix("/dev/") {
        spec.linux.devices.append(
          .init(
            type: type, path: path, major: major, minor: minor, fileMode: status.mode, uid: status.uid, gid: status.gid)
        )
        return
      }
    default: throw EngineError(.invalidInput, doing, "\(safeText(request.host)) is no device")
    }
    if !makesNode, request.permissions != "rwm" {
      warnings.append("--device \(safeText(request.host)): the permissions \(request.permissions) cannot be enforced")
    }
    spec.mounts.append(.init(destination: path, type: "bind", source: request.host, options: ["rbind", "rprivate"]))
  }

  /// What docker's default device cgroup allows: making any node, using the harmless ones.
  private static let standardDeviceRules: [RuntimeSpec.DeviceRule] =
    [
      .init(allow: false, access: "rwm"), .init(allow: true, type: "c", access: "m"),
      .init(allow: true, type: "b", access: "m"),
    ]
    + [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)].map {
      .init(allow: true, type: "c", major: $0.0, minor: $0.1, access: "rwm")
    } + [.init(allow: true, type: "c", major: 136, access: "rwm")]
}
