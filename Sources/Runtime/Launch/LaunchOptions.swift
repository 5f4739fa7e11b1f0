package import LinuxKernel
package import OCI

/// Where a container's root file system comes from. All paths are the host's, in a tree that only the user writes.
package enum RootFileSystem: Sendable, Equatable {
  /// `lower`: layer trees, the topmost first. `volatile` leaves out all syncing and is for `--rm` only.
  case overlay(lower: [String], upper: String, work: String, volatile: Bool)
  /// A directory as it is (`--rootfs DIR`).
  case directory(String)
}

/// What becomes the program's standard input, output and error.
package enum LaunchStdio: Sendable, Equatable {
  case descriptors(Int32, Int32, Int32)
  /// A pty of the container's own devpts; its master is handed back. Zero keeps the kernel's size of 0 by 0.
  case terminal(columns: UInt16, rows: UInt16)
}

/// What a launch needs beside the runtime spec.
package struct LaunchOptions: Sendable {
  /// A present participle with the object, such as "starting web"; begins every error.
  package var doing: String
  package var rootFileSystem: RootFileSystem
  /// We run in a user namespace of ours: no device nodes can be made, and overlay keeps its marks in user.* attributes.
  package var inUserNamespace: Bool
  /// The caller's supplementary groups stay: setgroups(2) is denied, as in a namespace with a single id, or the user
  /// wants to keep them.
  package var keepsGroups = false
  /// A directory of cgroup v2 to be born in.
  package var cgroup: Int32?
  /// cgroup.procs files that the child is written to before it goes on.
  package var cgroupProcs: [String] = []
  /// What the container sees at /sys/fs/cgroup.
  package var cgroupView = CgroupView.none
  /// An already compiled filter; nil when the spec asks for none.
  package var seccomp: SeccompProgram?
  /// `--init`: our PID 1 in front of the program.
  package var usesInit = false
  /// The program must never see our binary as /proc/PID/exe (CVE-2019-5736).
  package var hidesBinary = false
  /// The signal the program gets when the launching process dies; 0 for none.
  package var deathSignal: Int32 = 9
  /// Containers whose namespaces are joined instead of made: the process and the kinds.
  package var joins: [NamespaceJoin] = []
  /// Descriptors above 2 that the program gets, under the same numbers (`--preserve-fds`).
  package var passedDescriptors: [Int32] = []
  package var umask: UInt32 = 0o022

  package init(doing: String, rootFileSystem: RootFileSystem, inUserNamespace: Bool) {
    self.doing = doing
    self.rootFileSystem = rootFileSystem
    self.inUserNamespace = inUserNamespace
  }
}

/// What joining a container needs beside the process.
package struct JoinOptions: Sendable {
  /// A present participle with the object, such as "executing in web"; begins every error.
  package var doing: String
  /// The container's first process and the namespaces in which it differs from us.
  package var container: NamespaceJoin
  package var keepsGroups = false
  /// A directory of cgroup v2 to be born in.
  package var cgroup: Int32?
  /// cgroup.procs files that the child is written to before it joins.
  package var cgroupProcs: [String] = []
  package var seccomp: SeccompProgram?
  /// The filter allows what the launcher itself still does after loading it; true of the built-in profile.
  package var filterAllowsLaunch = false
  /// The program must never see our binary as /proc/PID/exe (CVE-2019-5736).
  package var hidesBinary = false
  /// The signal the program gets when the launching process dies; 0 for none.
  package var deathSignal: Int32 = 9
  package var umask: UInt32 = 0o022

  package init(doing: String, container: NamespaceJoin) {
    self.doing = doing
    self.container = container
  }
}

/// Namespaces of a living process to join (setns(2) with a pidfd, kernel 5.8).
package struct NamespaceJoin: Sendable, Equatable {
  package var process: ProcessIdentity
  package var types: [RuntimeSpec.NamespaceType]

  package init(process: ProcessIdentity, types: [RuntimeSpec.NamespaceType]) {
    self.process = process
    self.types = types
  }
}

/// The cgroup file systems of a container.
package enum CgroupView: Sendable, Equatable {
  /// An empty directory.
  case none
  /// The unified hierarchy, rooted at the container's cgroup by its cgroup namespace.
  case unified
  /// cgroup v1: host directories of the container's own cgroups by controller name.
  case controllers([String: String])
}

/// A system call filter as the kernel takes it: `struct sock_filter` of 8 bytes each (seccomp(2)).
package struct SeccompProgram: Sendable, Equatable {
  package var instructions: [UInt64]
  /// SECCOMP_FILTER_FLAG_ bits.
  package var flags: UInt32

  package init(instructions: [UInt64], flags: UInt32 = 0) {
    self.instructions = instructions
    self.flags = flags
  }
}
