import Basics
import LinuxKernel
import OCI
import Runtime
import Storage
import TestSupport
import Testing

/// The single place where defaults meet flags, on a machine made up for the test.
@Suite struct RuntimeSpecBuilderTests {
  private var host = HostFacts(
    isHostRoot: false, isCgroupV2: true, capabilities: .all, hostname: { "machine" },
    limit: { _ in (soft: 1024, hard: 20_000) }, oomScoreAdjustment: { 100 },
    status: { (path) throws(SystemError) in try File.status(path) }, openDevices: { ["/dev/fuse"] },
    hasAppArmor: { false }, hasSELinux: { false }, throttledProcessors: { 0 })

  private func input(_ change: (inout RuntimeSpecInput) -> Void = { _ in }) -> RuntimeSpecInput {
    var settings = ContainerSettings()
    settings.command = ["true"]
    var map = ContainerIDMap()
    map.uids = [.init(containerID: 0, hostID: 0, size: 65537)]
    map.gids = map.uids
    var input = RuntimeSpecInput(
      id: String(repeating: "ab", count: 32), settings: settings,
      image: ContainerDefaults(environment: ["PATH=/bin", "A=image", "B=image"]),
      user: ResolvedUser(uid: 0, gid: 0, additionalGids: [0], home: "/root"), idMap: map, doing: "testing")
    change(&input)
    return input
  }

  private func build(_ change: (inout RuntimeSpecInput) -> Void = { _ in }) throws -> BuiltRuntimeSpec {
    try RuntimeSpecBuilder.build(input(change), host: host)
  }

  private func settings(_ change: (inout ContainerSettings) -> Void) throws -> BuiltRuntimeSpec {
    try build { change(&$0.settings) }
  }

  private func mount(_ destination: String, in spec: RuntimeSpec) -> RuntimeSpec.Mount? {
    spec.mounts.first { $0.destination == destination }
  }

