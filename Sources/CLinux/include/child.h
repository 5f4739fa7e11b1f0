// The plan that the code between clone and exec walks. It is prepared completely by the parent: child.c allocates
// nothing, calls no C library function and decides nothing that could have been decided before.
#ifndef DHOW_CHILD_H
#define DHOW_CHILD_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What one operation does. `path` is inside the root given by the slot `a` unless said otherwise.
enum dhow_operation_kind {
  DHOW_OP_WAIT = 1,        // reads one byte from the control socket; its end means that the parent gave up
  DHOW_OP_CLOSE_RANGE,     // closes descriptors value…value2
  DHOW_OP_DUMPABLE,        // PR_SET_DUMPABLE value
  DHOW_OP_SETNS,           // setns(a, value)
  DHOW_OP_UNSHARE,         // unshare(value)
  DHOW_OP_FORK,            // goes on in a sibling, a child of our parent; its pid is reported and we are gone
  DHOW_OP_SESSION,         // setsid
  DHOW_OP_HOSTNAME,        // text, length
  DHOW_OP_DOMAINNAME,      // text, length
  DHOW_OP_LOOPBACK,        // brings lo up
  DHOW_OP_PROPAGATION,     // value on / of the mount namespace
  DHOW_OP_OPEN,            // host path, O_PATH, at exactly descriptor number b
  DHOW_OP_MOUNT_HOST,      // text = file system on host path, data = options, value = MS_ flags
  DHOW_OP_BIND_ROOT,       // host path onto itself, recursively private; value = attributes of submounts
  DHOW_OP_OPEN_DIRECTORY,  // path into slot b; host path when a < 0; value = expected file system magic or 0
  DHOW_OP_NEW_PROC,        // a detached procfs of this pid namespace in slot b
  DHOW_OP_BORROW,          // the tmpfs at path in the mount namespace of pidfd a, cloned into slot b
  DHOW_OP_ATTACH,          // the mount in slot b at path
  DHOW_OP_MOUNT,           // text = file system at path, data = options, value = MS_ flags; b >= 0 keeps the root in a
                           // slot after checking its magic (value2)
  DHOW_OP_BIND,            // host file text at path; value = attributes, value2 = propagation, device and inode = the
                           // identity that the source must have (0: any); see the flags
  DHOW_OP_DEVICE,          // mknod path, value = mode and type, value2 = device number, device/inode = uid/gid
  DHOW_OP_SYMLINK,         // path -> text
  DHOW_OP_TERMINAL,        // a pty of the devpts in slot a; console in slot b if >= 0; value = columns<<16|rows
  DHOW_OP_MASK,            // hides path: the null device over a file, an empty read-only tmpfs over a directory
  DHOW_OP_READONLY,        // makes path and what is mounted below it read-only
  DHOW_OP_ROOT_READONLY,   // the mount in slot a alone
  DHOW_OP_ROOT_PROPAGATION,  // value on the root mount, recursive with flag
  DHOW_OP_PIVOT,           // makes slot a the root and detaches the old one
  DHOW_OP_PROC_WRITE,      // data to path below the procfs in slot a
  DHOW_OP_LIMIT,           // resource a, soft value, hard value2
  DHOW_OP_KEYRING,         // a new session keyring called text
  DHOW_OP_STDIO,           // descriptor a (-1: the terminal) becomes b
  DHOW_OP_OWN_STDIO,       // pipes and the terminal at 0-2 go to uid value
  DHOW_OP_CONTROLLING_TERMINAL,  // of descriptor 0
  DHOW_OP_WORKDIR,         // changes to path; denied is remembered for the next one (flag LAST: it fails)
  DHOW_OP_GROUPS,          // data = gid_t[length]
  DHOW_OP_IDS,             // uid value, gid value2, capabilities kept
  DHOW_OP_BOUNDING,        // drops all capabilities that are not in value
  DHOW_OP_CAPABILITIES,    // effective value, permitted value2, inheritable device
  DHOW_OP_AMBIENT,         // clears the ambient set and raises value
  DHOW_OP_NO_NEW_PRIVILEGES,
  DHOW_OP_SECCOMP,         // data = struct sock_filter[length], value = flags
  DHOW_OP_UMASK,           // value
  DHOW_OP_DEATH_SIGNAL,    // value is sent to us when the parent dies
  DHOW_OP_AFFINITY,        // data = cpu_set_t of length bytes
  DHOW_OP_SIGNALS,         // all dispositions default
  DHOW_OP_KEEP,            // descriptors 3…2+value stay open over exec, all others close
  DHOW_OP_EXEC,            // data = candidate paths, ended by NULL
};

