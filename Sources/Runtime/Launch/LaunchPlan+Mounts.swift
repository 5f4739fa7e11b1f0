import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI

extension LaunchPlan {
  /// The first of the descriptor numbers that name layers whose paths mount(2) could not take.
  private static let layerDescriptors: Int32 = 100
  /// mount(2) copies one page of options.
  private static let mountDataLimit = 4095

  /// Makes the root file system at `mountPoint` and opens it.
  mutating func addRoot(_ root: RootFileSystem, mountPoint: String, userxattr: Bool, readOnly: Bool) throws(EngineError)
  {
    switch root {
    case .overlay(let lower, let upper, let work, let isVolatile):
      let data = try overlayData(lower, upper, work, userxattr: userxattr, isVolatile: isVolatile)
      add(DHOW_OP_MOUNT_HOST, "mounting the root file system") { op, arena in
        op.text = arena.string("overlay")
        op.path = arena.string(mountPoint)
        op.data = UnsafeRawPointer(arena.string(data))
      }
    case .directory(let path):
      add(DHOW_OP_BIND_ROOT, "binding the root directory \(path)") { op, arena in
        op.path = arena.string(path)
        op.text = arena.string(mountPoint)
        op.value = readOnly ? MountOptions.readOnly : 0
      }
    }
    openDirectory(mountPoint, into: rootSlot, host: true)
  }

  mutating func openDirectory(_ path: String, into slot: Int32, host: Bool, magic: UInt64 = 0) {
    add(DHOW_OP_OPEN_DIRECTORY, "opening \(path)") { op, arena in
      op.path = arena.string(path)
      op.a = host ? -1 : rootSlot
      op.b = slot
      op.value = magic
      op.flags = UInt32(DHOW_FLAG_NO_LINKS)
    }
  }

  private mutating func overlayData(
    _ lower: [String], _ upper: String, _ work: String, userxattr: Bool, isVolatile: Bool
  ) throws(EngineError) -> String {
    let tail = (userxattr ? ",userxattr" : ",redirect_dir=off,index=off,metacopy=off") + (isVolatile ? ",volatile" : "")
    func data(_ lower: [String], _ upper: String, _ work: String) -> String {
      "lowerdir=\(lower.joined(separator: ":")),upperdir=\(upper),workdir=\(work)\(tail)"
    }
    let plain = data(lower, upper, work)
    // Overlay separates layers by colons and options by commas; names with those, and lists longer than a page, go by
    // descriptors.
    let isSafe = (lower + [upper, work]).allSatisfy { path in
      path.utf8.allSatisfy { $0 != 0x2C && $0 != 0x3A && $0 != 0x5C }
    }
    if isSafe, plain.utf8.count <= Self.mountDataLimit { return plain }
    var next = Self.layerDescriptors
    var names: [String] = []
    for path in lower + [upper, work] {
      let number = next
      add(DHOW_OP_OPEN, "opening the layer \(path)") { op, arena in
        op.path = arena.string(path)
        op.b = number
        op.flags = UInt32(DHOW_FLAG_DIRECTORY)
      }
      names.append("/proc/self/fd/\(number)")
      next += 1
    }
    let short = data(Array(names.dropLast(2)), names[names.count - 2], names[names.count - 1])
    guard short.utf8.count <= Self.mountDataLimit else {
      throw EngineError(
        .limitReached, "mounting the root file system", "\(lower.count) layers are more than mount takes")
    }
    return short
  }

  /// The mounts of the spec, in order; devices are made as soon as /dev is there.
  mutating func addMounts(
    _ spec: RuntimeSpec, bindsDevices: Bool, cgroups: CgroupView, doing: String
  ) throws(EngineError) {
    for mount in spec.mounts {
      let options = MountOptions(mount.options)
      switch mount.type {
      case "proc": attach(procSlot, at: mount)
      case "tmpfs" where mount.destination == "/dev/shm" && borrowsShm: attach(shmSlot, at: mount)
      case "bind", "none", "": try addBind(mount, options, doing: doing)
      case "cgroup": try addCgroups(mount, cgroups, doing: doing)
      case "tmpfs" where mount.destination == "/dev":
        addFileSystem(mount, options, keep: devSlot, magic: FileSystemMagic.tmpfs)
        addDevices(spec.linux.devices, binds: bindsDevices)
      case "devpts": addFileSystem(mount, options, keep: ptsSlot, magic: FileSystemMagic.devpts)
      default: addFileSystem(mount, options, keep: -1, magic: 0)
      }
    }
  }

