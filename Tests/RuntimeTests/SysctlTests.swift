import Basics
import Runtime
import Testing

/// SECURITY A23: a container may set what its namespaces own, and nothing of the host.
@Suite struct SysctlTests {
  private func check(_ name: String, _ value: String = "1", network: Bool = true, ipc: Bool = true) throws {
    try Sysctl.check(name, value, ownsNetwork: network, ownsIPC: ipc, doing: "testing")
  }

  @Test(arguments: [
    "net.ipv4.ip_forward", "net.core.somaxconn", "net.ipv6.conf.all.disable_ipv6", "kernel.shmmax", "kernel.msgmax",
    "kernel.sem", "kernel.shm_rmid_forced", "fs.mqueue.msg_max",
  ])
  func `namespaced settings are taken`(name: String) throws { try check(name) }

  @Test(arguments: [
    "kernel.core_pattern", "kernel.hostname", "kernel.sysrq", "vm.overcommit_memory", "fs.file-max", "kernel.sem2",
    "fs.mqueue", "net", "abi.x", "kernel.core_pattern\n", "net/ipv4/ip_forward", "net.ipv4/../../kernel/core_pattern",
    "net..ipv4", "net.ipv4.", ".net", "net.+x", "net.a b", "", "kernel.shmmax+kernel.core_pattern",
  ])
  func `all others are refused`(name: String) { #expect(throws: EngineError.self) { try check(name) } }

  @Test func `a shared namespace is not the container's to set`() {
    #expect(throws: EngineError.self) { try check("net.ipv4.ip_forward", network: false) }
    #expect(throws: EngineError.self) { try check("kernel.shmmax", ipc: false) }
    #expect(throws: EngineError.self) { try check("fs.mqueue.msg_max", ipc: false) }
  }

  @Test func `a value is text of a sensible length`() {
    #expect(throws: EngineError.self) { try check("kernel.shmmax", "1\u{0}") }
    #expect(throws: EngineError.self) { try check("kernel.shmmax", String(repeating: "1", count: 5000)) }
  }
}
