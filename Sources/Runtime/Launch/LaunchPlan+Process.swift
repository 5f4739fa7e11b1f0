import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI

extension LaunchPlan {
  mutating func addProcWrite(_ path: String, _ text: String, _ subject: String, below slot: Int32 = procSlot) {
    add(DHOW_OP_PROC_WRITE, subject) { op, arena in
      op.a = slot
      op.path = arena.string(path)
      let bytes = Array(text.utf8)
      op.data = arena.bytes(bytes)
      op.length = UInt64(bytes.count)
    }
  }

  mutating func addLimits(_ limits: [RuntimeSpec.ResourceLimit]) throws(EngineError) {
    for limit in limits {
      guard let resource = ResourceLimitName.number(limit.type) else {
        throw EngineError(.invalidInput, "setting limits", "there is no limit called \(limit.type)")
      }
      add(DHOW_OP_LIMIT, "setting the limit \(limit.type)") { op, _ in
        op.a = resource
        op.value = limit.soft
        op.value2 = limit.hard
      }
    }
  }

  mutating func addStdio(_ stdio: LaunchStdio, owner: UInt32, takesTerminal: Bool) {
    switch stdio {
    case .descriptors(let input, let output, let error):
      for (number, source) in [input, output, error].enumerated() { addStdio(source, Int32(number)) }
      add(DHOW_OP_OWN_STDIO, "giving the standard streams away") { op, _ in op.value = UInt64(owner) }
    case .terminal:
      for number in 0..<3 { addStdio(-1, Int32(number)) }
      add(DHOW_OP_OWN_STDIO, "giving the terminal away") { op, _ in
        op.value = UInt64(owner)
        op.flags = UInt32(DHOW_FLAG_RECURSIVE)
      }
      if takesTerminal { add(DHOW_OP_CONTROLLING_TERMINAL, "taking the terminal") }
    }
  }

  /// Leaves a descriptor open at exec that is in its place already.
  private mutating func addDescriptor(_ number: Int32) {
    add(DHOW_OP_STDIO, "passing descriptor \(number)") { op, _ in
      op.a = number
      op.b = number
    }
  }

  private mutating func addStdio(_ source: Int32, _ number: Int32) {
    add(DHOW_OP_STDIO, "placing the standard streams") { op, _ in
      op.a = source
      op.b = number
    }
  }

  mutating func addWorkingDirectory(_ path: String, create: Bool, last: Bool) {
    add(DHOW_OP_WORKDIR, "changing to the working directory \(path)") { op, arena in
      op.path = arena.string(path)
      op.flags = UInt32((create ? DHOW_FLAG_CREATE : 0) | (last ? DHOW_FLAG_LAST : 0))
    }
  }

  /// Ids and no_new_privs, in the one order in which each still has the rights it needs: the bounding set while we are
  /// root. The capabilities proper come with the filter.
  mutating func addCredentials(_ process: RuntimeSpec.Process, keepsGroups: Bool) throws(EngineError) -> Credentials {
    let sets = try CapabilitySets(process.capabilities)
    value(DHOW_OP_BOUNDING, "dropping capabilities", sets.bounding.rawValue)
    if !keepsGroups {
      let groups = process.user.additionalGids
      add(DHOW_OP_GROUPS, "setting the supplementary groups") { op, arena in
        op.data = arena.bytes(groups)
        op.length = UInt64(groups.count)
      }
    }
    value(DHOW_OP_IDS, "becoming user \(process.user.uid)", UInt64(process.user.uid), UInt64(process.user.gid))
    addWorkingDirectory(process.cwd, create: false, last: true)
    if process.noNewPrivileges { add(DHOW_OP_NO_NEW_PRIVILEGES, "forbidding new privileges") }
    return Credentials(sets: sets, noNewPrivileges: process.noNewPrivileges)
  }

  struct Credentials {
    var sets: CapabilitySets
    var noNewPrivileges: Bool
  }

