package import Basics
package import OCI
package import Storage

/// What a runtime spec is built from: everything is decided and opened by others before.
package struct RuntimeSpecInput {
  package var id: String
  package var settings: ContainerSettings
  /// The image's; empty for `--rootfs`.
  package var image: ContainerDefaults
  package var user: ResolvedUser
  package var idMap: ContainerIDMap
  /// The user's binds, volumes and tmpfs, in the order given.
  package var mounts: [ResolvedMount]
  /// Host paths of the files bound to /etc/hostname, /etc/hosts and /etc/resolv.conf; nil leaves the image's.
  package var hostnameFile: String?
  package var hostsFile: String?
  package var resolvConfFile: String?
  /// Host path of the socket bound to `notifySocket` in the container; nil when there is none.
  package var notifySocketFile: String?
  /// What the service manager tells a process that it starts.
  package var managerEnvironment: [String] = []
  /// /proc/PID of the container whose namespaces `container:ID` names, by kind of namespace.
  package var joined: [RuntimeSpec.NamespaceType: String]
  package var doing: String

  package init(
    id: String, settings: ContainerSettings, image: ContainerDefaults, user: ResolvedUser, idMap: ContainerIDMap,
    mounts: [ResolvedMount] = [], hostnameFile: String? = nil, hostsFile: String? = nil, resolvConfFile: String? = nil,
    notifySocketFile: String? = nil, managerEnvironment: [String] = [],
    joined: [RuntimeSpec.NamespaceType: String] = [:], doing: String
  ) {
    self.id = id
    self.settings = settings
    self.image = image
    self.user = user
    self.idMap = idMap
    self.mounts = mounts
    self.hostnameFile = hostnameFile
    self.hostsFile = hostsFile
    self.resolvConfFile = resolvConfFile
    self.notifySocketFile = notifySocketFile
    self.managerEnvironment = managerEnvironment
    self.joined = joined
    self.doing = doing
  }
}

/// A spec and what it cannot say.
package struct BuiltRuntimeSpec: Sendable {
  package var spec: RuntimeSpec
  package var seccomp: SecurityOptions.Seccomp
  /// One sentence each, for standard error.
  package var warnings: [String]
  /// `--group-add keep-groups`: the caller's groups stay.
  package var keepsGroups: Bool
}

