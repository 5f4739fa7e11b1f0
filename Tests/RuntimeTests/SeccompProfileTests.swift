import Basics
import Glibc
import OCI
import TestSupport
import Testing

@testable import Runtime

struct SeccompProfileTests {
  private func profile(_ text: String) throws -> SeccompProfile {
    try SeccompProfile(parsing: Array(text.utf8), shown: "p.json", doing: "creating web")
  }

  private func program(
    _ text: String, bounding: [String] = [], kernel: KernelVersion = KernelVersion(6, 1)
  ) throws -> [UInt64] {
    let filter = try profile(text).specification(bounding: bounding, kernel: kernel)
    return try SeccompCompiler.compile(filter, doing: "creating web").instructions
  }

  private func answer(_ program: [UInt64], _ name: String, _ arguments: UInt64...) throws -> UInt32? {
    let numbers = try #require(SyscallTable().numbers(of: name))
    let interface = SyscallMachine.current.interfaces[0]
    return runFilter(program, SeccompInput(interface, UInt32(numbers[interface.rawValue]), arguments))
  }

  @Test(arguments: [
    ("{", "expected a member name at byte 1"),
    ("[]", "profile is not an object"),
    ("{}", "profile.defaultAction is missing"),
    (#"{"defaultAction":"SCMP_ACT_ERRNO","defaultActoin":1}"#, "profile.defaultActoin is not known here"),
    (#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":4096}"#, "profile.defaultErrnoRet is above 4095"),
    (
      #"{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_Z80"]}"#,
      "profile.architectures has an unknown one: SCMP_ARCH_Z80"
    ),
    (
      #"{"defaultAction":"A","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}"#,
      "profile.archMap stands beside architectures; use one of them"
    ),
    (
      #"{"defaultAction":"A","syscalls":[{"names":["read"],"action":"B","arg":[]}]}"#,
      "profile.syscalls[0].arg is not known here"
    ),
    (
      #"{"defaultAction":"A","syscalls":[{"name":"read","names":["read"],"action":"B"}]}"#,
      "profile.syscalls[0].name stands beside names; use one of them"
    ),
    (#"{"defaultAction":"A","syscalls":[{"action":"B"}]}"#, "profile.syscalls[0].names is missing or empty"),
    (
      #"{"defaultAction":"A","syscalls":[{"names":["raed"],"action":"B"}]}"#,
      "profile.syscalls[0].names has a system call that no machine has: raed"
    ),
    (
      #"{"defaultAction":"A","syscalls":[{"names":["read"],"action":"B","args":[{"index":0,"value":-1,"op":"X"}]}]}"#,
      "profile.syscalls[0].args[0].value is no whole number from 0 to 9223372036854775807"
    ),
    (
      #"{"defaultAction":"A","syscalls":[{"names":["read"],"action":"B","includes":{"caps":["SYS_ADMIN"]}}]}"#,
      "profile.syscalls[0].includes.caps has an unknown capability: SYS_ADMIN"
    ),
    (
      #"{"defaultAction":"A","syscalls":[{"names":["read"],"action":"B","includes":{"minKernel":"new"}}]}"#,
      "profile.syscalls[0].includes.minKernel is no version: new"
    ),
  ])
  func `a bad profile is refused in its own words`(_ text: String, _ reason: String) throws {
    let error = try #require(throws: EngineError.self) { try profile(text) }
    #expect(error == EngineError(.invalidInput, "creating web", "seccomp profile p.json: \(reason)"))
  }

  @Test(arguments: [
    (#"{"defaultAction":"SCMP_ACT_NO"}"#, "seccomp: unknown default action SCMP_ACT_NO"),
    (
      #"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_X"]}"#,
      "seccomp: unknown or unsupported flag SECCOMP_FILTER_FLAG_X"
    ),
    (
      #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_NO"}]}"#,
      "seccomp: unknown action SCMP_ACT_NO"
    ),
    (
      #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_NOTIFY"}]}"#,
      "seccomp: SCMP_ACT_NOTIFY needs an agent that answers, and there is none"
    ),
    (
      #"""
      {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
        {"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"value":1,"op":"SCMP_CMP_EQ"}]}]}
      """#, "seccomp: a system call has no argument 6"
    ),
    (
      #"""
      {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
        {"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"=="}]}]}
      """#, "seccomp: unknown comparison =="
    ),
  ])
  func `a filter that means nothing is refused`(_ text: String, _ reason: String) throws {
    let error = try #require(throws: EngineError.self) { try program(text) }
    #expect(error == EngineError(.invalidInput, "creating web", reason))
  }

  @Test func `a missing file is said so`() throws {
    let error = try #require(throws: EngineError.self) {
      try SeccompProfile(file: "/nonexistent/p.json", doing: "creating web")
    }
    #expect(error.kind == .notFound)
    #expect(error.reason == "seccomp profile /nonexistent/p.json: no such file or directory")
  }

  @Test func `an unknown name is left out when it is optional`() throws {
    let program = try program(
      #"""
      {"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
        {"names":["read","raed"],"optional":true,"action":"SCMP_ACT_ALLOW"}]}
      """#)
    #expect(try answer(program, "read") == allowed)
  }

  @Test func `conditions on capabilities, machine and kernel select rules`() throws {
    let text = #"""
      {"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"EACCES","syscalls":[
        {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN","CAP_CHOWN"]}},
        {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
        {"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64","arm64"]}},
        {"names":["write"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["s390x"]}},
        {"names":["bpf"],"action":"SCMP_ACT_KILL_PROCESS","excludes":{"caps":["CAP_BPF","CAP_SYS_ADMIN"]}}]}
      """#
    let plain = try program(text, kernel: KernelVersion(4, 7))
    let denied: UInt32 = 0x0005_0000 | UInt32(EACCES)
    #expect(try answer(plain, "mount") == denied)
    #expect(try answer(plain, "ptrace") == denied)
    #expect(try answer(plain, "read") == allowed)
    #expect(try answer(plain, "write") == denied)
    #expect(try answer(plain, "bpf") == killed)
    let strong = try program(text, bounding: ["CAP_CHOWN", "CAP_SYS_ADMIN"], kernel: KernelVersion(4, 10))
    #expect(try answer(strong, "mount") == allowed)
    #expect(try answer(strong, "ptrace") == allowed)
    #expect(try answer(strong, "bpf") == denied)
    #expect(try answer(try program(text, bounding: ["CAP_CHOWN"]), "mount") == denied)
  }

  @Test func `calls newer than a refusing profile do not exist`() throws {
    let old = try program(
      #"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["openat2"],"action":"SCMP_ACT_ALLOW"}]}"#)
    #expect(try answer(old, "clone3") == refused)
    #expect(try answer(old, "openat2") == allowed)
    #expect(try answer(old, "faccessat2") == noSuchCall)
    #expect(try answer(old, "mseal") == noSuchCall)
    let denying = try program(
      #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["openat2"],"action":"SCMP_ACT_ERRNO"}]}"#)
    #expect(try answer(denying, "mseal") == allowed)
  }

  /// Each operation with values in either half, against libseccomp on inputs around them.
  @Test(arguments: [
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
  ])
  func `comparisons mean what libseccomp means`(_ operation: String) throws {
    let values: [UInt64] = [0, 1, 7, 0xFFFF_FFFF, 0x1_0000_0000, 0x5_0000_0007, 0x7FFF_FFFF_FFFF_FFFF, UInt64.max]
    let inputs = Set(values.flatMap { [$0, $0 &+ 1, $0 &- 1, $0 ^ 0x1_0000_0000, $0 & 0xFFFF_FFFF] })
    for value in values {
      for second in operation == "SCMP_CMP_MASKED_EQ" ? values.filter({ $0 & ~value == 0 }) : [0] {
        var filter = RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_ERRNO")
        filter.defaultErrnoRet = 1
        filter.syscalls = [
          .init(
            names: ["lseek"], action: "SCMP_ACT_ALLOW",
            args: [
              .init(index: 1, value: value, valueTwo: second, op: operation),
              .init(index: 2, value: 3, op: "SCMP_CMP_LT"),
            ])
        ]
        let ours = try SeccompCompiler.compile(filter, doing: "testing").instructions
        let theirs = try compileByLibrary(filter)
        for input in inputs {
          for third: UInt64 in [0, 3] {
            let tried = try answer(ours, "lseek", 9, input, third)
            #expect(tried != nil)
            #expect(try tried == answer(theirs, "lseek", 9, input, third), "\(operation) \(value) \(second) \(input)")
          }
        }
      }
    }
  }

  @Test func `of several comparisons of one argument any will do`() throws {
    let program = try program(
      #"""
      {"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":0,"value":8,"op":"SCMP_CMP_EQ"},{"index":0,"value":4294967296,"op":"SCMP_CMP_GE"}]}]}
      """#)
    #expect(try answer(program, "personality", 8) == allowed)
    #expect(try answer(program, "personality", 9) == refused)
    #expect(try answer(program, "personality", 1 << 32) == allowed)
  }

  #if arch(x86_64)
    @Test func `a rule for sockets holds for socketcall too`() throws {
      let program = try program(
        #"""
        {"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],
         "syscalls":[{"names":["connect"],"action":"SCMP_ACT_ERRNO"}]}
        """#)
      #expect(runFilter(program, SeccompInput(.x86, 102, [3])) == refused)
      #expect(runFilter(program, SeccompInput(.x86, 102, [2])) == allowed)
      #expect(runFilter(program, SeccompInput(.x86, 362)) == refused)
    }
  #endif

  @Test func `podman's profile is taken whole`() throws {
    let path = "/usr/share/containers/seccomp.json"
    guard exists(path) else { return }
    let filter = try SeccompProfile(file: path, doing: "testing").specification(bounding: ["CAP_SYS_CHROOT"])
    let ours = try SeccompCompiler.compile(filter, doing: "testing").instructions
    let theirs = try compileByLibrary(filter)
    for interface in SyscallMachine.current.interfaces {
      for (name, numbers) in SyscallTable().all {
        let number = numbers[interface.rawValue]
        guard number >= 0, number <= 450 || number >= 512, name != "uretprobe" else { continue }
        for arguments in SeccompDefaultTests.arguments {
          let input = SeccompInput(interface, UInt32(number), arguments)
          #expect(runFilter(ours, input) == runFilter(theirs, input), "\(interface) \(name) \(arguments)")
        }
      }
    }
  }
}
