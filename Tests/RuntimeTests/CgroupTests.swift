import Basics
import OCI
import Storage
import TestSupport
import Testing

@testable import Runtime

struct CgroupTests {
  @Test func `membership is read from both versions`() {
    let hybrid = CgroupMembership("9:name=systemd:/\n8:pids:/a\n3:cpu,cpuacct:/b:c\n0::/user.slice\nnonsense\n")
    #expect(hybrid.unified == "/user.slice")
    #expect(hybrid.controllers.map(\.path) == ["/a", "/b:c"])
    #expect(hybrid.controllers.last?.names == ["cpu", "cpuacct"])
    #expect(CgroupMembership("1:name=systemd:/\n").unified == nil)
  }

  /// A tree of directories, delegated ones having the files that a delegation gives away.
  private func tree(_ delegated: [String], others: [String], _ body: (String) throws -> Void) throws {
    let root = try makeTemporaryDirectory("dhow-cgroup")
    defer { _ = try? mustRun(["rm", "-r", root]) }  // Left-overs of a test harm nobody.
    try write("cpu memory pids\n", to: root + "/cgroup.controllers")
    for path in others { try makeDirectory(root + path) }
    for path in delegated {
      try makeDirectory(root + path)
      for file in ["cgroup.procs", "cgroup.subtree_control"] { try write("", to: root + path + "/" + file) }
      try write("cpu memory pids\n", to: root + path + "/cgroup.controllers")
    }
    try body(root)
  }

  @Test(arguments: [
    ("/user.slice/user@1.service/app.slice/x.service", "/user.slice/user@1.service"),
    ("/user.slice/user@1.service", "/user.slice/user@1.service"),
    ("/user.slice/session-2.scope", nil),
    ("/user.slice/user@1.service/app.slice/gone", nil),
  ])
  func `the topmost delegated cgroup is found`(_ own: String, _ expected: String?) throws {
    let delegated = ["", "/app.slice", "/app.slice/x.service"].map { "/user.slice/user@1.service" + $0 }
    try tree(delegated, others: ["/user.slice/session-2.scope"]) { root in
      let host = CgroupHost(root: root, membership: CgroupMembership("0::\(own)\n"))
      #expect(host.isUnified)
      #expect(host.delegated == expected.map { root + $0 })
    }
  }

  private func resources(_ change: (inout RuntimeSpec.Resources) -> Void) -> RuntimeSpec.Resources {
    var resources = RuntimeSpec.Resources()
    change(&resources)
    return resources
  }

  private var everything: RuntimeSpec.Resources {
    resources {
      $0.memory.limit = 64 << 20
      $0.memory.swap = 128 << 20
      $0.memory.reservation = 32 << 20
      $0.cpu.shares = 1024
      $0.cpu.quota = 50_000
      $0.cpu.period = 100_000
      $0.cpu.cpus = "0-1"
      $0.cpu.mems = "0"
      $0.pidsLimit = 20
      $0.blockIO.weight = 500
      $0.blockIO.throttleReadBps = [.init(major: 8, minor: 0, rate: 1024)]
    }
  }

