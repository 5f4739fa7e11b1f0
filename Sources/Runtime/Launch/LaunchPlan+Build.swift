import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI

extension LaunchPlan {
  /// The whole plan of a new container.
  /// - Parameter kept: descriptors that the child uses until exec.
  mutating func build(
    _ spec: RuntimeSpec, options: LaunchOptions, stdio: LaunchStdio, kept: [Int32], namespaces: NamespacePlan,
    joins: JoinedNamespaces, candidates: [String]
  ) throws(EngineError) {
    closeAll(except: kept + stdio.sources + joins.entries.map(\.pidfd) + options.passedDescriptors)
    value(DHOW_OP_UMASK, "setting the umask", 0)
    if !joins.isEmpty { addJoins(joins) }
    add(DHOW_OP_WAIT, "waiting")
    if namespaces.earlyFlags != 0 { value(DHOW_OP_UNSHARE, "making namespaces", namespaces.earlyFlags) }
    if let lender = joins.lender, namespaces.earlyFlags & RuntimeSpec.NamespaceType.mount.cloneFlag != 0 {
      borrowsShm = true
      add(DHOW_OP_BORROW, "sharing /dev/shm") { op, arena in
        op.a = lender
        op.b = shmSlot
        op.path = arena.string("/dev/shm")
      }
    }
    if namespaces.forks { add(DHOW_OP_FORK, "entering the pid namespace") }
    add(DHOW_OP_SESSION, "starting a session")
    addNames(spec, namespaces)
    if !namespaces.makesUser {
      value(DHOW_OP_PROPAGATION, "cutting mounts off from the host", UInt64(MS_SLAVE) | UInt64(MS_REC))
    }
    let userNamespace = options.inUserNamespace || namespaces.makesUser
    try addRoot(
      options.rootFileSystem, mountPoint: spec.root.path, userxattr: userNamespace, readOnly: spec.root.readonly)
    if namespaces.makesPid || namespaces.joinsPid {
      add(DHOW_OP_NEW_PROC, "making a proc file system") { op, _ in op.b = procSlot }
    } else {
      openDirectory("/proc", into: procSlot, host: true, magic: FileSystemMagic.proc)
    }
    if namespaces.lateFlags != 0 { value(DHOW_OP_UNSHARE, "making a cgroup namespace", namespaces.lateFlags) }
    try addMounts(spec, bindsDevices: userNamespace, cgroups: options.cgroupView, doing: options.doing)
    if case .terminal(let columns, let rows) = stdio { addTerminal(columns, rows, console: devSlot) }
    if !spec.linux.sysctl.isEmpty { keepSettings() }
    addProtection(spec.linux)
    add(DHOW_OP_PIVOT, "changing the root") { op, _ in op.a = rootSlot }
    addWorkingDirectory(spec.process.cwd, create: true, last: false)
    addRootAttributes(spec)
    add(DHOW_OP_WAIT, "waiting")
    addKernelSettings(spec)
    try addLimits(spec.process.rlimits)
    add(DHOW_OP_KEYRING, "making a session keyring") { op, arena in op.text = arena.string("dhow") }
    addStdio(stdio, owner: spec.process.user.uid, takesTerminal: true)
    let credentials = try addCredentials(spec.process, keepsGroups: options.keepsGroups)
    addFilter(options.seccomp, credentials)
    addFinish(
      spec.process.user.umask ?? options.umask, deathSignal: options.deathSignal, candidates,
      passing: options.passedDescriptors)
  }

  /// The plan of a program that joins a container. Only a process born in the pid namespace is seen there, and that
  /// happens last: with descriptors closed, ids and capabilities dropped, and memory that cannot be traced (CVE-2016-9962).
  mutating func build(
    joining process: RuntimeSpec.Process, options: JoinOptions, stdio: LaunchStdio, kept: [Int32],
    joins: JoinedNamespaces, stubJoins: Bool, candidates: [String]
  ) throws(EngineError) {
    closeAll(except: kept + stdio.sources + joins.entries.map(\.pidfd))
    value(DHOW_OP_UMASK, "setting the umask", 0)
    add(DHOW_OP_WAIT, "waiting")
    addJoins(joins)
    openDirectory("/", into: rootSlot, host: true)
    if case .terminal(let columns, let rows) = stdio {
      openDirectory("/dev/pts", into: ptsSlot, host: false, magic: FileSystemMagic.devpts)
      addTerminal(columns, rows, console: -1)
    }
    addWorkingDirectory(process.cwd, create: false, last: false)
    if process.apparmorProfile != nil || process.selinuxLabel != nil || process.oomScoreAdj != nil {
      openDirectory("/proc", into: procSlot, host: false, magic: FileSystemMagic.proc)
      addProcessSettings(process)
    }
    try addLimits(process.rlimits)
    add(DHOW_OP_KEYRING, "making a session keyring") { op, arena in op.text = arena.string("dhow") }
    addStdio(stdio, owner: process.user.uid, takesTerminal: false)
    let credentials = try addCredentials(process, keepsGroups: options.keepsGroups)
    let umask = process.user.umask ?? options.umask
    if stubJoins {
      addFilter(options.seccomp, credentials)
      return addFinish(umask, deathSignal: 0, candidates)
    }
    // The built-in filter allows what follows; one of the user's need not.
    if options.filterAllowsLaunch { addFilter(options.seccomp, credentials) }
    add(DHOW_OP_FORK, "entering the pid namespace")
    add(DHOW_OP_SESSION, "starting a session")
    if case .terminal = stdio { add(DHOW_OP_CONTROLLING_TERMINAL, "taking the terminal") }
    if !options.filterAllowsLaunch { addFilter(options.seccomp, credentials) }
    addFinish(umask, deathSignal: options.deathSignal, candidates)
  }

