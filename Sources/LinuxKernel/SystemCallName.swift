internal import CSeccomp

/// System calls by name, as libseccomp knows them for every machine (seccomp_syscall_resolve_name_arch(3)).
package enum SystemCallName {
  package enum Known: Equatable, Sendable {
    case number(Int32)
    /// Another machine has it; this one does not.
    case elsewhere
  }

  /// libseccomp's token of the x32 interface, which has no AUDIT_ARCH_ of its own; the bit that marks its numbers is not
  /// part of what is answered.
  package static let x32Token: UInt32 = 0x4000_003E
  private static let x32Bit: Int32 = 0x4000_0000

  /// - Parameter token: AUDIT_ARCH_ of linux/audit.h, or `x32Token`.
  /// - Returns: nil when no machine has a call of that name.
  package static func find(_ name: String, _ token: UInt32) -> Known? {
    let number = seccomp_syscall_resolve_name_arch(token, name)
    // __NR_SCMP_ERROR; other negative numbers stand for calls of other machines.
    if number == -1 { return nil }
    return number < 0 ? .elsewhere : .number(number & ~x32Bit)
  }
}
