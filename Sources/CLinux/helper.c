// A program that is started before we change and runs after we have: the id-map helpers, which must be outside the user
// namespace that we enter and can do their work only when we are in it.
#define _GNU_SOURCE
#include "CLinux.h"
#include "rawclone.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

struct helper {
  int ready;
  const char *path;
  char **argv;
};

static _Noreturn void leave(int code) {
  for (;;) raw(SYS_exit_group, code);
}

// In the child: nothing of our memory is changed, since we go on using it meanwhile.
static void wait_and_execute(void *argument) {
  const struct helper *helper = argument;
  // All but the one: the other end of the pipe is among them, whose closing we wait for.
  if (helper->ready > 3) raw(SYS_close_range, 3, helper->ready - 1, 0);
  raw(SYS_close_range, helper->ready + 1, ~0U, 0);
  char byte;
  long got;
  do got = raw(SYS_read, helper->ready, &byte, 1);
  while (got == -EINTR);
  if (got != 1) leave(0);
  static const struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } standard = {0};
  for (int number = 1; number <= 64; number++) raw(SYS_rt_sigaction, number, &standard, NULL, 8);
  uint64_t none = 0;
  raw(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
  long null = raw(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
  for (int stream = 0; stream < 3; stream++)
    if (raw(SYS_dup3, null, stream, 0) < 0) leave(127);
  raw(SYS_close_range, 3, ~0U, 0);
  char *environment[] = {NULL};
  raw(SYS_execve, helper->path, helper->argv, environment);
  leave(127);
}

// What the child reads lies at the bottom of its own stack: the caller's copies may be gone before it runs.
static struct helper *lay_out(int ready, const char *path, char *const argv[], char *memory, size_t size) {
  size_t count = 0, bytes = strlen(path) + 1;
  for (; argv[count]; count++) bytes += strlen(argv[count]) + 1;
  size_t pointers = sizeof(struct helper) + (count + 1) * sizeof(char *);
  if (pointers + bytes + DHOW_HELPER_STACK > size) return NULL;
  struct helper *helper = (struct helper *)(void *)memory;
  helper->ready = ready;
  helper->argv = (char **)(void *)(helper + 1);
  char *text = memory + pointers;
  for (size_t i = 0; i < count; i++) {
    helper->argv[i] = text;
    text = stpcpy(text, argv[i]) + 1;
  }
  helper->argv[count] = NULL;
  helper->path = strcpy(text, path);
  return helper;
}

pid_t dhow_start_when_told(int ready, const char *path, char *const argv[], void *memory, size_t size) {
  struct helper *helper = lay_out(ready, path, argv, memory, size);
  if (!helper) {
    errno = E2BIG;
    return -1;
  }
  // No signal handler of ours may run in the child: it would run in our memory.
  uint64_t all = ~UINT64_C(0), before;
  raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, 8);
  long pid = clone_run(CLONE_VM | SIGCHLD, (char *)memory + size, wait_and_execute, helper);
  raw(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
  if (pid >= 0) return (pid_t)pid;
  errno = (int)-pid;
  return -1;
}
