// Shared by child.c and child_mount.c.
#ifndef DHOW_CHILD_PRIVATE_H
#define DHOW_CHILD_PRIVATE_H
#include "child.h"
#include "rawcall.h"

struct child {
  const struct dhow_plan *plan;
  uint32_t index;
  int in_workdir;
  int terminal;
  int slots[DHOW_SLOTS];
};

long child_mount_operation(struct child *child, const struct dhow_operation *op);
// Opens (O_PATH) the directory or file `path` below `root`, whatever links lie on the way, and with
// DHOW_FLAG_CREATE makes what is missing. Answers a descriptor or -errno.
long child_make_target(struct child *child, int root, const char *path, uint32_t flags);
long child_mount_console(struct child *child, int terminal, int slot);
#endif
