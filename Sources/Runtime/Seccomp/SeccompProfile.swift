package import Basics
import Glibc
import LinuxKernel
package import OCI

/// A profile of `--security-opt seccomp=FILE`, in docker's JSON form; podman's additions to it (`errno`, `defaultErrno`)
/// are understood as well. A member that we do not know is an error: it might have restricted something.
package struct SeccompProfile: Sendable {
  /// Docker's default profile has 13 KB.
  package static let sizeLimit = 1 << 20

  private var filter: RuntimeSpec.Seccomp
  private var entries: [Entry] = []
  private var architectureMap: [(own: String, others: [String])] = []

  /// - Throws: `EngineError` when the file cannot be read or is no profile.
  package init(file path: String, doing: String) throws(EngineError) {
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try File.readAll(path, limit: Self.sizeLimit) } catch {
      throw EngineError(
        error.errno == ENOENT ? .notFound : .invalidInput, doing,
        "seccomp profile \(safeText(path)): \(error.errno == EFBIG ? "larger than 1 MiB" : error.reason)")
    }
    try self.init(parsing: bytes, shown: path, doing: doing)
  }

  /// - Parameter shown: the profile's name in errors.
  package init(parsing bytes: [UInt8], shown: String, doing: String) throws(EngineError) {
    let failure = { (reason: String) in
      EngineError(.invalidInput, doing, "seccomp profile \(safeText(shown)): \(safeText(reason))")
    }
    let json: JSON
    do throws(JSONSyntaxError) { json = try JSON(parsing: bytes) } catch {
      throw failure("\(error.reason) at byte \(error.offset)")
    }
    do throws(JSONShapeError) {
      let fields = try JSONFields(json, "profile")
      try fields.allow([
        "defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags", "syscalls",
      ])
      filter = RuntimeSpec.Seccomp(defaultAction: try fields.string("defaultAction"))
      filter.defaultErrnoRet = try fields.errno("defaultErrnoRet", name: "defaultErrno")
      filter.flags = try fields.strings("flags")
      filter.architectures = try fields.strings("architectures")
      if let map = fields.value("archMap"), !filter.architectures.isEmpty, map != .array([]) {
        throw fields.failure("archMap", "stands beside architectures; use one of them")
      }
      for item in try fields.objects("archMap") {
        try item.allow(["architecture", "subArchitectures"])
        architectureMap.append((try item.string("architecture"), try item.strings("subArchitectures")))
      }
      let table = SyscallTable()
      for item in try fields.objects("syscalls") {
        let entry = try Entry(item)
        if !entry.isOptional, let name = entry.rule.names.first(where: { table.numbers(of: $0) == nil }) {
          throw item.failure("names", "has a system call that no machine has: \(name)")
        }
        entries.append(entry)
      }
      try Self.check(filter.architectures + architectureMap.flatMap { [$0.own] + $0.others }, fields)
    } catch { throw failure("\(error.path) \(error.reason)") }
  }

  /// What of the profile applies to a container with these capabilities in its bounding set, on this kernel.
  package func specification(
    bounding capabilities: [String], machine: SyscallMachine = .current, kernel: KernelVersion = .current
  ) -> RuntimeSpec.Seccomp {
    var filter = self.filter
    let own = machine.interfaces[0].ociName
    if let entry = architectureMap.first(where: { $0.own == own }) { filter.architectures = [own] + entry.others }
    let table = SyscallTable()
    for entry in entries where entry.applies(capabilities, machine, kernel) {
      var rule = entry.rule
      if entry.isOptional { rule.names.removeAll { table.numbers(of: $0) == nil } }
      filter.syscalls.append(rule)
    }
    return filter
  }

  /// The names of config-linux.md; interfaces of other machines say nothing here and do no harm.
  private static func check(_ names: [String], _ fields: JSONFields) throws(JSONShapeError) {
    for name in names where !knownArchitectures.contains(name) {
      throw fields.failure("architectures", "has an unknown one: \(name)")
    }
  }

  private static let knownArchitectures: Set<String> = [
    "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390", "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH", "SCMP_ARCH_SHEB",
  ]
}

/// The first two numbers of a kernel's release.
package struct KernelVersion: Comparable, Sendable {
  package var major: Int
  package var minor: Int

  package init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// From `6.18`, `6.18.4-cloud`, `4.8-rc1`.
  package init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2, let major = Int(parts[0]),
      let minor = Int(parts[1].prefix { $0.isASCII && $0.isNumber })
    else { return nil }
    self.init(major, minor)
  }

  package static func < (a: KernelVersion, b: KernelVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }

  /// Of the running kernel (uname(2)).
  package static var current: KernelVersion {
    var name = utsname()
    uname(&name)
    let release = withUnsafeBytes(of: &name.release) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    // A kernel without a version is none that any condition was written for.
    return KernelVersion(release) ?? KernelVersion(0, 0)
  }
}