  /// The final capabilities and the filter, as late as possible, so that it need not allow our own calls.
  mutating func addFilter(_ program: SeccompProgram?, _ credentials: Credentials) {
    let sets = credentials.sets
    if let program, !credentials.noNewPrivileges {
      // Without no_new_privs only CAP_SYS_ADMIN may load a filter (seccomp(2)).
      addCapabilities(sets.effective.union(.sysAdmin), sets.permitted.union(.sysAdmin), sets.inheritable)
      addFilter(program)
    }
    addCapabilities(sets.effective, sets.permitted, sets.inheritable)
    value(DHOW_OP_AMBIENT, "setting the ambient capabilities", sets.ambient.rawValue)
    if let program, credentials.noNewPrivileges { addFilter(program) }
  }

  private mutating func addFilter(_ program: SeccompProgram) {
    add(DHOW_OP_SECCOMP, "loading the system call filter") { op, arena in
      op.data = arena.bytes(program.instructions)
      op.length = UInt64(program.instructions.count)
      op.value = UInt64(program.flags)
    }
  }

  private mutating func addCapabilities(
    _ effective: CapabilitySet, _ permitted: CapabilitySet, _ inheritable: CapabilitySet
  ) {
    add(DHOW_OP_CAPABILITIES, "setting the capabilities") { op, _ in
      op.value = effective.rawValue
      op.value2 = permitted.rawValue
      op.device = inheritable.rawValue
    }
  }

  /// The program, looked for in its own PATH unless its name has a slash. Ends the plan.
  mutating func addExecution(_ candidates: [String], passing descriptors: [Int32] = []) {
    value(DHOW_OP_KEEP, "closing descriptors at exec", 0)
    for descriptor in descriptors { addDescriptor(descriptor) }
    add(DHOW_OP_EXEC, "starting the program") { op, arena in op.data = UnsafeRawPointer(arena.strings(candidates)) }
  }

  /// The paths that exec tries for a command, in order (execvp(3) with the container's PATH).
  static func candidates(_ process: RuntimeSpec.Process, doing: String) throws(EngineError) -> [String] {
    guard let command = process.args.first, !command.isEmpty else {
      throw EngineError(.invalidInput, doing, "there is no command to run")
    }
    if command.utf8.contains(UInt8(ascii: "/")) { return [command] }
    let path = process.env.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/bin:/usr/bin"
    return path.split(separator: ":", omittingEmptySubsequences: false).map {
      $0.isEmpty ? "./" + command : $0 + "/" + command
    }
  }
}

/// The five sets as bits.
struct CapabilitySets {
  var bounding, effective, permitted, inheritable, ambient: CapabilitySet

  init(_ lists: RuntimeSpec.Capabilities) throws(EngineError) {
    func set(_ names: [String]) throws(EngineError) -> CapabilitySet {
      var unknown = ""
      guard let set = CapabilitySet(names: names, unknown: &unknown) else {
        throw EngineError(.invalidInput, "setting capabilities", "there is no capability called \(safeText(unknown))")
      }
      return set
    }
    bounding = try set(lists.bounding)
    effective = try set(lists.effective)
    permitted = try set(lists.permitted)
    inheritable = try set(lists.inheritable)
    ambient = try set(lists.ambient)
  }
}

/// Names of setrlimit(2) with their numbers on x86_64 and aarch64 (asm-generic/resource.h).
package enum ResourceLimitName {
  package static let numbers: [(name: String, number: Int32)] = [
    ("cpu", 0), ("fsize", 1), ("data", 2), ("stack", 3), ("core", 4), ("rss", 5), ("nproc", 6), ("nofile", 7),
    ("memlock", 8), ("as", 9), ("locks", 10), ("sigpending", 11), ("msgqueue", 12), ("nice", 13), ("rtprio", 14),
    ("rttime", 15),
  ]

  /// Of `RLIMIT_NOFILE`; nil for an unknown name.
  package static func number(_ type: String) -> Int32? {
    numbers.first { "RLIMIT_" + $0.name.uppercased() == type }?.number
  }
}
