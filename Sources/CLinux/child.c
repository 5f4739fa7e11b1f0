// The only code between clone and exec. See include/child.h for the plan, child_mount.c for the mounts.
#define _GNU_SOURCE
#include "child_private.h"
#include "rawclone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

static void copy_bytes(void *to, const void *from, size_t count) {
  unsigned char *t = to;
  const unsigned char *f = from;
  for (size_t i = 0; i < count; i++) t[i] = f[i];
}

static _Noreturn void leave(int code) {
  for (;;) raw(SYS_exit_group, code);
}

static void report(struct child *child, struct dhow_report *message, int descriptor) {
  struct iovec data = {message, offsetof(struct dhow_report, bytes) + message->head};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr packet = {.msg_iov = &data, .msg_iovlen = 1};
  if (descriptor >= 0) {
    packet.msg_control = &control;
    packet.msg_controllen = CMSG_SPACE(sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    copy_bytes(CMSG_DATA(&control.header), &descriptor, sizeof(int));
  }
  raw(SYS_sendmsg, child->plan->control, &packet, MSG_NOSIGNAL);
}

static long wait_for_parent(struct child *child) {
  char byte;
  long got;
  do got = raw(SYS_read, child->plan->control, &byte, 1);
  while (got == -EINTR);
  if (got <= 0) leave(1);
  return 0;
}

static long loopback(void) {
  long socket = raw(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket;
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  long result = raw(SYS_ioctl, socket, SIOCSIFFLAGS, &request);
  raw(SYS_close, socket);
  return result;
}

static long resource_limit(const struct dhow_operation *op) {
  struct rlimit64 limit = {op->value, op->value2};
  return raw(SYS_prlimit64, 0, op->a, &limit, NULL);
}

// ENOSYS: a kernel without keyrings. EPERM: a filter around us denies keyctl(2), and it holds for our children as well.
static long keyring(const struct dhow_operation *op) {
  long result = raw(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->text);
  return result == -ENOSYS || result == -EPERM ? 0 : result < 0 ? result : 0;
}

static long stdio(struct child *child, const struct dhow_operation *op) {
  int from = op->a < 0 ? child->terminal : op->a;
  if (from == op->b) return raw(SYS_fcntl, from, F_SETFD, 0);
  return raw(SYS_dup3, from, op->b, 0);
}

// The program may open /dev/stdout again only when the pipe behind it is its own. A file of the caller stays as it is.
static long own_stdio(const struct dhow_operation *op) {
  for (int fd = 0; fd < 3; fd++) {
    struct stat status;
    if (raw(SYS_fstat, fd, &status) < 0) continue;
    int pty = S_ISCHR(status.st_mode) && op->flags & DHOW_FLAG_RECURSIVE;
    if (S_ISFIFO(status.st_mode) || pty) raw(SYS_fchown, fd, op->value, -1);
  }
  return 0;
}

static long drop_bounding(uint64_t keep) {
  for (int capability = 0; capability < 64; capability++) {
    if (keep >> capability & 1) continue;
    long result = raw(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (result == -EINVAL) return capability > 30 ? 0 : result;  // the end of this kernel's list
    if (result < 0) return result;
  }
  return 0;
}

static long set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {
      {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
      {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
  };
  return raw(SYS_capset, &header, data);
}

static long set_ambient(uint64_t raise) {
  long result = raw(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; capability < 64 && result >= 0; capability++)
    if (raise >> capability & 1) result = raw(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  return result;
}

static long set_ids(const struct dhow_operation *op) {
  long result = raw(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (result >= 0) result = raw(SYS_setresgid, op->value2, op->value2, op->value2);
  if (result >= 0) result = raw(SYS_setresuid, op->value, op->value, op->value);
  if (result >= 0) result = raw(SYS_prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0);
  return result;
}

static long load_filter(const struct dhow_operation *op) {
  struct sock_fprog program = {(unsigned short)op->length, (struct sock_filter *)op->data};
  return raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, op->value, &program);
}

// The parent may have died before the signal was asked for: its end of the socket tells.
static long death_signal(struct child *child, const struct dhow_operation *op) {
  long result = raw(SYS_prctl, PR_SET_PDEATHSIG, op->value, 0, 0, 0);
  struct pollfd control = {.fd = child->plan->control, .events = 0};
  struct timespec now = {0, 0};
  if (raw(SYS_ppoll, &control, 1, &now, NULL, 8) > 0 && control.revents & POLLHUP) leave(1);
  return result;
}

static long default_signals(void) {
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } action = {0};
  for (int signal = 1; signal <= 64; signal++) raw(SYS_rt_sigaction, signal, &action, NULL, 8);
  return 0;
}

static long terminal(struct child *child, const struct dhow_operation *op) {
  long master = raw(SYS_openat, child->slots[op->a], "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
  if (master < 0) return master;
  int unlocked = 0;
  long result = raw(SYS_ioctl, master, TIOCSPTLCK, &unlocked);
  if (result < 0) return result;
  // The other end by its master, never by a name in the container's tree (CVE-2025-52565).
  long peer = raw(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (peer < 0) return peer;
  if (op->value) {
    struct winsize size = {.ws_col = (unsigned short)(op->value >> 16), .ws_row = (unsigned short)op->value};
    raw(SYS_ioctl, master, TIOCSWINSZ, &size);
  }
  if (op->b >= 0) {
    result = child_mount_console(child, (int)peer, op->b);
    if (result < 0) return result;
  }
  struct dhow_report message = {.kind = DHOW_REPORT_TERMINAL};
  report(child, &message, (int)master);
  raw(SYS_close, master);
  child->terminal = (int)peer;
  return 0;
}

static long working_directory(struct child *child, const struct dhow_operation *op) {
  if (child->in_workdir) return 0;
  long fd = child_make_target(child, child->slots[DHOW_SLOT_ROOT], op->path, op->flags | DHOW_FLAG_DIRECTORY);
  long result = fd < 0 ? fd : raw(SYS_fchdir, fd);
  if (fd >= 0) raw(SYS_close, fd);
  if ((result == -EACCES || result == -EPERM) && !(op->flags & DHOW_FLAG_LAST)) return 0;
  if (result < 0) return result;
  // The kernel's own word that the working directory is below our root: otherwise it begins with "(unreachable)".
  char here[PATH_MAX];
  result = raw(SYS_getcwd, here, sizeof here);
  if (result < 0) return result;
  if (here[0] != '/') return -EXDEV;
  child->in_workdir = 1;
  return 0;
}

static _Noreturn void execute(struct child *child, const struct dhow_operation *op) {
  const struct dhow_plan *plan = child->plan;
  uint64_t none = 0;
  raw(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
  struct dhow_report message = {.kind = DHOW_REPORT_EXEC};
  if (plan->stub >= 0) {
    // The stub reports over the control socket and closes it at its own exec.
    raw(SYS_fcntl, plan->control, F_SETFD, 0);
    long result = raw(SYS_execveat, plan->stub, "", plan->stub_arguments, plan->environment, AT_EMPTY_PATH);
    message = (struct dhow_report){.kind = DHOW_REPORT_FAILED, .operation = child->index, .error = (int)-result};
    report(child, &message, -1);
    leave(125);
  }
  // The first candidate that is there and will not start counts; else the first that is there and may not be executed.
  const char *const *candidates = op->data;
  long failure = -ENOENT;
  for (uint32_t i = 0; candidates[i]; i++) {
    long result = raw(SYS_execve, candidates[i], plan->arguments, plan->environment);
    if (result == -ENOENT && raw(SYS_faccessat, AT_FDCWD, candidates[i], 0) < 0) continue;
    if (result == -ENOTDIR) continue;
    int denied = result == -EACCES;
    if (!denied || failure == -ENOENT) {
      failure = result;
      message.candidate = i;
    }
    if (!denied) break;
  }
  message.error = (int)-failure;
  message.pid = failure == -ENOENT && raw(SYS_faccessat, AT_FDCWD, candidates[message.candidate], 0) < 0;
  if (!message.pid) {
    long file = raw(SYS_openat, AT_FDCWD, candidates[message.candidate], O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
    long got = file < 0 ? 0 : raw(SYS_pread64, file, message.bytes, DHOW_REPORT_HEAD, 0);
    message.head = got > 0 ? (uint32_t)got : 0;
  }
  report(child, &message, -1);
  leave(failure == -ENOENT ? 127 : 126);
}

static long run(struct child *child, const struct dhow_operation *op);

static void walk(void *argument) {
  struct child *child = argument;
  for (; child->index < child->plan->count; child->index++) {
    const struct dhow_operation *op = &child->plan->operations[child->index];
    long result = run(child, op);
    if (result >= 0 || op->flags & DHOW_FLAG_OPTIONAL) continue;
    struct dhow_report message = {.kind = DHOW_REPORT_FAILED, .operation = child->index, .error = (int)-result};
    report(child, &message, -1);
    leave(125);
  }
  leave(125);
}

// A process of another pid namespace can only be born there. We share memory with the sibling, so its state must not be
// on our stack, which we go on using; ours is the only other task of this memory, and it only reports and leaves.
static long go_on_in_sibling(struct child *child) {
  const struct dhow_plan *plan = child->plan;
  struct child *sibling = plan->second_stack;
  *sibling = *child;
  sibling->index++;
  char *top = (char *)plan->second_stack + plan->second_stack_size;
  long pid = clone_run(CLONE_VM | CLONE_PARENT, top, walk, sibling);
  if (pid < 0) return pid;
  struct dhow_report message;
  message.kind = DHOW_REPORT_CHILD;
  message.head = 0;
  message.pid = (int)pid;
  report(child, &message, -1);
  leave(0);
}

static long run(struct child *child, const struct dhow_operation *op) {
  switch (op->kind) {
    case DHOW_OP_WAIT: return wait_for_parent(child);
    case DHOW_OP_CLOSE_RANGE: return raw(SYS_close_range, op->value, op->value2, 0);
    case DHOW_OP_DUMPABLE: return raw(SYS_prctl, PR_SET_DUMPABLE, op->value, 0, 0, 0);
    case DHOW_OP_SETNS: return raw(SYS_setns, op->a, op->value);
    case DHOW_OP_UNSHARE: return raw(SYS_unshare, op->value);
    case DHOW_OP_FORK: return go_on_in_sibling(child);
    case DHOW_OP_SESSION: return raw(SYS_setsid);
    case DHOW_OP_HOSTNAME: return raw(SYS_sethostname, op->text, op->length);
    case DHOW_OP_DOMAINNAME: return raw(SYS_setdomainname, op->text, op->length);
    case DHOW_OP_LOOPBACK: return loopback();
    case DHOW_OP_TERMINAL: return terminal(child, op);
    case DHOW_OP_LIMIT: return resource_limit(op);
    case DHOW_OP_KEYRING: return keyring(op);
    case DHOW_OP_STDIO: return stdio(child, op);
    case DHOW_OP_OWN_STDIO: return own_stdio(op);
    case DHOW_OP_CONTROLLING_TERMINAL: return raw(SYS_ioctl, 0, TIOCSCTTY, 0);
    case DHOW_OP_WORKDIR: return working_directory(child, op);
    case DHOW_OP_GROUPS: return raw(SYS_setgroups, op->length, op->data);
    case DHOW_OP_IDS: return set_ids(op);
    case DHOW_OP_BOUNDING: return drop_bounding(op->value);
    case DHOW_OP_CAPABILITIES: return set_capabilities(op->value, op->value2, op->device);
    case DHOW_OP_AMBIENT: return set_ambient(op->value);
    case DHOW_OP_NO_NEW_PRIVILEGES: return raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case DHOW_OP_SECCOMP: return load_filter(op);
    case DHOW_OP_UMASK: return raw(SYS_umask, op->value);
    case DHOW_OP_DEATH_SIGNAL: return death_signal(child, op);
    case DHOW_OP_AFFINITY: return raw(SYS_sched_setaffinity, 0, op->length, op->data);
    case DHOW_OP_SIGNALS: return default_signals();
    case DHOW_OP_KEEP: return raw(SYS_close_range, 3 + op->value, ~0U, CLOSE_RANGE_CLOEXEC);
    case DHOW_OP_EXEC: execute(child, op);
    default: return child_mount_operation(child, op);
  }
}

pid_t dhow_launch(const struct dhow_plan *plan, uint64_t flags, int shares_memory, int cgroup, void *stack,
                  size_t stack_size, int *pidfd) {
  struct child child = {.plan = plan, .terminal = -1};
  for (int i = 0; i < DHOW_SLOTS; i++) child.slots[i] = -1;
  // The state lives at the bottom of the child's own stack: with shared memory this frame is gone before it is read.
  struct child *state = stack;
  *state = child;
  struct clone_args arguments = {
      .flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (shares_memory ? CLONE_VM : 0),
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = stack_size,
  };
  if (cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = (uint64_t)cgroup;
  }
  // No signal handler of ours may run in the child: it would run in our memory.
  uint64_t all = ~UINT64_C(0), before;
  raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, 8);
  long pid = clone_call(SYS_clone3, (long)&arguments, sizeof arguments, walk, state);
  raw(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
  if (pid < 0) {
    errno = (int)-pid;
    return -1;
  }
  return (pid_t)pid;
}
