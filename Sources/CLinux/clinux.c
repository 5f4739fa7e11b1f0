#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

_Static_assert(DHOW_RESOLVE_IN_ROOT == RESOLVE_IN_ROOT && DHOW_RESOLVE_BENEATH == RESOLVE_BENEATH, "openat2.h");
_Static_assert(DHOW_RESOLVE_NO_MAGICLINKS == RESOLVE_NO_MAGICLINKS && DHOW_RESOLVE_NO_SYMLINKS == RESOLVE_NO_SYMLINKS &&
                   DHOW_RESOLVE_NO_XDEV == RESOLVE_NO_XDEV,
               "openat2.h");
_Static_assert(DHOW_CLONE_NEWUSER == CLONE_NEWUSER && DHOW_CLONE_NEWNS == CLONE_NEWNS && DHOW_CLONE_NEWPID == CLONE_NEWPID &&
                   DHOW_CLONE_NEWNET == CLONE_NEWNET && DHOW_CLONE_NEWIPC == CLONE_NEWIPC && DHOW_CLONE_NEWUTS == CLONE_NEWUTS &&
                   DHOW_CLONE_NEWCGROUP == CLONE_NEWCGROUP,
               "sched.h");

int dhow_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  int fd;
  // EAGAIN: a rename or mount raced with a scoped look-up; openat2(2) says to try again.
  for (int attempt = 0; attempt < 128; attempt++) {
    fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return fd;
  }
  return fd;
}

int dhow_unshare(int flags) { return unshare(flags); }
int dhow_setns(int fd, int flags) { return setns(fd, flags); }
pid_t dhow_fork(void) { return fork(); }
int dhow_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int dhow_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
int dhow_renameat2(int olddir, const char *old, int newdir, const char *new_, unsigned flags) {
  return (int)syscall(SYS_renameat2, olddir, old, newdir, new_, flags);
}
int dhow_syncfs(int fd) { return syncfs(fd); }
int dhow_close_range(unsigned first, unsigned last) {
  int result = (int)syscall(SYS_close_range, first, last, 0);
  if (result == 0 || (errno != ENOSYS && errno != EPERM)) return result;
  // A filter around us, made before the call was known (kernel 5.9), may refuse it.
  DIR *open = opendir("/proc/self/fd");
  if (!open) return -1;
  for (struct dirent *entry; (entry = readdir(open));) {
    unsigned number = (unsigned)atoi(entry->d_name);
    if (*entry->d_name != '.' && number >= first && number <= last && (int)number != dirfd(open)) close((int)number);
  }
  return closedir(open);
}
int64_t dhow_filesystem_type(int fd) {
  struct statfs status;
  return fstatfs(fd, &status) < 0 ? -1 : (int64_t)(uint32_t)status.f_type;
}
int dhow_memfd_create(const char *name, unsigned flags) { return memfd_create(name, flags); }
int dhow_pipe2(int fds[2], int flags) { return pipe2(fds, flags); }
int dhow_dup3(int from, int to, int flags) { return dup3(from, to, flags); }
int dhow_prctl(int option, unsigned long a, unsigned long b) { return prctl(option, a, b, 0, 0); }
int dhow_setresuid(uid_t real, uid_t effective, uid_t saved) { return setresuid(real, effective, saved); }
int dhow_setresgid(gid_t real, gid_t effective, gid_t saved) { return setresgid(real, effective, saved); }
int dhow_accept4(int fd, int flags) { return accept4(fd, NULL, NULL, flags); }

int dhow_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
int dhow_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return epoll_ctl(epoll, operation, fd, &event);
}
int dhow_epoll_wait(int epoll, uint32_t *events, uint64_t *data, int capacity, int timeout_ms) {
  struct epoll_event ready[16];
  if (capacity > 16) capacity = 16;
  int count = epoll_wait(epoll, ready, capacity, timeout_ms);
  for (int i = 0; i < count; i++) {
    events[i] = ready[i].events;
    data[i] = ready[i].data.u64;
  }
  return count;
}

static void fill(sigset_t *set, uint64_t mask) {
  sigemptyset(set);
  for (int n = 1; n <= 64; n++)
    if (mask & (UINT64_C(1) << (n - 1))) sigaddset(set, n);
}
int dhow_block_signals(uint64_t mask) {
  sigset_t set;
  fill(&set, mask);
  return sigprocmask(SIG_BLOCK, &set, NULL);
}
int dhow_unblock_all_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  return sigprocmask(SIG_SETMASK, &set, NULL);
}
int dhow_signalfd(uint64_t mask) {
  sigset_t set;
  fill(&set, mask);
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
int dhow_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }
int dhow_timerfd_set(int fd, int64_t nanoseconds, int64_t interval) {
  struct itimerspec spec = {
      .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000},
      .it_interval = {.tv_sec = interval / 1000000000, .tv_nsec = interval % 1000000000},
  };
  return timerfd_settime(fd, 0, &spec, NULL);
}
int dhow_inotify_init(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }
int dhow_inotify_add(int fd, const char *path, uint32_t mask) { return inotify_add_watch(fd, path, mask); }

