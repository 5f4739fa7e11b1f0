import Basics
import OCI
import Testing

@testable import Runtime

struct SeccompDefaultTests {
  /// The classes of `DefaultSeccompProfile.resolved`, made from the names.
  private func classes(_ interface: SyscallInterface) -> String {
    var letters: [String: Unicode.Scalar] = [:]
    let allowed = DefaultSeccompProfile.allowed.description.split(whereSeparator: { $0 == " " || $0 == "\n" })
    for name in allowed.map(String.init) + DefaultSeccompProfile.tracing { letters[name] = "A" }
    for name in DefaultSeccompProfile.machineSpecific.values.joined() { letters[name] = "A" }
    // A call is in the class that exactly the capabilities allow which bring it.
    var capabilities: [Unicode.Scalar: Set<String>] = [:]
    var calls: [String: Set<String>] = [:]
    for grant in DefaultSeccompProfile.grants {
      for letter in DefaultSeccompProfile.classes(allowedBy: grant.capability).description.unicodeScalars {
        capabilities[letter, default: []].insert(grant.capability)
      }
      for name in grant.names { calls[name, default: []].insert(grant.capability) }
    }
    for (name, granting) in calls { letters[name] = capabilities.first { $0.value == granting }?.key }
    letters["clone"] = "c"
    letters["clone3"] = "d"
    letters["personality"] = "p"
    letters["socket"] = "s"
    var byNumber: [Int: Unicode.Scalar] = [:]
    for (name, numbers) in SyscallTable().all where numbers[interface.rawValue] >= 0 {
      let number = Int(numbers[interface.rawValue])
      let letter: Unicode.Scalar = letters[name] ?? (number > 466 && number < 512 ? "N" : "E")
      if byNumber[number] != "A" { byNumber[number] = letter }
    }
    var runs: [(Unicode.Scalar, Int)] = []
    for number in 0...(byNumber.keys.max() ?? 0) + 1 {
      let letter = byNumber[number] ?? "N"
      if let last = runs.last, last.0 == letter { runs[runs.count - 1].1 += 1 } else { runs.append((letter, 1)) }
    }
    return runs.map { "\($0.0)" + ($0.1 > 1 ? "\($0.1)" : "") }.joined()
  }

  @Test(arguments: SyscallInterface.allCases)
  func `the resolved numbers are those of the names`(_ interface: SyscallInterface) {
    #expect(DefaultSeccompProfile.resolved(interface).description == classes(interface))
  }

  @Test(arguments: SyscallMachine.allCases)
  func `the fast program is the compiled specification`(_ machine: SyscallMachine) throws {
    for capabilities in capabilitySets {
      let specification = DefaultSeccompProfile.specification(bounding: capabilities, machine: machine)
      let compiled = try SeccompCompiler.compile(specification, machine: machine, doing: "testing")
      #expect(DefaultSeccompProfile.program(bounding: capabilities, machine: machine) == compiled, "\(capabilities)")
    }
  }

  /// Arguments worth trying: none, and around every number that the profile compares with, in both halves.
  static let arguments: [[UInt64]] = {
    let interesting: [UInt64] = [
      0, 1, 8, 9, 37, 38, 39, 40, 41, 45, 46, 100, 0x20000, 0x20008, 0x20009, 0xFFFF_FFFF, 0x0002_0000, 0x0200_0000,
      0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000, 0x0120_0011, 0x7E02_0000, 0x80,
    ]
    return interesting.map { [$0] } + [[0, 0x1000_0000], [5, 5, 5, 5, 5, 5]]
  }()

  /// Numbers of an interface to try: all that are near any call.
  static func numbers(_ interface: SyscallInterface) -> [UInt32] {
    Array(0..<700) + (interface == .arm ? Array(0xF0000..<0xF0010) : []) + [0x3FFF_FFFF]
  }

  @Test(arguments: [[], CapabilitySet.dockerDefault.names, ["CAP_SYS_ADMIN"], CapabilitySet.all.names])
  func `every known call gets what libseccomp gives it`(_ capabilities: [String]) throws {
    let specification = DefaultSeccompProfile.specification(bounding: capabilities)
    let ours = DefaultSeccompProfile.program(bounding: capabilities).instructions
    let theirs = try compileByLibrary(specification)
    var compared = 0
    for interface in SyscallMachine.current.interfaces {
      for (name, numbers) in SyscallTable().all {
        let number = numbers[interface.rawValue]
        guard number >= 0, number <= 456 || number >= 512, name != "uretprobe" else { continue }
        for arguments in Self.arguments {
          let input = SeccompInput(interface, UInt32(number), arguments)
          let answer = runFilter(ours, input)
          #expect(answer == runFilter(theirs, input), "\(interface) \(name) \(arguments)")
          compared += 1
        }
      }
    }
    #expect(compared > 20_000)
  }