  /// The file systems of the kernel are mounted on real directories only, never through links (CVE-2023-28642).
  private static let strictTargets: Set<String> = ["proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"]

  /// The container's own subtree and nothing above it (CVE-2023-25809).
  private mutating func addCgroups(
    _ mount: RuntimeSpec.Mount, _ view: CgroupView, doing: String
  ) throws(EngineError) {
    switch view {
    case .none: break
    case .unified:
      var unified = mount
      unified.type = "cgroup2"
      addFileSystem(unified, MountOptions(mount.options), keep: -1, magic: 0)
    case .controllers(let directories):
      let base = RuntimeSpec.Mount(
        destination: mount.destination, type: "tmpfs", source: "tmpfs",
        options: ["nosuid", "noexec", "nodev", "mode=755", "size=4k"])
      addFileSystem(base, MountOptions(base.options), keep: cgroupSlot, magic: FileSystemMagic.tmpfs)
      for (controller, path) in directories.sorted(by: { $0.key < $1.key }) {
        let bind = RuntimeSpec.Mount(
          destination: mount.destination + "/" + controller, type: "bind", source: path,
          options: ["bind"] + mount.options)
        try addBind(bind, MountOptions(bind.options), doing: doing)
      }
      add(DHOW_OP_ROOT_READONLY, "making \(mount.destination) read-only") { op, _ in op.a = cgroupSlot }
    }
  }

  private mutating func attach(_ slot: Int32, at mount: RuntimeSpec.Mount) {
    add(DHOW_OP_ATTACH, "mounting \(mount.type) on \(mount.destination)") { op, arena in
      op.a = rootSlot
      op.b = slot
      op.path = arena.string(mount.destination)
      op.flags = UInt32(DHOW_FLAG_DIRECTORY | DHOW_FLAG_CREATE | DHOW_FLAG_NO_LINKS)
    }
  }

  private mutating func addFileSystem(_ mount: RuntimeSpec.Mount, _ options: MountOptions, keep: Int32, magic: UInt64) {
    let isStrict = Self.strictTargets.contains(mount.type) || keep >= 0 || mount.destination.hasPrefix("/dev/")
    add(DHOW_OP_MOUNT, "mounting \(mount.type) on \(mount.destination)") { op, arena in
      op.a = rootSlot
      op.b = keep
      op.path = arena.string(mount.destination)
      op.text = arena.string(mount.type)
      op.data = options.data.isEmpty ? nil : UnsafeRawPointer(arena.string(options.data.joined(separator: ",")))
      op.value = UInt64(options.flags)
      op.value2 = magic
      op.flags = UInt32(DHOW_FLAG_DIRECTORY | DHOW_FLAG_CREATE)
      op.flags |= UInt32(isStrict ? DHOW_FLAG_NO_LINKS : DHOW_FLAG_CHECKED)
    }
  }