static struct flock whole_file(int type) {
  return (struct flock){.l_type = (short)(type == 0 ? F_RDLCK : type == 1 ? F_WRLCK : F_UNLCK), .l_whence = SEEK_SET};
}
int dhow_ofd_lock(int fd, int type, int wait) {
  struct flock lock = whole_file(type);
  return fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
}
int dhow_ofd_is_locked(int fd) {
  struct flock lock = whole_file(1);
  if (fcntl(fd, F_OFD_GETLK, &lock) < 0) return -1;
  return lock.l_type != F_UNLCK;
}

ssize_t dhow_fgetxattr(int fd, const char *name, void *value, size_t size) { return fgetxattr(fd, name, value, size); }
ssize_t dhow_flistxattr(int fd, char *list, size_t size) { return flistxattr(fd, list, size); }
int dhow_fsetxattr(int fd, const char *name, const void *value, size_t size) {
  return fsetxattr(fd, name, value, size, 0);
}
int dhow_fremovexattr(int fd, const char *name) { return fremovexattr(fd, name); }
ssize_t dhow_lgetxattr(const char *path, const char *name, void *value, size_t size) {
  return lgetxattr(path, name, value, size);
}
ssize_t dhow_llistxattr(const char *path, char *list, size_t size) { return llistxattr(path, list, size); }
int dhow_lsetxattr(const char *path, const char *name, const void *value, size_t size) {
  return lsetxattr(path, name, value, size, 0);
}
int dhow_lremovexattr(const char *path, const char *name) { return lremovexattr(path, name); }

int dhow_clone_file(int to, int from) { return ioctl(to, FICLONE, from); }
ssize_t dhow_copy_range(int from, int to, int64_t offset, size_t count) {
  off64_t read_at = offset, write_at = offset;
  return copy_file_range(from, &read_at, to, &write_at, count, 0);
}

int dhow_wifexited(int status) { return WIFEXITED(status); }
int dhow_wexitstatus(int status) { return WEXITSTATUS(status); }
int dhow_wifsignaled(int status) { return WIFSIGNALED(status); }
int dhow_wtermsig(int status) { return WTERMSIG(status); }

enum { MAX_DESCRIPTORS = 16 };

int dhow_send_descriptors(int socket, const int *descriptors, int count) {
  char byte = 'd';
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
  } control;
  if (count < 1 || count > MAX_DESCRIPTORS) {
    errno = EINVAL;
    return -1;
  }
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
  memset(&control, 0, sizeof control);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
  memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)count);
  return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int dhow_receive_descriptors(int socket, int *descriptors, int capacity) {
  char byte;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
  } control;
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return -1;
  int count = 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int received = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    const int *list = (const int *)CMSG_DATA(header);
    for (int i = 0; i < received; i++) {
      if (count < capacity)
        descriptors[count++] = list[i];
      else
        close(list[i]);
    }
  }
  return count;
}

int dhow_spawn(const char *path, char *const argv[], char *const envp[], const int *descriptors, int count, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  // First out of the way of the numbers they are moved to, then into place.
  int moved[MAX_DESCRIPTORS];
  for (int i = 0; i < MAX_DESCRIPTORS; i++) moved[i] = -1;
  int failure = count > MAX_DESCRIPTORS ? EINVAL : 0;
  for (int i = 0; i < count && !failure; i++) {
    moved[i] = descriptors[i] < 0 ? -1 : fcntl(descriptors[i], F_DUPFD_CLOEXEC, count);
    if (descriptors[i] >= 0 && moved[i] < 0) failure = errno;
  }
  for (int i = 0; i < count && !failure; i++)
    failure = moved[i] < 0 ? posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0)
                           : posix_spawn_file_actions_adddup2(&actions, moved[i], i);
  if (!failure) failure = posix_spawn_file_actions_addclosefrom_np(&actions, count);
  if (!failure) failure = posix_spawn(pid, path, &actions, &attributes, argv, envp);
  for (int i = 0; i < count && i < MAX_DESCRIPTORS; i++)
    if (moved[i] >= 0) close(moved[i]);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failure;
}

char **dhow_environment(void) { return environ; }
