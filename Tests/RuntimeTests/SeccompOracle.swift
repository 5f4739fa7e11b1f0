import CSeccomp
import Glibc
import OCI
import TestSupport

@testable import Runtime

/// Compiles a filter with libseccomp, by other people's understanding of it.
/// - Returns: the program, and the numbers of calls that the library does not know and left out.
func compileByLibrary(_ filter: RuntimeSpec.Seccomp) throws -> [UInt64] {
  guard let standard = SeccompAction(ociName: filter.defaultAction, data: filter.defaultErrnoRet),
    let context = seccomp_init(standard.libraryValue)
  else { throw FixtureError("seccomp_init") }
  defer { seccomp_release(context) }
  for interface in SyscallInterface.allCases where filter.architectures.contains(interface.ociName) {
    let failure = seccomp_arch_add(context, interface.libraryToken)
    guard failure == 0 || failure == -EEXIST else { throw FixtureError("seccomp_arch_add: \(failure)") }
  }
  for rule in filter.syscalls {
    guard let action = SeccompAction(ociName: rule.action, data: rule.errnoRet) else { throw FixtureError(rule.action) }
    if action == standard { continue }
    let arguments = rule.args.map { argument in
      scmp_arg_cmp(
        arg: argument.index, op: compareOperation(argument.op), datum_a: argument.value, datum_b: argument.valueTwo)
    }
    for name in rule.names {
      let number = seccomp_syscall_resolve_name(name)
      if number == __NR_SCMP_ERROR { continue }
      let failure = seccomp_rule_add_array(
        context, action.libraryValue, number, UInt32(arguments.count), arguments)
      // Pseudo calls without a number on any interface are refused; they cannot be made either.
      guard failure == 0 || failure == -EDOM else { throw FixtureError("\(name): \(failure)") }
    }
  }
  return try export(context)
}

private func export(_ context: scmp_filter_ctx) throws -> [UInt64] {
  guard let file = tmpfile() else { throw FixtureError("tmpfile") }
  defer { fclose(file) }
  guard seccomp_export_bpf(context, fileno(file)) == 0 else { throw FixtureError("seccomp_export_bpf") }
  let size = lseek(fileno(file), 0, SEEK_END)
  var program = [UInt64](repeating: 0, count: Int(size) / 8)
  guard pread(fileno(file), &program, Int(size), 0) == Int(size) else { throw FixtureError("pread") }
  return program
}

private func compareOperation(_ name: String) -> scmp_compare {
  switch name {
  case "SCMP_CMP_NE": SCMP_CMP_NE
  case "SCMP_CMP_LT": SCMP_CMP_LT
  case "SCMP_CMP_LE": SCMP_CMP_LE
  case "SCMP_CMP_EQ": SCMP_CMP_EQ
  case "SCMP_CMP_GE": SCMP_CMP_GE
  case "SCMP_CMP_GT": SCMP_CMP_GT
  default: SCMP_CMP_MASKED_EQ
  }
}

extension SeccompAction {
  fileprivate var libraryValue: UInt32 { value }
}

extension SyscallInterface {
  /// SCMP_ARCH_ of libseccomp, which tells x32 apart.
  var libraryToken: UInt32 { self == .x32 ? 0x4000_003E : auditArch }
}