  /// Opens the source as the user, once; the child binds it by name and proves that it is the same file.
  private mutating func addBind(
    _ mount: RuntimeSpec.Mount, _ options: MountOptions, doing: String
  ) throws(EngineError) {
    let status: FileStatus
    let path: String
    do throws(SystemError) {
      let source = try File.open(mount.source, pathOnly)
      status = try File.status(source.raw, shown: mount.source)
      path = try File.readLink("/proc/self/fd/\(source.raw)")
      // Between the look-up of the path and here a program of another container may have put a link there.
      if mount.refusesLinks, path != mount.source { throw SystemError("open", mount.source, errno: ELOOP) }
    } catch {
      throw error.errno == ENOENT
        ? EngineError(
          .notFound, doing, "the source \(mount.source) of the mount on \(mount.destination) does not exist")
        : error.engineError(doing)
    }
    let isDirectory = status.kind == .directory
    add(DHOW_OP_BIND, "mounting \(mount.source) on \(mount.destination)") { op, arena in
      op.a = rootSlot
      op.path = arena.string(mount.destination)
      op.text = arena.string(path)
      op.value = options.attributes | options.recursiveAttributes
      op.value2 = UInt64(options.propagation)
      op.device = status.device
      op.inode = status.inode
      op.flags = UInt32(DHOW_FLAG_CREATE)
      if isDirectory { op.flags |= UInt32(DHOW_FLAG_DIRECTORY) }
      if options.isRecursive { op.flags |= UInt32(DHOW_FLAG_RECURSIVE) }
      if options.recursiveAttributes != 0 { op.flags |= UInt32(DHOW_FLAG_RECURSIVE_ATTR) }
      // With the host's processes, /proc and /sys themselves are binds of the host's.
      let isKernelTree = mount.source == mount.destination && ["/proc", "/sys"].contains(mount.destination)
      op.flags |= UInt32(isKernelTree ? DHOW_FLAG_NO_LINKS : DHOW_FLAG_CHECKED)
    }
  }

  /// The nodes every container has (config-linux.md, "Default Devices").
  private static let standardDevices = [
    ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
  ]
  private static let links = [
    ("/proc/self/fd", "fd"), ("/proc/self/fd/0", "stdin"), ("/proc/self/fd/1", "stdout"), ("/proc/self/fd/2", "stderr"),
    ("/proc/kcore", "core"), ("pts/ptmx", "ptmx"),
  ]

  /// Fills the tmpfs on /dev, by its descriptor only (CVE-2026-41579: an image whose /dev is a link).
  private mutating func addDevices(_ devices: [RuntimeSpec.Device], binds: Bool) {
    for (name, major, minor) in Self.standardDevices {
      if binds {
        bindDevice("/dev/" + name, to: name, slot: devSlot)
      } else {
        makeDevice(name, type: UInt32(S_IFCHR), mode: 0o666, number: (Int64(major), Int64(minor)), owner: (0, 0))
      }
    }
    for (target, name) in Self.links {
      add(DHOW_OP_SYMLINK, "making /dev/\(name)") { op, arena in
        op.a = devSlot
        op.path = arena.string(name)
        op.text = arena.string(target)
      }
    }
    for device in devices where device.path.hasPrefix("/dev/") {
      let name = String(device.path.dropFirst(5))
      let type = device.type == "b" ? S_IFBLK : device.type == "p" ? S_IFIFO : S_IFCHR
      makeDevice(
        name, type: UInt32(type), mode: device.fileMode ?? 0o666, number: (device.major, device.minor),
        owner: (device.uid ?? 0, device.gid ?? 0))
    }
  }

  private mutating func bindDevice(_ host: String, to name: String, slot: Int32) {
    add(DHOW_OP_BIND, "binding the device \(host)") { op, arena in
      op.a = slot
      op.path = arena.string(name)
      op.text = arena.string(host)
      op.value2 = UInt64(MS_PRIVATE)
      op.flags = UInt32(DHOW_FLAG_CREATE | DHOW_FLAG_NO_LINKS)
    }
  }

  private mutating func makeDevice(
    _ name: String, type: UInt32, mode: UInt32, number: (Int64, Int64), owner: (UInt32, UInt32)
  ) {
    add(DHOW_OP_DEVICE, "making the device /dev/\(name)") { op, arena in
      op.a = devSlot
      op.path = arena.string(name)
      op.value = UInt64(type | mode)
      // makedev(3)
      let (major, minor) = (UInt64(bitPattern: number.0), UInt64(bitPattern: number.1))
      op.value2 = minor & 0xFF | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12
      op.device = UInt64(owner.0)
      op.inode = UInt64(owner.1)
    }
  }

  mutating func addProtection(_ linux: RuntimeSpec.Linux) {
    for path in linux.maskedPaths {
      add(DHOW_OP_MASK, "hiding \(path)") { op, arena in op.path = arena.string(path) }
    }
    for path in linux.readonlyPaths {
      add(DHOW_OP_READONLY, "making \(path) read-only") { op, arena in op.path = arena.string(path) }
    }
  }
}