  @Test func `limits become files of version 2`() {
    #expect(
      everything.unifiedSettings.map { "\($0.file)=\($0.value)" } == [
        "memory.max=67108864", "memory.swap.max=67108864", "memory.low=33554432", "cpu.weight=39",
        "cpu.max=50000 100000", "cpuset.mems=0", "cpuset.cpus=0-1", "pids.max=20", "io.weight=default 4950",
        "io.max=8:0 rbps=1024",
      ])
    let unlimited = resources {
      $0.memory.limit = -1
      $0.memory.swap = -1
      $0.cpu.quota = -1
      $0.pidsLimit = -1
    }
    #expect(
      unlimited.unifiedSettings.map { "\($0.file)=\($0.value)" } == [
        "memory.max=max", "memory.swap.max=max", "cpu.max=max 100000", "pids.max=max",
      ])
  }

  @Test func `limits become files of version 1`() {
    #expect(
      everything.controllerSettings.map { "\($0.file)=\($0.value)" } == [
        "memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=134217728",
        "memory.soft_limit_in_bytes=33554432", "cpu.shares=1024", "cpu.cfs_period_us=100000",
        "cpu.cfs_quota_us=50000", "cpuset.mems=0", "cpuset.cpus=0-1", "pids.max=20", "blkio.weight=500",
        "blkio.throttle.read_bps_device=8:0 1024",
      ])
  }

  @Test func `docker's default of swap is nobody's option`() {
    let options = everything.unifiedSettings.map(\.option)
    #expect(options[1] == nil)
    #expect(everything.unifiedSettings[1].isOptional)
    #expect(
      resources {
        $0.memory.limit = 1; $0.memory.swap = -1
      }.unifiedSettings[1].option == "--memory-swap")
  }

  private func placement(
    _ root: String, _ own: String, _ resources: RuntimeSpec.Resources, _ mode: Cgroup.Mode = .enabled,
    parent: String? = nil, isRoot: Bool = false
  ) throws -> CgroupPlacement {
    let host = CgroupHost(root: root, membership: CgroupMembership("0::\(own)\n"))
    return try Cgroup.CgroupBuilder(host: host, resources: resources, isRoot: isRoot, doing: "starting web")
      .build(id: "f00", mode: mode, parent: parent)
  }

  @Test func `without delegation one sentence names options and remedy`() throws {
    try tree([], others: ["/s"]) { root in
      let placement = try placement(root, "/s", everything)
      #expect(placement.isEmpty)
      let uid = Identity.caller.account?.uid ?? 0
      #expect(
        placement.warning
          == "--memory, --memory-reservation, --cpu-shares, --cpus, --cpuset-mems, --cpuset-cpus, --pids-limit, "
          + "--blkio-weight, --device-read-bps not applied: this session's cgroup is not delegated to uid \(uid); "
          + "run it by systemd-run --user --scope -p Delegate=yes, or as a unit with Delegate=yes")
      #expect(try self.placement(root, "/s", RuntimeSpec.Resources()) == .none)
    }
  }

  @Test func `version 1 and --cgroups=disabled say so`() throws {
    let root = try makeTemporaryDirectory("dhow-cgroup")
    defer { _ = try? mustRun(["rmdir", root]) }  // Left-overs of a test harm nobody.
    let memory = resources { $0.memory.limit = 1 << 30 }
    #expect(
      try placement(root, "/", memory).warning
        == "--memory not applied: this machine uses cgroup v1, which only root can use; boot with "
        + "systemd.unified_cgroup_hierarchy=1")
    #expect(
      try placement(root, "/", memory, .disabled).warning == "--memory not applied: --cgroups=disabled was given")
    #expect(try placement(root, "/", RuntimeSpec.Resources(), .disabled) == .none)
  }

  @Test func `a delegated cgroup gets one for each container`() throws {
    try tree(["/user", "/user/own"], others: []) { root in
      let placement = try placement(root, "/user/own", RuntimeSpec.Resources())
      #expect(placement.record == [root + "/user/dhow/f00"])
      #expect(placement.warning == nil)
      #expect(placement.view == .unified)
      #expect(CgroupPlacement(record: placement.record) == placement)
      #expect(exists(root + "/user/dhow/f00"))
      #expect(placement.remove())
      #expect(!exists(root + "/user/dhow"))
    }
  }

  @Test func `a controller that was not delegated is named`() throws {
    try tree(["/user", "/user/own"], others: []) { root in
      let placement = try placement(
        root, "/user/own",
        resources {
          $0.cpu.cpus = "0"; $0.blockIO.weight = 100
        })
      #expect(!placement.isEmpty)
      #expect(
        placement.warning?.hasPrefix(
          "--cpuset-cpus, --blkio-weight not applied: the cgroup controllers cpuset and io are not delegated to uid ")
          == true)
      #expect(
        placement.warning?.hasSuffix("Delegate=cpu cpuset io memory pids for user@.service") == true)
    }
  }

  @Test(arguments: ["/", "", "..", "../x", "/other", "/user/../x", "/us", "a/./b"])
  func `a parent outside is refused`(_ parent: String) throws {
    try tree(["/user", "/user/own"], others: ["/other"]) { root in
      let error = try #require(throws: EngineError.self) {
        try placement(root, "/user/own", RuntimeSpec.Resources(), parent: parent)
      }
      #expect(error.kind == .denied)
      #expect(error.reason.contains("outside the cgroup delegated to uid"))
    }
  }

  @Test(arguments: [("a", "/user/a/f00"), ("/user/b/c", "/user/b/c/f00")])
  func `a parent inside is made`(_ parent: String, _ path: String) throws {
    try tree(["/user", "/user/own"], others: []) { root in
      let placement = try placement(root, "/user/own", RuntimeSpec.Resources(), parent: parent)
      #expect(placement.record == [root + path])
    }
  }

  @Test func `device rules decide from the last to the first`() {
    let rules: [RuntimeSpec.DeviceRule] = [
      .init(allow: true, type: "c", access: "m"), .init(allow: false, access: "rwm"),
      .init(allow: true, type: "c", major: 1, minor: 3, access: "rw"),
      .init(allow: false, type: "b", major: 8, access: "w"),
    ]
    let program = DeviceFilter.program(rules)
    func ask(_ access: UInt32, _ type: UInt32, _ major: UInt32, _ minor: UInt32) -> UInt64? {
      runDeviceFilter(program, [access << 16 | type, major, minor])
    }
    #expect(ask(2, 2, 1, 3) == 1)
    #expect(ask(6, 2, 1, 3) == 1)
    #expect(ask(1, 2, 1, 3) == 0)
    #expect(ask(2, 2, 1, 4) == 0)
    #expect(ask(2, 1, 1, 3) == 0)
    #expect(ask(4, 1, 8, 1) == 0)
    #expect(DeviceFilter.program([.init(allow: false, type: "c", access: "w")]).count == 6 + 6 + 2)
  }

  /// The part of eBPF that device filters use.
  private func runDeviceFilter(_ program: [UInt64], _ context: [UInt32]) -> UInt64? {
    var registers = [UInt64](repeating: 0, count: 11)
    var position = 0
    while program.indices.contains(position) {
      let code = program[position]
      let destination = Int(code >> 8 & 15)
      let source = Int(code >> 12 & 15)
      let offset = Int(code >> 16 & 0xFFFF)
      let immediate = code >> 32
      position += 1
      switch code & 0xFF {
      case 0x61: registers[destination] = UInt64(context[offset / 4])
      case 0xBF: registers[destination] = registers[source]
      case 0x77: registers[destination] >>= immediate
      case 0x57: registers[destination] &= immediate
      case 0xB7: registers[destination] = immediate
      case 0x55: position += registers[destination] != immediate ? offset : 0
      case 0x15: position += registers[destination] == immediate ? offset : 0
      case 0x5D: position += registers[destination] != registers[source] ? offset : 0
      case 0x95: return registers[0]
      default: return nil
      }
    }
    return nil
  }
}
