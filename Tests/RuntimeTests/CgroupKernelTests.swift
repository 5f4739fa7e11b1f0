import Basics
import Glibc
import OCI
import Storage
import TestSupport
import Testing

@testable import Runtime

/// Real cgroups of this machine, as root.
@Suite(.requires(.root), .serialized)
struct CgroupKernelTests {
  private let id = "dhow-test-\(getpid())"

  /// Runs a shell that enters the cgroup before the script.
  private func run(_ script: String, in placement: CgroupPlacement, _ procs: [String]) throws -> Outcome {
    let enter = procs.map { "echo $$ > \($0) && " }.joined()
    return try TestSupport.run(["sh", "-c", enter + script])
  }

  private var hasMemoryOfVersion1: Bool {
    // No such line: no such hierarchy.
    (try? CgroupHost.current())?.directory(of: "memory") != nil
  }

  @Test func `version 1 limits processes and memory`() throws {
    guard hasMemoryOfVersion1 else { return }
    var resources = RuntimeSpec.Resources()
    resources.memory.limit = 32 << 20
    resources.memory.swap = 32 << 20
    resources.cpu.quota = 50_000
    resources.cpu.period = 100_000
    resources.cpu.cpus = "0"
    resources.pidsLimit = 7
    let placement = try Cgroup.prepare(id: id, resources: resources, isRoot: true, doing: "testing")
    defer { placement.remove() }
    #expect(placement.version == .controllers)
    #expect(placement.procsFiles.count >= 4)
    let effective = placement.effectiveLimits
    #expect(effective.memory == 32 << 20)
    #expect(effective.cpuQuota == 50_000)
    #expect(effective.cpusetCPUs == "0")
    #expect(effective.pidsLimit == 7)
    #expect(try run("nproc", in: placement, placement.procsFiles).out == "1")
    #expect(!placement.wasOutOfMemory)
    let forks = try run("for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait", in: placement, placement.procsFiles)
    #expect(forks.err.contains("fork") || forks.err.contains("Resource temporarily unavailable"))
    let hungry = try run("exec dd if=/dev/zero of=/dev/null bs=200M count=1", in: placement, placement.procsFiles)
    #expect(hungry.signal == SIGKILL)
    #expect(placement.wasOutOfMemory)
    #expect(placement.remove())
    #expect(placement.directories.values.allSatisfy { !exists($0) && !$0.hasSuffix("/dhow") })
  }

  @Test func `what a killed start left is removed by the container's id`() throws {
    guard hasMemoryOfVersion1 else { return }
    var resources = RuntimeSpec.Resources()
    resources.pidsLimit = 7
    resources.devices = rules
    let placement = try Cgroup.prepare(id: id, resources: resources, isRoot: true, doing: "testing")
    #expect(placement.directories.values.allSatisfy(exists))
    Cgroup.removeRemains(of: id, isRoot: true)
    #expect(!placement.directories.values.contains(where: exists))
    Cgroup.removeRemains(of: id, isRoot: true)
  }

  @Test func `version 1 refuses a processor that is not there, and leaves nothing`() throws {
    guard hasMemoryOfVersion1 else { return }
    var resources = RuntimeSpec.Resources()
    resources.cpu.cpus = "4000"
    let error = try #require(throws: EngineError.self) {
      try Cgroup.prepare(id: id, resources: resources, isRoot: true, doing: "starting web")
    }
    #expect(error.reason.hasPrefix("--cpuset-cpus: the kernel does not take \"4000\" for cpuset.cpus"))
    let directory = try #require(try CgroupHost.current().directory(of: "cpuset"))
    #expect(!exists(directory + "/dhow/" + id))
  }

  private let rules: [RuntimeSpec.DeviceRule] = [
    .init(allow: false, access: "rwm"), .init(allow: true, type: "c", major: 1, minor: 3, access: "rwm"),
  ]

  @Test func `version 1 filters devices`() throws {
    guard hasMemoryOfVersion1 else { return }
    var resources = RuntimeSpec.Resources()
    resources.devices = rules
    let placement = try Cgroup.prepare(id: id, resources: resources, isRoot: true, doing: "testing")
    defer { placement.remove() }
    try expectDevicesFiltered(placement, placement.procsFiles)
  }

  private func expectDevicesFiltered(_ placement: CgroupPlacement, _ procs: [String]) throws {
    #expect(try run("cat /dev/null", in: placement, procs).succeeded)
    let denied = try run("head -c 1 /dev/zero", in: placement, procs)
    #expect(denied.err.contains("Operation not permitted"))
    #expect(!(try run("mknod /var/tmp/\(id) b 8 0", in: placement, procs)).succeeded)
  }

  /// The unified hierarchy of this machine, wherever it is mounted.
  private var unified: CgroupHost? {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].first { exists($0 + "/cgroup.controllers") }
      .map { CgroupHost(root: $0, membership: CgroupMembership("0::/\n")) }
  }

  @Test func `version 2 filters devices, freezes, counts and is removed with what is below`() throws {
    guard let unified else { return }
    var resources = RuntimeSpec.Resources()
    resources.devices = rules
    let placement = try Cgroup.CgroupBuilder(host: unified, resources: resources, isRoot: true, doing: "testing")
      .build(id: id, mode: .enabled, parent: nil)
    defer { placement.remove() }
    let directory = try #require(placement.directories[""])
    #expect(try placement.open() != nil)
    try expectDevicesFiltered(placement, [directory + "/cgroup.procs"])
    let sleeper = try ChildProcess(["sh", "-c", "echo $$ > \(directory)/cgroup.procs; echo in; exec sleep 60"])
    #expect(sleeper.waitForOutput("in"))
    #expect(placement.pids == [sleeper.pid] || !placement.pids.isEmpty)
    let freezer = try #require(placement.freezer(true))
    try write(freezer.value, to: freezer.path)
    #expect(eventually { (try? readText(directory + "/cgroup.events"))?.contains("frozen 1") == true })
    try makeDirectory(directory + "/inner")
    #expect(placement.remove())
    #expect(!exists(directory))
  }
}