// Flags of operations.
enum {
  DHOW_FLAG_RECURSIVE = 1,       // BIND, ROOT_PROPAGATION: with submounts
  DHOW_FLAG_DIRECTORY = 2,       // the target is a directory
  DHOW_FLAG_CREATE = 4,          // a missing target is made
  DHOW_FLAG_NO_LINKS = 8,        // no symbolic link anywhere on the target path
  DHOW_FLAG_CHECKED = 16,        // BIND: refuses a target on procfs or sysfs, and proves where the mount landed
  DHOW_FLAG_RECURSIVE_ATTR = 32, // BIND: attributes for the submounts as well
  DHOW_FLAG_OPTIONAL = 64,       // absence or refusal is no failure
  DHOW_FLAG_LAST = 128,          // WORKDIR: no further attempt comes
};

// Descriptors that operations pass to each other.
enum { DHOW_SLOT_ROOT, DHOW_SLOT_PROC, DHOW_SLOT_DEV, DHOW_SLOT_PTS, DHOW_SLOT_MASK, DHOW_SLOT_SETTINGS, DHOW_SLOT_SHM, DHOW_SLOT_CGROUP, DHOW_SLOTS };

struct dhow_operation {
  uint32_t kind;
  uint32_t flags;
  int32_t a;
  int32_t b;
  uint64_t value;
  uint64_t value2;
  uint64_t device;
  uint64_t inode;
  const char *path;
  const char *text;
  const void *data;
  uint64_t length;
};

struct dhow_plan {
  const struct dhow_operation *operations;
  uint32_t count;
  int32_t control;             // our end of a SOCK_SEQPACKET pair, close-on-exec
  const char *const *arguments;
  const char *const *environment;
  int32_t stub;                // descriptor of the stub's image, -1 executes the program directly
  const char *const *stub_arguments;
  void *second_stack;          // for DHOW_OP_FORK
  size_t second_stack_size;
};

// What the child says on the control socket. Nothing is said of success: the socket closes at exec.
enum { DHOW_REPORT_FAILED = 1, DHOW_REPORT_CHILD = 2, DHOW_REPORT_TERMINAL = 3, DHOW_REPORT_EXEC = 4 };
enum { DHOW_REPORT_HEAD = 1024 };
struct dhow_report {
  uint32_t kind;
  uint32_t operation;  // FAILED: index in the plan
  int32_t error;       // errno
  int32_t pid;         // CHILD: as the parent sees it
  uint32_t candidate;  // EXEC: index of the path that the error is about
  uint32_t head;       // EXEC: bytes of the file that follow
  unsigned char bytes[DHOW_REPORT_HEAD];
};

// Makes the child with clone3(2) and runs the plan in it. `flags`: namespaces to make. With `shares_memory` the child
// runs in our memory (CLONE_VM) on `stack`: no page tables are copied, and the plan must live until it executes.
// `cgroup`: descriptor of a cgroup v2 directory to be born in, or -1. Answers the pid and a pidfd, or -1 and errno.
pid_t dhow_launch(const struct dhow_plan *plan, uint64_t flags, int shares_memory, int cgroup, void *stack,
                  size_t stack_size, int *pidfd);

// A pair of connected SOCK_SEQPACKET sockets, close-on-exec. 0, or -1 and errno.
int dhow_control_pair(int sockets[2]);
// Receives one report; a descriptor that came with it goes to *descriptor, else -1. Answers its length, 0 at the end.
ssize_t dhow_receive_report(int socket, struct dhow_report *report, int *descriptor);

// What the stub does: executes the program; stays as PID 1 in front of it and expects its own name before the program's
// arguments; is born in the joined pid namespace, reports its pid, and executes the program there.
enum { DHOW_STUB_TRAMPOLINE = 0, DHOW_STUB_INIT = 1, DHOW_STUB_JOIN = 2 };

// The stub's executable in a sealed memory file, close-on-exec; -1 and errno. `candidates`: the paths to try, each ended
// by NUL and the list by an empty one, `length` bytes in all. The terminal at 0 and the death signal are for JOIN.
int dhow_stub_image(int control, int role, int takes_terminal, int death_signal, const char *candidates, size_t length);

// ioctl(NS_GET_NSTYPE): the CLONE_NEW flag of a namespace descriptor, -1 when it is none.
int dhow_namespace_type(int fd);
// The owner's uid of a user namespace (NS_GET_OWNER_UID), -1 and errno.
int64_t dhow_namespace_owner(int fd);
// A descriptor of the user namespace that a user namespace is a child of; EPERM when that is beyond ours.
int dhow_namespace_parent(int fd);
// The capabilities this process may pass on (capget(2), permitted). 0, or -1 and errno.
int dhow_permitted_capabilities(uint64_t *permitted);
// Maps memory for a child's stack with a guard page below; NULL on failure.
void *dhow_map_stack(size_t size);
void dhow_unmap_stack(void *stack, size_t size);
#endif