  @Test(arguments: SyscallMachine.allCases)
  func `every number has an answer, unknown ones ENOSYS`(_ machine: SyscallMachine) throws {
    let program = DefaultSeccompProfile.program(bounding: [], machine: machine).instructions
    for interface in machine.interfaces {
      let known = Set(SyscallTable().all.map { $0.numbers[interface.rawValue] })
      for number in Self.numbers(interface) {
        let answer = try #require(runFilter(program, SeccompInput(interface, number)))
        if !known.contains(Int32(number)) { #expect(answer == noSuchCall, "\(interface) \(number)") }
        #expect([allowed, refused, noSuchCall].contains(answer))
      }
    }
  }

  @Test(arguments: SyscallMachine.allCases)
  func `a call of another machine kills the process`(_ machine: SyscallMachine) throws {
    let program = DefaultSeccompProfile.program(bounding: CapabilitySet.all.names, machine: machine).instructions
    for arch: UInt32 in [0, 0x8000_0016, 0xC000_0015, 0xC000_00F3, 0xFFFF_FFFF] {
      var input = SeccompInput(machine.interfaces[0], 0)
      input.arch = arch
      #expect(runFilter(program, input) == killed)
    }
  }

  /// A17: what a container must not reach, by every interface that has it.
  @Test(arguments: [
    "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick",
    "mount_setattr", "pivot_root", "open_by_handle_at", "kexec_load", "kexec_file_load", "init_module",
    "finit_module", "delete_module", "unshare", "setns", "swapon", "swapoff", "reboot", "settimeofday",
    "clock_settime", "quotactl", "nfsservctl", "lookup_dcookie", "kcmp", "pidfd_getfd", "process_madvise", "iopl",
    "ioperm", "vhangup", "acct", "syslog", "sethostname", "setdomainname", "fanotify_init", "mbind", "move_pages",
    "migrate_pages", "set_mempolicy", "vm86", "uselib", "sysfs", "ustat", "_sysctl",
  ])
  func `is refused by default`(_ name: String) throws {
    let numbers = try #require(SyscallTable().numbers(of: name))
    for machine in SyscallMachine.allCases {
      let program = DefaultSeccompProfile.program(bounding: CapabilitySet.dockerDefault.names, machine: machine)
      for interface in machine.interfaces where numbers[interface.rawValue] >= 0 {
        let input = SeccompInput(interface, UInt32(numbers[interface.rawValue]))
        #expect(runFilter(program.instructions, input) == refused, "\(interface)")
      }
    }
  }

  @Test func `new user namespaces are refused by both clones, threads are not`() throws {
    let program = DefaultSeccompProfile.program(bounding: CapabilitySet.dockerDefault.names).instructions
    let table = SyscallTable()
    let clone = try #require(table.numbers(of: "clone"))
    let clone3 = try #require(table.numbers(of: "clone3"))
    for interface in SyscallMachine.current.interfaces {
      let number = UInt32(clone[interface.rawValue])
      #expect(runFilter(program, SeccompInput(interface, number, [0x003D_0F00])) == allowed)
      for flag: UInt64 in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        #expect(runFilter(program, SeccompInput(interface, number, [flag | 17])) == refused)
      }
      #expect(runFilter(program, SeccompInput(interface, UInt32(clone3[interface.rawValue]))) == noSuchCall)
    }
  }

  @Test func `a family of sockets cannot hide in the upper half of its argument`() throws {
    let program = DefaultSeccompProfile.program(bounding: []).instructions
    let socket = try #require(SyscallTable().numbers(of: "socket"))
    let number = UInt32(socket[SyscallInterface.x86_64.rawValue])
    for family: UInt64 in [1, 2, 10, 16, 17, 39, 41, 44] {
      #expect(runFilter(program, SeccompInput(.x86_64, number, [family])) == allowed)
    }
    for family: UInt64 in [38, 40, 0x1_0000_0026, 0x1_0000_0028, 0xFFFF_FFFF_0000_0028] {
      #expect(runFilter(program, SeccompInput(.x86_64, number, [family])) == refused)
    }
  }

  @Test func `the program stays small`() {
    for capabilities in capabilitySets {
      #expect(DefaultSeccompProfile.program(bounding: capabilities).instructions.count < 450)
    }
  }
}
