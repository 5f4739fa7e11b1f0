// Mounts of a container, made before its program runs. Sources are named on the host's tree and checked by identity,
// targets are resolved inside the root by openat2(2) and attached to by descriptor.
#define _GNU_SOURCE
#include "child_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#ifndef S_IFMT
#define S_IFMT 00170000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#endif
enum { EMPTY_PATH = 0x1000, RECURSIVE = 0x8000, NO_FOLLOW = 0x100 };  // AT_EMPTY_PATH, AT_RECURSIVE, AT_SYMLINK_NOFOLLOW
#define HERE (-100)                                                     // AT_FDCWD

static long status_of(int fd, struct statx *status) {
  return raw(SYS_statx, fd, "", EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, status);
}

static long file_system_magic(int fd, uint64_t *magic) {
  struct statfs status;
  long result = raw(SYS_fstatfs, fd, &status);
  if (result >= 0) *magic = (uint64_t)status.f_type;
  return result;
}

static long open_in_root(int root, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve};
  long fd;
  // EAGAIN: a rename or mount raced with the look-up (openat2(2)).
  for (int attempt = 0; attempt < 128; attempt++) {
    fd = raw(SYS_openat2, root, path, &how, sizeof how);
    if (fd != -EAGAIN && fd != -EINTR) break;
  }
  return fd;
}

