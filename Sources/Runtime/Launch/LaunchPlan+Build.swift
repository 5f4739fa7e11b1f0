import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI

extension LaunchPlan {
  /// The whole plan of a new container. Answers the paths that exec will try.
  mutating func build(
    _ spec: RuntimeSpec, options: LaunchOptions, stdio: LaunchStdio, control: Int32, namespaces: NamespacePlan
  ) throws(EngineError) -> [String] {
    guard let command = spec.process.args.first else {
      throw EngineError(.invalidInput, options.doing, "there is no command to run")
    }
    closeAll(except: [control] + stdio.sources)
    value(DHOW_OP_UMASK, "setting the umask", 0)
    if namespaces.makesUser { add(DHOW_OP_WAIT, "waiting") }
    add(DHOW_OP_SESSION, "starting a session")
    addNames(spec, namespaces)
    if !namespaces.makesUser {
      value(DHOW_OP_PROPAGATION, "cutting mounts off from the host", UInt64(MS_SLAVE) | UInt64(MS_REC))
    }
    let userNamespace = options.inUserNamespace || namespaces.makesUser
    try addRoot(
      options.rootFileSystem, mountPoint: spec.root.path, userxattr: userNamespace, readOnly: spec.root.readonly)
    if namespaces.makesPid {
      add(DHOW_OP_NEW_PROC, "making a proc file system") { op, _ in op.b = procSlot }
    } else {
      openDirectory("/proc", into: procSlot, host: true, magic: FileSystemMagic.proc)
    }
    try addMounts(spec, bindsDevices: userNamespace, cgroups: options.cgroupView, doing: options.doing)
    if case .terminal(let columns, let rows) = stdio { addTerminal(columns, rows, console: devSlot) }
    addProtection(spec.linux)
    if namespaces.unshareFlags != 0 { value(DHOW_OP_UNSHARE, "making a cgroup namespace", namespaces.unshareFlags) }
    add(DHOW_OP_PIVOT, "changing the root") { op, _ in op.a = rootSlot }
    addWorkingDirectory(spec.process.cwd, create: true, last: false)
    addRootAttributes(spec)
    add(DHOW_OP_WAIT, "waiting")
    addKernelSettings(spec)
    try addLimits(spec.process.rlimits)
    add(DHOW_OP_KEYRING, "making a session keyring") { op, arena in op.text = arena.string("dhow") }
    addStdio(stdio, owner: spec.process.user.uid)
    try addCredentials(spec.process, seccomp: options.seccomp, keepsGroups: options.keepsGroups)
    value(DHOW_OP_UMASK, "setting the umask", UInt64(spec.process.user.umask ?? options.umask))
    if options.deathSignal != 0 {
      value(DHOW_OP_DEATH_SIGNAL, "asking for a death signal", UInt64(options.deathSignal))
    }
    add(DHOW_OP_SIGNALS, "resetting signals")
    let candidates = Self.candidates(command, environment: spec.process.env)
    addExecution(candidates)
    return candidates
  }

  private mutating func addNames(_ spec: RuntimeSpec, _ namespaces: NamespacePlan) {
    if namespaces.makesUTS {
      for (kind, name) in [(DHOW_OP_HOSTNAME, spec.hostname), (DHOW_OP_DOMAINNAME, spec.domainname)] {
        guard let name else { continue }
        add(kind, "setting the host name \(name)") { op, arena in
          op.text = arena.string(name)
          op.length = UInt64(name.utf8.count)
        }
      }
    }
    if namespaces.makesNetwork { add(DHOW_OP_LOOPBACK, "bringing up the loopback interface") }
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
      let path = "sys/" + String(name.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 })
      addProcWrite(path, setting, "setting the sysctl \(name)")
    }
    if let adjustment = spec.process.oomScoreAdj {
      addProcWrite("self/oom_score_adj", String(adjustment), "setting the OOM score")
    }
    if let profile = spec.process.apparmorProfile {
      addProcWrite("self/attr/apparmor/exec", "exec \(profile)", "setting the AppArmor profile \(profile)")
    }
    if let label = spec.process.selinuxLabel {
      addProcWrite("self/attr/exec", label, "setting the SELinux label \(label)")
    }
  }
}

extension LaunchStdio {
  /// Descriptors the child needs until it has placed them.
  var sources: [Int32] {
    switch self {
    case .descriptors(let input, let output, let error): [input, output, error]
    case .terminal: []
    }
  }
}
