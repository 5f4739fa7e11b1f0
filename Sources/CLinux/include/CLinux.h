// Prototypes of our own only: a header that pulls in glibc's or the kernel's headers under _GNU_SOURCE breaks clean
// debug builds of Swift. The definitions, with the real headers and static assertions, are in the .c files.
#ifndef DHOW_CLINUX_H
#define DHOW_CLINUX_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "child.h"

// Flags of openat2(2), linux/openat2.h.
enum {
  DHOW_RESOLVE_NO_XDEV = 0x01,
  DHOW_RESOLVE_NO_MAGICLINKS = 0x02,
  DHOW_RESOLVE_NO_SYMLINKS = 0x04,
  DHOW_RESOLVE_BENEATH = 0x08,
  DHOW_RESOLVE_IN_ROOT = 0x10,
};

// Namespace flags of clone(2), linux/sched.h.
enum {
  DHOW_CLONE_NEWTIME = 0x00000080,
  DHOW_CLONE_NEWNS = 0x00020000,
  DHOW_CLONE_NEWCGROUP = 0x02000000,
  DHOW_CLONE_NEWUTS = 0x04000000,
  DHOW_CLONE_NEWIPC = 0x08000000,
  DHOW_CLONE_NEWUSER = 0x10000000,
  DHOW_CLONE_NEWPID = 0x20000000,
  DHOW_CLONE_NEWNET = 0x40000000,
};

// Each answers as the system call: -1 and errno on failure.
int dhow_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int dhow_unshare(int flags);
int dhow_setns(int fd, int flags);
pid_t dhow_fork(void);
int dhow_pidfd_open(pid_t pid);
int dhow_pidfd_send_signal(int pidfd, int signal);
int dhow_renameat2(int olddir, const char *old, int newdir, const char *new_, unsigned flags);
int dhow_syncfs(int fd);
// f_type of statfs(2), linux/magic.h; -1 on failure.
int64_t dhow_filesystem_type(int fd);
int dhow_close_range(unsigned first, unsigned last);
int dhow_memfd_create(const char *name, unsigned flags);
int dhow_pipe2(int fds[2], int flags);
int dhow_dup3(int from, int to, int flags);
int dhow_prctl(int option, unsigned long a, unsigned long b);
int dhow_setresuid(uid_t real, uid_t effective, uid_t saved);
int dhow_setresgid(gid_t real, gid_t effective, gid_t saved);
int dhow_accept4(int fd, int flags);
int dhow_epoll_create(void);
// operation: 1 add, 2 delete, 3 modify (EPOLL_CTL_*)
int dhow_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data);
// Fills events[i] and data[i]; answers the number of ready descriptors.
int dhow_epoll_wait(int epoll, uint32_t *events, uint64_t *data, int capacity, int timeout_ms);
// A signalfd for the signals whose bits (1 << (n - 1)) are set; blocks them in this thread first.
int dhow_signalfd(uint64_t mask);
int dhow_block_signals(uint64_t mask);
int dhow_unblock_all_signals(void);
int dhow_timerfd(void);
int dhow_timerfd_set(int fd, int64_t nanoseconds, int64_t interval);
int dhow_inotify_init(void);
int dhow_inotify_add(int fd, const char *path, uint32_t mask);

// Open file description locks, fcntl(2): type 0 shared (F_RDLCK), 1 exclusive (F_WRLCK), 2 unlock.
int dhow_ofd_lock(int fd, int type, int wait);
// 1 when somebody holds a lock that conflicts with an exclusive one, 0 when nobody does.
int dhow_ofd_is_locked(int fd);

ssize_t dhow_fgetxattr(int fd, const char *name, void *value, size_t size);
ssize_t dhow_flistxattr(int fd, char *list, size_t size);
int dhow_fsetxattr(int fd, const char *name, const void *value, size_t size);
int dhow_fremovexattr(int fd, const char *name);
ssize_t dhow_lgetxattr(const char *path, const char *name, void *value, size_t size);
ssize_t dhow_llistxattr(const char *path, char *list, size_t size);
int dhow_lsetxattr(const char *path, const char *name, const void *value, size_t size);
int dhow_lremovexattr(const char *path, const char *name);

// Makes `to` share the whole content of `from`, ioctl_ficlone(2).
int dhow_clone_file(int to, int from);
// copy_file_range(2) at the same offset of both.
ssize_t dhow_copy_range(int from, int to, int64_t offset, size_t count);

// wait status, wait(2)
int dhow_wifexited(int status);
int dhow_wexitstatus(int status);
int dhow_wifsignaled(int status);
int dhow_wtermsig(int status);

// Sends `count` descriptors with one byte over a unix socket; receives up to `capacity` (answers their number, or -1).
int dhow_send_descriptors(int socket, const int *descriptors, int count);
int dhow_receive_descriptors(int socket, int *descriptors, int capacity);

// posix_spawn(3): descriptors[i] becomes i in the child (-1 is /dev/null), all others are closed, all signals are
// unblocked and default. Answers 0 or an errno.
int dhow_spawn(const char *path, char *const argv[], char *const envp[], const int *descriptors, int count, pid_t *pid);

enum { DHOW_HELPER_STACK = 4096 };  // Bytes of `memory` that are left for calls.
// Starts a child that waits for a byte from `ready` and then executes a program, with an empty environment and /dev/null
// as stdio; without a byte it exits with 0. It shares our memory until then: `memory` (aligned to 16 bytes) holds its
// words and is its stack, and stays until it was waited for.
pid_t dhow_start_when_told(int ready, const char *path, char *const argv[], void *memory, size_t size);

// Loads an eBPF program of `count` instructions and makes it decide about devices in a cgroup v2.
int dhow_attach_device_filter(int cgroup, const uint64_t *instructions, uint32_t count);

char **dhow_environment(void);

#include "network.h"
#include "sockets.h"
#include "streams.h"

#endif
