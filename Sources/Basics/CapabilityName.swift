/// Names of Linux capabilities (capabilities(7), kernel 6.x) without their CAP_ prefix, each at its number.
package enum CapabilityName {
  package static let all = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
  ]

  /// The name in this list of `net_admin`, `CAP_NET_ADMIN` or `ALL`; nil for a capability that does not exist.
  package static func normalized(_ text: String) -> String? {
    let upper = text.uppercased()
    let name = upper.hasPrefix("CAP_") ? String(upper.dropFirst(4)) : upper
    return name == "ALL" || all.contains(name) ? name : nil
  }
}
