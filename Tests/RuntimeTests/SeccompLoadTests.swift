import Glibc
import OCI
import TestSupport
import Testing

@testable import Runtime

/// The kernel itself takes the filter and answers by it.
@Suite(.requires(.unprivilegedUser))
struct SeccompLoadTests {
  private func probe(_ program: SeccompProgram, _ calls: [String]) throws -> Outcome {
    let beside = CommandLine.arguments[0].split(separator: "/").dropLast().joined(separator: "/")
    let directory = try makeTemporaryDirectory("dhow-seccomp", mode: 0o755)
    defer { _ = try? mustRun(["rm", "-r", directory]) }  // Left-overs of a test harm nobody.
    try mustRun(["cp", "/\(beside)/seccomp-probe", directory])
    let bytes = program.instructions.withUnsafeBytes(Array.init)
    return try run([directory + "/seccomp-probe"] + calls, as: .unprivileged, input: bytes)
  }

  private func number(_ name: String, _ interface: SyscallInterface) throws -> Int32 {
    try #require(SyscallTable().numbers(of: name))[interface.rawValue]
  }

  @Test func `the default profile loads unprivileged and decides`() throws {
    let own = SyscallMachine.current.interfaces[0]
    let program = DefaultSeccompProfile.program(bounding: CapabilitySet.dockerDefault.names)
    let expected: [(String, String, Int32)] = [
      ("getpid", "", 0), ("unshare", ":0x10000000", EPERM), ("setns", ":-1", EPERM), ("keyctl", ":0", EPERM),
      ("bpf", ":0", EPERM), ("io_uring_setup", ":1", EPERM), ("clone3", "", ENOSYS), ("clone", ":0x10000011", EPERM),
      ("socket", ":40:1", EPERM), ("socket", ":38:5", EPERM), ("socket", ":1:1", 0),
      ("personality", ":0xffffffff", 0), ("personality", ":0x40000", EPERM), ("close", ":99", EBADF),
    ]
    let calls = try expected.map { "\(try number($0.0, own))\($0.1)" } + ["5000", "467"]
    let outcome = try probe(program, calls)
    #expect(outcome.out == (expected.map(\.2) + [ENOSYS, ENOSYS]).map { "\($0)" }.joined(separator: "\n"))
  }

  #if arch(x86_64)
    @Test func `the filter of 32-bit calls decides`() throws {
      let program = DefaultSeccompProfile.program(bounding: [])
      let outcome = try probe(program, ["x\(try number("getpid", .x86))", "x\(try number("keyctl", .x86)):0"])
      // A kernel without 32-bit calls answers the interrupt with a signal.
      #expect(outcome.out == "0\n1" || outcome.signal == SIGSEGV)
    }

    @Test func `a call of an interface that is not in the filter kills`() throws {
      var filter = RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_ALLOW")
      filter.architectures = ["SCMP_ARCH_X86_64"]
      let program = try SeccompCompiler.compile(filter, doing: "testing")
      #expect(try probe(program, ["39"]).out == "0")
      #expect(try probe(program, ["x20"]).signal == SIGSYS)
      #expect(try probe(program, ["\(0x4000_0000 | 39)"]).signal == SIGSYS)
    }
  #endif
}