extension SeccompProfile {
  /// One element of `syscalls`.
  private struct Entry: Sendable {
    var rule: RuntimeSpec.SeccompRule
    /// Names that no machine has are left out rather than refused; our own addition.
    var isOptional: Bool
    var includes: Condition?
    var excludes: Condition?

    init(_ fields: JSONFields) throws(JSONShapeError) {
      try fields.allow([
        "name", "names", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes", "optional",
      ])
      var names = try fields.strings("names")
      if let name = try fields.optionalString("name"), !name.isEmpty {
        guard names.isEmpty else { throw fields.failure("name", "stands beside names; use one of them") }
        names = [name]
      }
      guard !names.isEmpty else { throw fields.failure("names", "is missing or empty") }
      rule = RuntimeSpec.SeccompRule(names: names, action: try fields.string("action"))
      rule.errnoRet = try fields.errno("errnoRet", name: "errno")
      for argument in try fields.objects("args") {
        try argument.allow(["index", "value", "valueTwo", "op"])
        rule.args.append(
          .init(
            index: UInt32(clamping: try argument.unsigned("index") ?? 0), value: try argument.unsigned("value") ?? 0,
            valueTwo: try argument.unsigned("valueTwo") ?? 0, op: try argument.string("op")))
      }
      isOptional = try fields.bool("optional")
      includes = try fields.fields("includes").map { (fields) throws(JSONShapeError) in try Condition(fields) }
      excludes = try fields.fields("excludes").map { (fields) throws(JSONShapeError) in try Condition(fields) }
    }

    /// Docker's meaning: all capabilities of `includes` are needed, any of `excludes` is enough.
    func applies(_ capabilities: [String], _ machine: SyscallMachine, _ kernel: KernelVersion) -> Bool {
      if let excludes {
        if excludes.machines.contains(machine.dockerName) { return false }
        if excludes.capabilities.contains(where: capabilities.contains) { return false }
        if let least = excludes.leastKernel, kernel >= least { return false }
      }
      guard let includes else { return true }
      if !includes.machines.isEmpty, !includes.machines.contains(machine.dockerName) { return false }
      if !includes.capabilities.allSatisfy(capabilities.contains) { return false }
      if let least = includes.leastKernel, kernel < least { return false }
      return true
    }
  }

  private struct Condition: Sendable {
    var capabilities: [String]
    /// Docker's names of machines: amd64, arm64, …
    var machines: [String]
    var leastKernel: KernelVersion?

    init(_ fields: JSONFields) throws(JSONShapeError) {
      try fields.allow(["caps", "arches", "minKernel"])
      capabilities = try fields.strings("caps")
      for name in capabilities where !CapabilitySet.names.contains(name) {
        throw fields.failure("caps", "has an unknown capability: \(name)")
      }
      machines = try fields.strings("arches")
      if let text = try fields.optionalString("minKernel"), !text.isEmpty {
        guard let version = KernelVersion(text) else { throw fields.failure("minKernel", "is no version: \(text)") }
        leastKernel = version
      }
    }
  }
}

extension JSONFields {
  fileprivate func allow(_ names: Set<String>) throws(JSONShapeError) {
    for member in object.members where !names.contains(member.name) {
      throw failure(member.name, "is not known here")
    }
  }

  fileprivate func unsigned(_ name: String) throws(JSONShapeError) -> UInt64? {
    guard let value = value(name) else { return nil }
    guard case .integer(let number) = value, number >= 0 else {
      throw failure(name, "is no whole number from 0 to 9223372036854775807")
    }
    return UInt64(number)
  }

  /// An error number, or the name that podman writes beside it.
  fileprivate func errno(_ number: String, name: String) throws(JSONShapeError) -> UInt32? {
    if let value = try unsigned(number) {
      guard value <= UInt64(SeccompAction.greatestErrno) else {
        throw failure(number, "is above \(SeccompAction.greatestErrno)")
      }
      return UInt32(value)
    }
    guard let text = try optionalString(name), !text.isEmpty else { return nil }
    let known = ["EPERM": EPERM, "ENOSYS": ENOSYS, "EINVAL": EINVAL, "EACCES": EACCES, "ENOENT": ENOENT]
    guard let code = known[text] else { throw failure(name, "has no number beside it: \(text)") }
    return UInt32(code)
  }
}