  @Test func `the default container is docker's`() throws {
    let built = try build()
    let spec = built.spec
    #expect(spec.linux.namespaces.map(\.type) == [.user, .mount, .pid, .network, .ipc, .uts, .cgroup])
    #expect(spec.hostname == "abababababab")
    #expect(spec.process.cwd == "/")
    #expect(spec.process.env == ["PATH=/bin", "HOSTNAME=abababababab", "A=image", "B=image", "HOME=/root"])
    #expect(
      spec.mounts.map(\.destination) == [
        "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm",
      ])
    #expect(mount("/dev/shm", in: spec)?.options.contains("size=67108864") == true)
    #expect(spec.linux.maskedPaths.contains("/proc/kcore") && spec.linux.maskedPaths.contains("/sys/firmware"))
    #expect(spec.linux.readonlyPaths == ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])
    #expect(spec.process.rlimits == [])
    #expect(!spec.process.noNewPrivileges && !spec.root.readonly)
    #expect(built.seccomp == .builtin)
    #expect(built.warnings == [])
  }

  @Test func `a spec survives its JSON`() throws {
    let built = try build {
      $0.settings.ulimits = [Ulimit(name: "nofile", soft: 100, hard: 200)]
      $0.settings.sysctls = [("net.core.somaxconn", "5")]
      $0.settings.resources.memory = 1 << 20
      $0.settings.annotations = [("a", "b")]
      $0.settings.readOnly = true
    }
    let text = built.spec.json.text()
    #expect(try RuntimeSpec(json: try JSON(parsing: text)) == built.spec)
  }

  // Capabilities (SECURITY A10)

  private static let docker: Set<String> = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP",
  ]

  @Test(
    arguments: [
      ([], [], docker), (["SYS_ADMIN"], [], docker.union(["CAP_SYS_ADMIN"])),
      (["cap_sys_admin"], ["CHOWN"], docker.union(["CAP_SYS_ADMIN"]).subtracting(["CAP_CHOWN"])),
      ([], ["ALL"], []), (["NET_RAW"], ["ALL"], ["CAP_NET_RAW"]),
      (["ALL"], ["SYS_ADMIN"], Set(CapabilitySet.names).subtracting(["CAP_SYS_ADMIN"])),
    ] as [([String], [String], Set<String>)])
  func `capabilities are added and dropped as docker does`(add: [String], drop: [String], expected: Set<String>) throws
  {
    let sets = try settings {
      $0.capabilitiesAdded = add
      $0.capabilitiesDropped = drop
    }.spec.process.capabilities
    #expect(Set(sets.bounding) == expected)
    #expect(sets.effective == sets.bounding && sets.permitted == sets.bounding)
    #expect(sets.inheritable == [] && sets.ambient == [])
  }

  @Test func `only root has capabilities in effect`() throws {
    let sets = try build { $0.user.uid = 1000 }.spec.process.capabilities
    #expect(sets.effective == [] && sets.permitted == [] && sets.inheritable == [] && sets.ambient == [])
    #expect(Set(sets.bounding) == Self.docker)
  }

  @Test func `an unknown capability is an error`() {
    #expect(throws: EngineError.self) { try settings { $0.capabilitiesAdded = ["SYS_ADMNI"] } }
    #expect(throws: EngineError.self) { try settings { $0.capabilitiesDropped = [""] } }
  }

  // Process

  @Test func `the caller's variables win over the image's and none of the host's appear`() throws {
    let spec = try settings {
      $0.environment = ["A=own", "HOME=/x", "C="]
      $0.terminal = true
      $0.hostname = "box"
    }.spec
    #expect(spec.process.env == ["PATH=/bin", "HOSTNAME=box", "TERM=xterm", "A=own", "HOME=/x", "C=", "B=image"])
  }

  @Test(
    arguments: [
      (nil, ["c"], ["e"], ["i"], ["e", "c"]), (nil, nil, ["e"], ["i"], ["e", "i"]), (["o"], nil, ["e"], ["i"], ["o"]),
      (["o"], ["c"], ["e"], ["i"], ["o", "c"]), (nil, nil, nil, ["i"], ["i"]), ([], ["c"], ["e"], ["i"], ["c"]),
    ] as [([String]?, [String]?, [String]?, [String]?, [String])])
  func `entry point and command combine as docker's`(
    own: [String]?, command: [String]?, entrypoint: [String]?, cmd: [String]?, expected: [String]
  ) {
    var settings = ContainerSettings()
    settings.entrypoint = own
    settings.command = command
    let image = ContainerDefaults(entrypoint: entrypoint, command: cmd)
    #expect(RuntimeSpecBuilder.command(settings, image) == expected)
  }

  @Test func `no command is an error`() {
    #expect(throws: EngineError.self) { try settings { $0.command = nil } }
  }

  @Test func `working directories are absolute and clean`() throws {
    #expect(try settings { $0.workingDirectory = "/a/./b//../c" }.spec.process.cwd == "/a/c")
    #expect(try build { $0.image.workingDirectory = "srv" }.spec.process.cwd == "/srv")
    #expect(throws: EngineError.self) { try settings { $0.workingDirectory = "srv" } }
  }

  @Test func `limits above the hard one are clamped and said`() throws {
    let built = try settings {
      $0.ulimits = [Ulimit(name: "nofile", soft: -1, hard: -1), Ulimit(name: "core", soft: 0, hard: 0)]
    }
    #expect(
      built.spec.process.rlimits == [
        .init(type: "RLIMIT_NOFILE", soft: 20_000, hard: 20_000), .init(type: "RLIMIT_CORE", soft: 0, hard: 0),
      ])
    #expect(built.warnings.count == 1)
    #expect(throws: EngineError.self) { try settings { $0.ulimits = [Ulimit(name: "files", soft: 1, hard: 1)] } }
  }

  @Test func `the OOM score is not below the caller's`() throws {
    let built = try settings { $0.oomScoreAdjustment = -500 }
    #expect(built.spec.process.oomScoreAdj == 100)
    #expect(built.warnings.count == 1)
  }

  @Test func `an id that is not mapped is refused`() {
    #expect(throws: EngineError.self) { try build { $0.user.uid = 70_000 } }
  }

  // Namespaces and mounts

  @Test func `namespaces of the host are left out`() throws {
    let spec = try settings {
      $0.pidNamespace = "host"
      $0.network = "host"
      $0.ipcNamespace = "host"
      $0.utsNamespace = "host"
    }.spec
    #expect(spec.linux.namespaces.map(\.type) == [.user, .mount, .cgroup])
    #expect(mount("/proc", in: spec)?.type == "bind" && mount("/sys", in: spec)?.type == "bind")
    #expect(mount("/sys", in: spec)?.options.contains("rro") == true)
    #expect(mount("/dev/shm", in: spec)?.source == "/dev/shm")
    #expect(spec.hostname == nil)
    #expect(spec.process.env.contains("HOSTNAME=machine"))
  }

  @Test func `mounts are ordered by depth, replace the defaults and keep their options`() throws {
    let spec = try build {
      $0.hostsFile = "/run/hosts"
      $0.mounts = [
        ResolvedMount(kind: .bind, source: "/h/deep", destination: "/data/deep/"),
        ResolvedMount(kind: .bind, source: "/h/data", destination: "/data", readOnly: true),
        ResolvedMount(kind: .tmpfs, source: "", destination: "/dev/shm", options: ["size=1m", "exec"]),
        ResolvedMount(kind: .bind, source: "/h/hosts", destination: "/etc/hosts", readOnly: true, recursion: .writable),
      ]
    }.spec
    #expect(spec.mounts.suffix(4).map(\.destination) == ["/data", "/data/deep", "/dev/shm", "/etc/hosts"])
    #expect(mount("/data", in: spec)?.options == ["rbind", "rprivate", "ro", "rro"])
    #expect(mount("/dev/shm", in: spec)?.options == ["nosuid", "nodev", "size=1m", "exec"])
    #expect(mount("/etc/hosts", in: spec)?.options == ["rbind", "rprivate", "ro"])
    #expect(mount("/etc/hosts", in: spec)?.source == "/h/hosts")
  }

  @Test(arguments: ["/", "/proc", "/proc/sys", "/sys", "/x/../proc", "/proc/../", "relative", "/./sys/"])
  func `nothing is mounted over the root or the kernel's file systems`(destination: String) {
    #expect(throws: EngineError.self) {
      try build { $0.mounts = [ResolvedMount(kind: .tmpfs, source: "", destination: destination)] }
    }
  }

  @Test func `privileged is all that the user has and no more`() throws {
    let built = try settings { $0.privileged = true }
    #expect(Set(built.spec.process.capabilities.bounding) == Set(CapabilitySet.names))
    #expect(built.seccomp == .unconfined)
    #expect(built.spec.linux.maskedPaths == [] && built.spec.linux.readonlyPaths == [])
    #expect(mount("/dev/fuse", in: built.spec)?.type == "bind")
  }

  @Test func `security options are taken apart or refused`() throws {
    let built = try settings {
      $0.securityOptions = ["no-new-privileges", "mask=/a:/b", "unmask=/proc/*", "seccomp=/p.json", "apparmor=x"]
    }
    #expect(built.spec.process.noNewPrivileges)
    #expect(built.seccomp == .file("/p.json"))
    #expect(built.spec.linux.maskedPaths == ["/sys/devices/virtual/powercap", "/sys/firmware", "/a", "/b"])
    #expect(built.spec.linux.readonlyPaths == [])
    #expect(built.warnings.count == 1 && built.spec.process.apparmorProfile == nil)
    for option in ["nonsense", "seccomp=", "mask=x", "no-new-privileges=maybe", "systempaths=x", "="] {
      #expect(throws: EngineError.self) { try settings { $0.securityOptions = [option] } }
    }
  }

  @Test func `cpus become a quota and swap follows memory`() throws {
    let resources = try settings {
      $0.resources.nanoCPUs = 500_000_000
      $0.resources.memory = 64 << 20
    }.spec.linux.resources
    #expect(resources.cpu.quota == 50_000 && resources.cpu.period == 100_000)
    #expect(resources.memory.swap == 128 << 20)
  }

  @Test func `a device that is none is refused`() {
    for path in ["/etc/passwd", "/dev/nosuch"] {
      #expect(throws: EngineError.self) {
        try settings { $0.devices = [DeviceRequest(host: path, container: path, permissions: "rwm")] }
      }
    }
  }
}