static size_t length_of(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

static long append(char *buffer, size_t *used, const char *text, size_t length) {
  if (*used + length >= PATH_MAX) return -ENAMETOOLONG;
  for (size_t i = 0; i < length; i++) buffer[*used + i] = text[i];
  *used += length;
  buffer[*used] = 0;
  return 0;
}

// "/proc/self/fd/N" on the host's procfs, for mount(2), which takes no descriptors.
static void descriptor_path(char buffer[32], int fd) {
  static const char prefix[] = "/proc/self/fd/";
  size_t used = 0;
  for (; prefix[used]; used++) buffer[used] = prefix[used];
  char digits[12];
  int count = 0;
  do digits[count++] = (char)('0' + fd % 10);
  while ((fd /= 10) > 0);
  while (count > 0) buffer[used++] = digits[--count];
  buffer[used] = 0;
}

// The path that `path` has when its component at [start, end), a dangling link in `parent`, is replaced by its target.
static long follow(int parent, const char *path, size_t start, size_t end, char result[PATH_MAX]) {
  char name[NAME_MAX + 1], link[PATH_MAX];
  if (end - start > NAME_MAX) return -ENAMETOOLONG;
  for (size_t i = start; i < end; i++) name[i - start] = path[i];
  name[end - start] = 0;
  long length = raw(SYS_readlinkat, parent, name, link, sizeof link - 1);
  if (length < 0) return length;
  size_t used = 0;
  long failure = 0;
  if (link[0] != '/') failure = append(result, &used, path, start);
  if (!failure) failure = append(result, &used, link, (size_t)length);
  if (!failure) failure = append(result, &used, path + end, length_of(path + end));
  return failure;
}

// What is made to mount on in the container's own files is its root's, also where the user is another one there
// (--userns keep-id). In a directory of the host's it stays the user's; and where the map has no root it stays as it is.
static void give_to_root(int fd) {
  struct statfs fs;
  if (raw(SYS_geteuid) == 0 || raw(SYS_fstatfs, fd, &fs) < 0 || fs.f_type != OVERLAYFS_SUPER_MAGIC) return;
  raw(SYS_fchownat, fd, "", 0, 0, EMPTY_PATH);
}

// One pass over the components, making those that are missing. 1: the last one is there now; 2: a dangling link was
// met, and `next` is the path to try instead.
static long make_components(int root, char path[PATH_MAX], uint32_t flags, uint64_t resolve, char next[PATH_MAX]) {
  long parent = raw(SYS_openat, root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (parent < 0) return parent;
  size_t end = 0;
  for (;;) {
    size_t start = end;
    while (path[start] == '/') start++;
    if (!path[start]) break;
    for (end = start; path[end] && path[end] != '/';) end++;
    size_t rest = end;
    while (path[rest] == '/') rest++;
    int last = !path[rest];
    char saved = path[end];
    path[end] = 0;
    long fd = open_in_root(root, path, O_PATH, resolve);
    long made = 0;
    if (fd == -ENOENT) {
      const char *name = path + start;
      if (last && !(flags & DHOW_FLAG_DIRECTORY)) {
        made = raw(SYS_openat, parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
        if (made >= 0) raw(SYS_close, made);
      } else {
        made = raw(SYS_mkdirat, parent, name, 0755);
      }
      if (made >= 0) fd = open_in_root(root, path, O_PATH, resolve);
      if (made >= 0 && fd >= 0) give_to_root((int)fd);
    }
    path[end] = saved;
    if (made == -EEXIST) {
      long result = resolve & RESOLVE_NO_SYMLINKS ? -ELOOP : follow((int)parent, path, start, end, next);
      raw(SYS_close, parent);
      return result < 0 ? result : 2;
    }
    raw(SYS_close, parent);
    if (made < 0) return made;
    if (fd < 0) return fd;
    parent = fd;
  }
  raw(SYS_close, parent);
  return 1;
}

long child_make_target(struct child *child, int root, const char *path, uint32_t flags) {
  (void)child;
  uint64_t resolve = flags & DHOW_FLAG_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0;
  uint64_t mode = O_PATH | (flags & DHOW_FLAG_DIRECTORY ? O_DIRECTORY : 0);
  char buffers[2][PATH_MAX];
  size_t used = 0;
  long failure = append(buffers[0], &used, path, length_of(path));
  if (failure < 0) return failure;
  for (int links = 0; links < 40; links++) {
    char *current = buffers[links & 1], *next = buffers[~links & 1];
    long fd = open_in_root(root, current, mode, resolve);
    if (fd != -ENOENT || !(flags & DHOW_FLAG_CREATE)) return fd;
    long made = make_components(root, current, flags, resolve, next);
    if (made < 0) return made;
    if (made == 1) return open_in_root(root, current, mode, resolve);
  }
  return -ELOOP;
}

static long set_attributes(int tree, uint64_t attributes, uint64_t propagation, int recursive) {
  if (!attributes && !propagation) return 0;
  struct mount_attr change = {.attr_set = attributes, .propagation = propagation};
  return raw(SYS_mount_setattr, tree, "", EMPTY_PATH | (recursive ? RECURSIVE : 0), &change, sizeof change);
}

static long attach(int tree, int target) {
  return raw(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

// Proves that the path now leads to the mount: somebody who shares the tree may have moved the target (CVE-2021-30465).
static long check_landing(int root, const char *path, int tree) {
  long fd = open_in_root(root, path, O_PATH, 0);
  if (fd < 0) return fd;
  struct statx wanted, found;
  long result = status_of(tree, &wanted);
  if (result >= 0) result = status_of((int)fd, &found);
  raw(SYS_close, fd);
  if (result < 0) return result;
  return wanted.stx_mnt_id == found.stx_mnt_id ? 0 : -EXDEV;
}

static long refuse_kernel_file_system(int target) {
  uint64_t magic = 0;
  long result = file_system_magic(target, &magic);
  if (result < 0) return result;
  return magic == PROC_SUPER_MAGIC ? -EPERM : 0;
}

static long bind(struct child *child, const struct dhow_operation *op) {
  int root = child->slots[op->a];
  int clone_flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | NO_FOLLOW | (op->flags & DHOW_FLAG_RECURSIVE ? RECURSIVE : 0);
  long tree = raw(SYS_open_tree, HERE, op->text, clone_flags);
  if (tree < 0) return tree;
  long target = -1, result = 0;
  if (op->inode) {
    struct statx status;
    result = status_of((int)tree, &status);
    uint64_t device = makedev(status.stx_dev_major, status.stx_dev_minor);
    if (result >= 0 && (status.stx_ino != op->inode || device != op->device)) result = -ESTALE;
  }
  if (result >= 0) {
    // Propagation reaches all mounts of the tree; the other attributes do so only when asked.
    int recursive = (op->flags & DHOW_FLAG_RECURSIVE_ATTR) != 0;
    if (recursive || !(op->flags & DHOW_FLAG_RECURSIVE)) {
      result = set_attributes((int)tree, op->value, op->value2, recursive);
    } else {
      result = set_attributes((int)tree, 0, op->value2, 1);
      if (result >= 0) result = set_attributes((int)tree, op->value, 0, 0);
    }
  }
  if (result >= 0) result = target = child_make_target(child, root, op->path, op->flags);
  if (result >= 0 && op->flags & DHOW_FLAG_CHECKED) result = refuse_kernel_file_system((int)target);
  if (result >= 0) result = attach((int)tree, (int)target);
  if (result >= 0 && op->flags & DHOW_FLAG_CHECKED) result = check_landing(root, op->path, (int)tree);
  raw(SYS_close, tree);
  if (target >= 0) raw(SYS_close, target);
  return result;
}

static long bind_root(const struct dhow_operation *op) {
  long tree = raw(SYS_open_tree, HERE, op->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | RECURSIVE);
  if (tree < 0) return tree;
  long target = raw(SYS_openat, HERE, op->text, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  long result = target < 0 ? target : set_attributes((int)tree, op->value, MS_PRIVATE, 1);
  // Read-only for the submounts that come along; the top is made so last, when all targets exist.
  if (result >= 0 && op->value & MOUNT_ATTR_RDONLY) {
    struct mount_attr top = {.attr_clr = MOUNT_ATTR_RDONLY};
    raw(SYS_mount_setattr, tree, "", EMPTY_PATH, &top, sizeof top);
  }
  if (result >= 0) result = attach((int)tree, (int)target);
  if (target >= 0) raw(SYS_close, target);
  raw(SYS_close, tree);
  return result;
}

static long open_at_number(const struct dhow_operation *op) {
  long fd = raw(SYS_openat, HERE, op->path, O_PATH | O_CLOEXEC | (op->flags & DHOW_FLAG_DIRECTORY ? O_DIRECTORY : 0), 0);
  if (fd < 0 || fd == op->b) return fd;
  long result = raw(SYS_dup3, fd, op->b, O_CLOEXEC);
  raw(SYS_close, fd);
  return result;
}

static long keep_in_slot(struct child *child, int slot, long fd, uint64_t magic) {
  if (fd < 0) return fd;
  uint64_t found = 0;
  long result = magic ? file_system_magic((int)fd, &found) : 0;
  if (result >= 0 && magic && magic != found) result = -EXDEV;
  if (result < 0) {
    raw(SYS_close, fd);
    return result;
  }
  child->slots[slot] = (int)fd;
  return 0;
}

static long open_directory(struct child *child, const struct dhow_operation *op) {
  long fd = op->a < 0 ? raw(SYS_openat, HERE, op->path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0)
                      : open_in_root(child->slots[op->a], op->path, O_PATH | O_DIRECTORY,
                                     op->flags & DHOW_FLAG_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0);
  return keep_in_slot(child, op->b, fd, op->value);
}

// A procfs that nobody but us can have arranged: all our writes to /proc go through it (CVE-2025-52881).
static long new_proc(struct child *child, const struct dhow_operation *op) {
  long context = raw(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
  if (context < 0) return context;
  long result = raw(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", "proc", 0);
  if (result >= 0) result = raw(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  if (result >= 0)
    result = raw(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  raw(SYS_close, context);
  if (result < 0) return result;
  child->slots[op->b] = (int)result;
  return 0;
}

// A detached clone of another container's mount. We visit its mount namespace for that and come back to our own, which
// belongs to the same user namespace.
static long borrow(struct child *child, const struct dhow_operation *op) {
  long home = raw(SYS_openat, HERE, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC, 0);
  if (home < 0) return home;
  long result = raw(SYS_setns, op->a, 0x20000 /* CLONE_NEWNS */);
  if (result < 0) {
    raw(SYS_close, home);
    return result;
  }
  long root = raw(SYS_openat, HERE, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  long source = root < 0 ? root : open_in_root((int)root, op->path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
  uint64_t magic = 0;
  result = source < 0 ? source : file_system_magic((int)source, &magic);
  if (result >= 0 && magic != TMPFS_MAGIC) result = -EXDEV;
  if (result >= 0) result = raw(SYS_open_tree, source, "", EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (result >= 0) child->slots[op->b] = (int)result;
  if (source >= 0) raw(SYS_close, source);
  if (root >= 0) raw(SYS_close, root);
  long back = raw(SYS_setns, home, 0x20000);
  raw(SYS_close, home);
  return result < 0 ? result : back;
}

static long attach_slot(struct child *child, const struct dhow_operation *op) {
  long target = child_make_target(child, child->slots[op->a], op->path, op->flags);
  if (target < 0) return target;
  long result = attach(child->slots[op->b], (int)target);
  raw(SYS_close, target);
  return result;
}

static long mount_in_root(struct child *child, const struct dhow_operation *op) {
  int root = child->slots[op->a];
  long target = child_make_target(child, root, op->path, op->flags);
  if (target < 0) return target;
  char path[32];
  descriptor_path(path, (int)target);
  long result = op->flags & DHOW_FLAG_CHECKED ? refuse_kernel_file_system((int)target) : 0;
  if (result >= 0) result = raw(SYS_mount, op->text, path, op->text, op->value, op->data);
  raw(SYS_close, target);
  if (result < 0 || op->b < 0) return result;
  long fd = open_in_root(root, op->path, O_PATH | O_DIRECTORY, op->flags & DHOW_FLAG_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0);
  return keep_in_slot(child, op->b, fd, op->value2);
}

static long make_device(struct child *child, const struct dhow_operation *op) {
  char parent[PATH_MAX];
  size_t used = 0, name = 0;
  for (size_t i = 0; op->path[i]; i++)
    if (op->path[i] == '/') name = i + 1;
  long directory = append(parent, &used, op->path, name);
  if (directory < 0) return directory;
  directory = child_make_target(child, child->slots[op->a], name ? parent : ".",
                                DHOW_FLAG_CREATE | DHOW_FLAG_DIRECTORY | DHOW_FLAG_NO_LINKS);
  if (directory < 0) return directory;
  long result = raw(SYS_mknodat, directory, op->path + name, op->value, op->value2);
  if (result >= 0 && (op->device || op->inode))
    result = raw(SYS_fchownat, directory, op->path + name, op->device, op->inode, NO_FOLLOW);
  raw(SYS_close, directory);
  return result;
}

// The null device of the host, cloned anew for each use and proved to be it (CVE-2025-31133).
static long clone_null(void) {
  long tree = raw(SYS_open_tree, HERE, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | NO_FOLLOW);
  if (tree < 0) return tree;
  struct statx status;
  long result = status_of((int)tree, &status);
  if (result >= 0 && ((status.stx_mode & S_IFMT) != S_IFCHR || status.stx_rdev_major != 1 || status.stx_rdev_minor != 3))
    result = -ENXIO;
  if (result >= 0) return tree;
  raw(SYS_close, tree);
  return result;
}

static long empty_directory(struct child *child, int target) {
  if (child->slots[DHOW_SLOT_MASK] < 0) {
    long context = raw(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (context < 0) return context;
    long result = raw(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", "0555", 0);
    if (result >= 0) result = raw(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "ro", NULL, 0);
    if (result >= 0) result = raw(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (result >= 0)
      result = raw(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    raw(SYS_close, context);
    if (result < 0) return result;
    child->slots[DHOW_SLOT_MASK] = (int)result;
    return attach((int)result, target);
  }
  long tree = raw(SYS_open_tree, child->slots[DHOW_SLOT_MASK], "", EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return tree;
  long result = attach((int)tree, target);
  raw(SYS_close, tree);
  return result;
}

static long mask(struct child *child, const struct dhow_operation *op) {
  long target = open_in_root(child->slots[DHOW_SLOT_ROOT], op->path, O_PATH, 0);
  if (target == -ENOENT || target == -ENOTDIR) return 0;
  if (target < 0) return target;
  struct statx status;
  long result = status_of((int)target, &status);
  if (result >= 0 && (status.stx_mode & S_IFMT) == S_IFDIR) {
    result = empty_directory(child, (int)target);
  } else if (result >= 0) {
    long tree = clone_null();
    result = tree < 0 ? tree : attach((int)tree, (int)target);
    if (tree >= 0) raw(SYS_close, tree);
  }
  raw(SYS_close, target);
  return result;
}

static long make_readonly(struct child *child, const struct dhow_operation *op) {
  long target = open_in_root(child->slots[DHOW_SLOT_ROOT], op->path, O_PATH, 0);
  if (target == -ENOENT || target == -ENOTDIR) return 0;
  if (target < 0) return target;
  long tree = raw(SYS_open_tree, target, "", EMPTY_PATH | RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  long result = tree < 0 ? tree : set_attributes((int)tree, MOUNT_ATTR_RDONLY, 0, 1);
  if (result >= 0) result = attach((int)tree, (int)target);
  if (tree >= 0) raw(SYS_close, tree);
  raw(SYS_close, target);
  return result;
}

static long pivot(struct child *child, const struct dhow_operation *op) {
  long result = raw(SYS_fchdir, child->slots[op->a]);
  if (result >= 0) result = raw(SYS_pivot_root, ".", ".");
  // The old root is stacked over the new one now; "." is still the new one's place in the tree (pivot_root(2)).
  if (result >= 0) result = raw(SYS_umount2, ".", 2 /* MNT_DETACH */);
  if (result >= 0) result = raw(SYS_chdir, "/");
  return result;
}

static long write_proc(struct child *child, const struct dhow_operation *op) {
  struct open_how how = {.flags = O_WRONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  long fd = raw(SYS_openat2, child->slots[op->a], op->path, &how, sizeof how);
  if (fd < 0) return fd;
  long written = raw(SYS_write, fd, op->data, op->length);
  raw(SYS_close, fd);
  return written < 0 ? written : written == (long)op->length ? 0 : -EIO;
}

long child_mount_console(struct child *child, int terminal, int slot) {
  int devices = child->slots[slot];
  long file = raw(SYS_openat, devices, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_RDONLY | O_CLOEXEC, 0600);
  if (file < 0) return file;
  long tree = raw(SYS_open_tree, terminal, "", EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  long result = tree < 0 ? tree : attach((int)tree, (int)file);
  if (tree >= 0) raw(SYS_close, tree);
  raw(SYS_close, file);
  return result;
}

long child_mount_operation(struct child *child, const struct dhow_operation *op) {
  switch (op->kind) {
    case DHOW_OP_PROPAGATION: return raw(SYS_mount, NULL, "/", NULL, op->value, NULL);
    case DHOW_OP_OPEN: return open_at_number(op);
    case DHOW_OP_MOUNT_HOST: return raw(SYS_mount, op->text, op->path, op->text, op->value, op->data);
    case DHOW_OP_BIND_ROOT: return bind_root(op);
    case DHOW_OP_OPEN_DIRECTORY: return open_directory(child, op);
    case DHOW_OP_NEW_PROC: return new_proc(child, op);
    case DHOW_OP_BORROW: return borrow(child, op);
    case DHOW_OP_ATTACH: return attach_slot(child, op);
    case DHOW_OP_MOUNT: return mount_in_root(child, op);
    case DHOW_OP_BIND: return bind(child, op);
    case DHOW_OP_DEVICE: return make_device(child, op);
    case DHOW_OP_SYMLINK: return raw(SYS_symlinkat, op->text, child->slots[op->a], op->path);
    case DHOW_OP_MASK: return mask(child, op);
    case DHOW_OP_READONLY: return make_readonly(child, op);
    case DHOW_OP_ROOT_READONLY:
      return set_attributes(child->slots[op->a], MOUNT_ATTR_RDONLY, 0, 0);
    case DHOW_OP_ROOT_PROPAGATION:
      return set_attributes(child->slots[op->a], 0, op->value, (op->flags & DHOW_FLAG_RECURSIVE) != 0);
    case DHOW_OP_PIVOT: return pivot(child, op);
    case DHOW_OP_PROC_WRITE: return write_proc(child, op);
    default: return -EINVAL;
  }
}
