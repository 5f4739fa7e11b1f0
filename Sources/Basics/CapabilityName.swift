/// Names of Linux capabilities (capabilities(7)), each at its number; kernel 5.9 has all of them.
package enum CapabilityName {
  package static let all = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
  ]

  /// The names without CAP_, as people type them.
  package static var short: [String] { all.map { String($0.dropFirst(4)) } }

  /// `NET_ADMIN` of `net_admin` and `CAP_NET_ADMIN`, `ALL` of `all`; nil for a capability that does not exist.
  package static func normalized(_ text: String) -> String? {
    let upper = text.uppercased()
    if upper == "ALL" { return upper }
    let name = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
    return all.contains(name) ? String(name.dropFirst(4)) : nil
  }
}