/// The single place where defaults meet flags. Pure but for `HostFacts`.
package struct RuntimeSpecBuilder {
  /// Where a program finds the socket to its service manager; podman's place.
  package static let notifySocket = "/run/notify/notify.sock"

  let input: RuntimeSpecInput
  let host: HostFacts
  let security: SecurityOptions
  var spec = RuntimeSpec()
  var warnings: [String] = []

  var settings: ContainerSettings { input.settings }
  var doing: String { input.doing }

  /// - Throws: `EngineError` for whatever cannot be granted as asked.
  package static func build(_ input: RuntimeSpecInput, host: HostFacts) throws(EngineError) -> BuiltRuntimeSpec {
    var builder = RuntimeSpecBuilder(
      input: input, host: host,
      security: try SecurityOptions(input.settings.securityOptions, doing: input.doing))
    return try builder.build()
  }

  private init(input: RuntimeSpecInput, host: HostFacts, security: SecurityOptions) {
    self.input = input
    self.host = host
    self.security = security
  }

  private mutating func build() throws(EngineError) -> BuiltRuntimeSpec {
    warnings = input.idMap.warnings
    try addNamespaces()
    try addProcess()
    try addMounts()
    addProtection()
    try addSysctls()
    addResources()
    try addDevices()
    addLabels()
    for (name, value) in settings.annotations { spec.annotations[name] = value }
    let seccomp: SecurityOptions.Seccomp
    if case .builtin = security.seccomp, settings.privileged {
      seccomp = .unconfined
    } else {
      seccomp = security.seccomp
    }
    return BuiltRuntimeSpec(
      spec: spec, seccomp: seccomp, warnings: warnings, keepsGroups: settings.groupsAdded.contains("keep-groups"))
  }

  /// The command line: `--entrypoint` or the image's, then the arguments or the image's CMD; an entry point of the
  /// caller's own leaves out the image's CMD.
  package static func command(_ settings: ContainerSettings, _ image: ContainerDefaults) -> [String] {
    let entrypoint = settings.entrypoint ?? image.entrypoint ?? []
    return entrypoint + (settings.command ?? (settings.entrypoint == nil ? image.command : nil) ?? [])
  }

  /// `--hostname`, the host's own name where its network or its UTS namespace is shared, else the short id, as docker
  /// has it.
  package static func hostname(_ settings: ContainerSettings, id: String, host: () -> String) -> String {
    if let name = settings.hostname { return name }
    return settings.network == "host" || settings.utsNamespace == "host" ? host() : Identifier.short(id)
  }

  // Namespaces

  enum Sharing { case own, host, joined }

  func sharing(_ mode: String) -> Sharing {
    mode == "host" ? .host : mode.hasPrefix("container:") || mode.hasPrefix("ns:") ? .joined : .own
  }

  var ownsNetwork: Bool { sharing(settings.network) == .own }
  var ownsPid: Bool { sharing(settings.pidNamespace) == .own }
  var ownsIPC: Bool { sharing(settings.ipcNamespace) == .own }
  var ownsUTS: Bool { sharing(settings.utsNamespace) == .own }

  private mutating func addNamespaces() throws(EngineError) {
    if input.idMap.makesNamespace {
      if let path = input.joined[.user] {
        spec.linux.namespaces.append(.init(.user, path: path))
      } else {
        spec.linux.namespaces.append(.init(.user))
        spec.linux.uidMappings = input.idMap.uids
        spec.linux.gidMappings = input.idMap.gids
      }
    }
    spec.linux.namespaces.append(.init(.mount))
    for (type, mode) in [
      (RuntimeSpec.NamespaceType.pid, settings.pidNamespace), (.network, settings.network),
      (.ipc, settings.ipcNamespace), (.uts, settings.utsNamespace),
    ] {
      switch sharing(mode) {
      case .own: spec.linux.namespaces.append(.init(type))
      case .host: break
      case .joined:
        guard let path = input.joined[type] else {
          throw EngineError(.notFound, doing, "there is no \(type.rawValue) namespace for \(safeText(mode))")
        }
        spec.linux.namespaces.append(.init(type, path: path))
      }
    }
    // Docker's default: private on the unified hierarchy, the host's on v1.
    let isPrivate = settings.cgroupNamespace.isEmpty ? host.isCgroupV2 : settings.cgroupNamespace == "private"
    if isPrivate { spec.linux.namespaces.append(.init(.cgroup)) }
    if ownsUTS {
      spec.hostname = Self.hostname(settings, id: input.id, host: host.hostname)
      spec.domainname = settings.domainname
    }
  }

  // Protection

  private static let maskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware",
  ]
  private static let readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

  private mutating func addProtection() {
    spec.root.readonly = settings.readOnly
    if !settings.privileged && !security.unconfinedPaths {
      let throttles = (0..<host.throttledProcessors()).map { "/sys/devices/system/cpu/cpu\($0)/thermal_throttle" }
      spec.linux.maskedPaths = security.remaining(Self.maskedPaths + throttles)
      spec.linux.readonlyPaths = security.remaining(Self.readonlyPaths)
    }
    spec.linux.maskedPaths += security.masks
  }

  private mutating func addSysctls() throws(EngineError) {
    for (name, value) in settings.sysctls {
      try Sysctl.check(name, value, ownsNetwork: ownsNetwork, ownsIPC: ownsIPC, doing: doing)
      spec.linux.sysctl[name] = value
    }
  }

  private mutating func addLabels() {
    if let profile = security.apparmor, profile != "unconfined" {
      if host.hasAppArmor() {
        spec.process.apparmorProfile = profile
      } else {
        warnings.append("--security-opt apparmor=\(safeText(profile)) has no effect: this machine has no AppArmor")
      }
    }
    for label in security.labels where label != "disable" {
      guard host.hasSELinux() else {
        warnings.append("--security-opt label=\(safeText(label)) has no effect: this machine has no SELinux")
        continue
      }
      warnings.append("--security-opt label=\(safeText(label)) is not supported: containers keep the caller's label")
    }
  }

  private mutating func addResources() {
    spec.linux.resources = settings.resources.specification
  }
}

extension ResourceLimits {
  /// In the form of the specification, with what docker adds.
  var specification: RuntimeSpec.Resources {
    var resources = RuntimeSpec.Resources()
    resources.memory.limit = memory
    resources.memory.reservation = memoryReservation
    // Docker: without a word on swap as much again as memory.
    resources.memory.swap =
      memorySwap ?? memory.map { $0 > 0 ? $0.multipliedReportingOverflow(by: 2).partialValue : $0 }
    resources.cpu.shares = cpuShares
    resources.cpu.period = cpuPeriod
    resources.cpu.quota = cpuQuota
    if let nano = nanoCPUs, nano > 0 {
      resources.cpu.period = 100_000
      resources.cpu.quota = nano / 10_000
    }
    resources.cpu.cpus = cpusetCPUs
    resources.cpu.mems = cpusetMems
    resources.pidsLimit = pidsLimit
    resources.blockIO.weight = blkioWeight
    return resources
  }
}