  private mutating func addJoins(_ joins: JoinedNamespaces) {
    value(DHOW_OP_DUMPABLE, "protecting our memory", 0)
    for entry in joins.entries {
      add(DHOW_OP_SETNS, "joining the container's namespaces") { op, _ in
        op.a = entry.pidfd
        op.value = entry.flags
      }
    }
  }

  private mutating func addFinish(
    _ umask: UInt32, deathSignal: Int32, _ candidates: [String], passing descriptors: [Int32] = []
  ) {
    value(DHOW_OP_UMASK, "setting the umask", UInt64(umask))
    if deathSignal != 0 { value(DHOW_OP_DEATH_SIGNAL, "asking for a death signal", UInt64(deathSignal)) }
    add(DHOW_OP_SIGNALS, "resetting signals")
    addExecution(candidates, passing: descriptors)
  }

  private mutating func addNames(_ spec: RuntimeSpec, _ namespaces: NamespacePlan) {
    if namespaces.made.contains(.uts) {
      for (kind, name) in [(DHOW_OP_HOSTNAME, spec.hostname), (DHOW_OP_DOMAINNAME, spec.domainname)] {
        guard let name else { continue }
        add(kind, "setting the host name \(name)") { op, arena in
          op.text = arena.string(name)
          op.length = UInt64(name.utf8.count)
        }
      }
    }
    if namespaces.made.contains(.network) { add(DHOW_OP_LOOPBACK, "bringing up the loopback interface") }
  }

  mutating func addTerminal(_ columns: UInt16, _ rows: UInt16, console: Int32) {
    add(DHOW_OP_TERMINAL, "making a terminal") { op, _ in
      op.a = ptsSlot
      op.b = console
      op.value = UInt64(columns) << 16 | UInt64(rows)
    }
  }

  private mutating func addRootAttributes(_ spec: RuntimeSpec) {
    if let word = spec.linux.rootfsPropagation {
      let options = MountOptions([word])
      add(DHOW_OP_ROOT_PROPAGATION, "setting the propagation of the root") { op, _ in
        op.a = rootSlot
        op.value = UInt64(options.propagation)
        op.flags = word.hasPrefix("r") ? UInt32(DHOW_FLAG_RECURSIVE) : 0
      }
    }
    if spec.root.readonly {
      add(DHOW_OP_ROOT_READONLY, "making the root read-only") { op, _ in op.a = rootSlot }
    }
  }

  private mutating func addKernelSettings(_ spec: RuntimeSpec) {
    for (name, setting) in spec.linux.sysctl.sorted(by: { $0.key < $1.key }) {
      let path = String(name.map { $0 == "." ? "/" : $0 })
      addProcWrite(path, setting, "setting the sysctl \(name)", below: settingsSlot)
    }
    addProcessSettings(spec.process)
  }

  /// Keeps /proc/sys as it is below the read-only mount that will cover it.
  private mutating func keepSettings() {
    add(DHOW_OP_OPEN_DIRECTORY, "opening /proc/sys") { op, arena in
      op.path = arena.string("sys")
      op.a = procSlot
      op.b = settingsSlot
      op.value = FileSystemMagic.proc
      op.flags = UInt32(DHOW_FLAG_NO_LINKS)
    }
  }

  private mutating func addProcessSettings(_ process: RuntimeSpec.Process) {
    if let adjustment = process.oomScoreAdj {
      addProcWrite("self/oom_score_adj", String(adjustment), "setting the OOM score")
    }
    if let profile = process.apparmorProfile {
      addProcWrite("self/attr/apparmor/exec", "exec \(profile)", "setting the AppArmor profile \(profile)")
    }
    if let label = process.selinuxLabel {
      addProcWrite("self/attr/exec", label, "setting the SELinux label \(label)")
    }
  }
}

extension LaunchStdio {
  var makesTerminal: Bool { if case .terminal = self { true } else { false } }

  /// Descriptors the child needs until it has placed them.
  var sources: [Int32] {
    switch self {
    case .descriptors(let input, let output, let error): [input, output, error]
    case .terminal: []
    }
  }
}
