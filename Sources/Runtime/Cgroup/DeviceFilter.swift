internal import Basics
internal import CLinux
internal import LinuxKernel
internal import OCI

/// Device rules as an eBPF program: what the devices controller was in cgroup v1 (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE).
enum DeviceFilter {
  /// Lets the rules decide about every device in the cgroup; nothing when all are allowed.
  static func attach(
    _ rules: [RuntimeSpec.DeviceRule], to directory: String, doing: String
  ) throws(EngineError) {
    guard rules.contains(where: { !$0.allow }) else { return }
    let instructions = program(rules)
    do throws(SystemError) {
      let cgroup = try File.openDirectory(directory)
      try systemCall("bpf", "the device filter") {
        dhow_attach_device_filter(cgroup.raw, instructions, UInt32(instructions.count))
      }
    } catch {
      throw error.engineError(
        doing, hint: "without it the devices of the host are open; --privileged opens them on purpose")
    }
  }

  /// The context: `struct bpf_cgroup_dev_ctx { u32 access_type, major, minor }`. The last rule that fits decides; none
  /// refuses.
  static func program(_ rules: [RuntimeSpec.DeviceRule]) -> [UInt64] {
    var code: [UInt64] = [
      instruction(0x61, 2, 1, offset: 0),  // r2 = access << 16 | type
      instruction(0xBF, 3, 2),  // r3 = r2
      instruction(0x77, 3, immediate: 16),  // r3 >>= 16, what is wanted
      instruction(0x57, 2, immediate: 0xFFFF),  // r2 &= 0xffff, the type
      instruction(0x61, 4, 1, offset: 4),  // r4 = major
      instruction(0x61, 5, 1, offset: 8),  // r5 = minor
    ]
    for rule in rules.reversed() {
      let (block, isLast) = block(rule)
      code += block
      // The kernel takes no program with instructions that cannot be reached.
      if isLast { return code }
    }
    return code + [instruction(0xB7, 0, immediate: 0), instruction(0x95)]
  }

  /// Answers when the rule fits, else falls through; `isLast` when it always fits.
  private static func block(_ rule: RuntimeSpec.DeviceRule) -> (code: [UInt64], isLast: Bool) {
    // Each test jumps over what is left of the block when it fails: filled in at the end.
    var code: [UInt64] = []
    var tests: [Int] = []
    func test(_ opcode: UInt64, _ register: UInt64, _ value: Int64) {
      tests.append(code.count)
      code.append(instruction(opcode, register, immediate: value))
    }
    switch rule.type {
    case "b"?: test(0x55, 2, 1)
    case "c"?, "u"?: test(0x55, 2, 2)
    default: break
    }
    let access = rule.access.utf8.reduce(Int64(0)) {
      $0 | ($1 == UInt8(ascii: "m") ? 1 : $1 == UInt8(ascii: "r") ? 2 : $1 == UInt8(ascii: "w") ? 4 : 0)
    }
    if access != 7 {
      code += [instruction(0xBF, 1, 3), instruction(0x57, 1, immediate: access)]  // r1 = r3 & access
      tests.append(code.count)
      // An allowance must cover all that is wanted, a refusal any of it.
      code.append(rule.allow ? instruction(0x5D, 1, 3) : instruction(0x15, 1, immediate: 0))
    }
    if let major = rule.major { test(0x55, 4, major) }
    if let minor = rule.minor { test(0x55, 5, minor) }
    code += [instruction(0xB7, 0, immediate: rule.allow ? 1 : 0), instruction(0x95)]
    for index in tests { code[index] |= UInt64(code.count - index - 1) << 16 }
    return (code, tests.isEmpty)
  }

  /// `struct bpf_insn`: opcode, registers, offset, immediate.
  private static func instruction(
    _ opcode: UInt64, _ destination: UInt64 = 0, _ source: UInt64 = 0, offset: UInt64 = 0, immediate: Int64 = 0
  ) -> UInt64 {
    opcode | destination << 8 | source << 12 | offset << 16
      | UInt64(UInt32(truncatingIfNeeded: immediate)) << 32
  }
}
