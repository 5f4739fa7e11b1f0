internal import CLinux

/// Filesystems that are windows into the kernel, not files: to read them is to ask, to write them is to command.
package enum KernelFilesystem {
  /// linux/magic.h: proc, sysfs, cgroup, cgroup2, devpts, mqueue, debugfs, tracefs, securityfs, bpf, selinux, pstore,
  /// efivarfs, binfmt_misc, configfs, nsfs.
  private static let types: Set<Int64> = [
    0x9FA0, 0x6265_6572, 0x27_E0EB, 0x6367_7270, 0x1CD1, 0x1980_0202, 0x6462_6720, 0x7472_6163, 0x7363_6673,
    0xCAFE_4A11, 0xF97C_FF8C, 0x6165_676C, 0xDE5E_81E4, 0x4249_4E4D, 0x6265_6570, 0x6E73_6673,
  ]

  /// Whether an open file or directory lies on one of them.
  package static func holds(_ descriptor: Int32) -> Bool { types.contains(dhow_filesystem_type(descriptor)) }
}
