package import OCI

/// Docker's default system call filter (moby/profiles, seccomp, May 2026: kernel 6.13, AF_ALG refused), as facts about
/// names.
///
/// One deliberate difference: docker compares all 64 bits of socket(2)'s family and allows whatever is above AF_VSOCK,
/// while the kernel looks at the lower 32; so families above are listed one by one, and nothing gets past.
package enum DefaultSeccompProfile {
  /// A capability of the bounding set that brings calls with it.
  struct Grant {
    var capability: String
    var names: [String]
  }

  static let grants = [
    Grant(capability: "CAP_DAC_READ_SEARCH", names: ["open_by_handle_at"]),
    Grant(
      capability: "CAP_SYS_ADMIN",
      names: [
        "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie",
        "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount", "mount_setattr", "move_mount",
        "open_tree", "perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog",
        "umount", "umount2", "unshare",
      ]),
    Grant(capability: "CAP_SYS_BOOT", names: ["reboot"]),
    Grant(capability: "CAP_SYS_CHROOT", names: ["chroot"]),
    Grant(capability: "CAP_SYS_MODULE", names: ["delete_module", "init_module", "finit_module"]),
    Grant(capability: "CAP_SYS_PACCT", names: ["acct"]),
    Grant(capability: "CAP_SYS_PTRACE", names: ["kcmp", "pidfd_getfd", "process_madvise"]),
    Grant(capability: "CAP_SYS_RAWIO", names: ["iopl", "ioperm"]),
    Grant(capability: "CAP_SYS_TIME", names: ["settimeofday", "stime", "clock_settime", "clock_settime64"]),
    Grant(capability: "CAP_SYS_TTY_CONFIG", names: ["vhangup"]),
    Grant(
      capability: "CAP_SYS_NICE", names: ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    Grant(capability: "CAP_SYSLOG", names: ["syslog"]),
    Grant(capability: "CAP_BPF", names: ["bpf"]),
    Grant(capability: "CAP_PERFMON", names: ["perf_event_open"]),
  ]

  /// Safe since kernel 4.8, where a tracer no longer gets past a filter; we need a later one anyway.
  static let tracing = ["process_vm_readv", "process_vm_writev", "ptrace"]

  /// Calls that only some machines have and that belong to their C library.
  static let machineSpecific: [SyscallMachine: [String]] = [
    .x86_64: ["arch_prctl", "modify_ldt"],
    .aarch64: [
      "arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush", "set_tls", "sync_file_range2",
    ],
  ]

  /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
  static let cloneNamespaces: UInt64 = 0x7E02_0000

  /// PER_LINUX, PER_LINUX32, UNAME26 with either, and the query.
  static let personalities: [UInt64] = [0, 8, 0x20000, 0x20008, 0xFFFF_FFFF]

  /// All families but AF_ALG (38) and AF_VSOCK (40); AF_MAX is 46.
  static let socketRules: [RuntimeSpec.SeccompArgument] =
    [.init(index: 0, value: 38, op: "SCMP_CMP_LT")]
    + [39, 41, 42, 43, 44, 45].map { .init(index: 0, value: $0, op: "SCMP_CMP_EQ") }

  /// The filter in the form of the OCI runtime spec, for a container with these capabilities in its bounding set.
  package static func specification(
    bounding capabilities: [String], machine: SyscallMachine = .current
  ) -> RuntimeSpec.Seccomp {
    var filter = RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_ERRNO")
    filter.defaultErrnoRet = 1
    filter.architectures = machine.interfaces.map(\.ociName)
    func allow(_ names: [String], _ arguments: [RuntimeSpec.SeccompArgument] = []) {
      filter.syscalls.append(.init(names: names, action: "SCMP_ACT_ALLOW", args: arguments))
    }
    allow(allowed.description.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init))
    allow(tracing)
    allow(machineSpecific[machine] ?? [])
    for argument in socketRules { allow(["socket"], [argument]) }
    for value in personalities { allow(["personality"], [.init(index: 0, value: value, op: "SCMP_CMP_EQ")]) }
    if !capabilities.contains("CAP_SYS_ADMIN") {
      allow(["clone"], [.init(index: 0, value: cloneNamespaces, op: "SCMP_CMP_MASKED_EQ")])
      // A filter cannot see the flags of clone3(2), which lie in memory; C libraries fall back to clone(2).
      filter.syscalls.append(.init(names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38))
    }
    for grant in grants where capabilities.contains(grant.capability) { allow(grant.names) }
    return filter
  }

  /// Calls that every container may make.
  static let allowed: StaticString = """
    _llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown
    chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark
    fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock
    fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex
    futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu
    getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer
    getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32
    getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr getxattrat
    inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
    io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule
    landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr
    listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier
    memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect
    mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep
    newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect
    poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64
    pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64
    recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall riscv_hwprobe rmdir
    rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
    sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop
    semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area
    set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid
    setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid
    setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
    sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat
    sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
    timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
    utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
    """
}
