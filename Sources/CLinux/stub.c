// A program of its own inside ours: freestanding, position-independent, without a single relocation, in a section that is
// copied into a sealed memory file with an ELF header made at run time. It is what /proc/PID/exe shows in a container
// instead of our binary, which a mapped id may be able to write (CVE-2019-5736), and it is the PID 1 of --init.
//
// Nothing here may call outside the section or touch data of the program: no string literals, no switch (jump tables),
// no zero-initialised structures (memset).
#define _GNU_SOURCE
#include "child.h"
#include "rawcall.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define IN_STUB \
  __attribute__((section("dhow_stub"), used, noinline, no_builtin, no_stack_protector, no_profile_instrument_function))

// Where the stub is loaded, and what the parent puts behind the headers.
#define STUB_BASE 0x400000UL
#define STUB_CLONE_PARENT 0x8000    // CLONE_PARENT, linux/sched.h
#define STUB_SET_DEATH_SIGNAL 1     // PR_SET_PDEATHSIG, linux/prctl.h
#define STUB_DATA (sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr))
struct stub_data {
  int32_t control;
  int32_t role;
  int32_t takes_terminal;
  int32_t death_signal;
  // Candidate paths, each ended by NUL, the list by an empty one.
  char candidates[];
};

extern const unsigned char __start_dhow_stub[] __attribute__((visibility("hidden")));
extern const unsigned char __stop_dhow_stub[] __attribute__((visibility("hidden")));
extern const unsigned char dhow_stub_entry[] __attribute__((visibility("hidden")));

#if defined(__x86_64__)
__asm__(
    ".pushsection dhow_stub,\"ax\",@progbits\n"
    ".globl dhow_stub_entry\n"
    ".hidden dhow_stub_entry\n"
    "dhow_stub_entry:\n"
    "  xor %ebp, %ebp\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call stub_main\n"
    "  hlt\n"
    ".popsection\n");
#elif defined(__aarch64__)
__asm__(
    ".pushsection dhow_stub,\"ax\",@progbits\n"
    ".globl dhow_stub_entry\n"
    ".hidden dhow_stub_entry\n"
    "dhow_stub_entry:\n"
    "  mov x29, xzr\n"
    "  mov x0, sp\n"
    "  bl stub_main\n"
    "  brk #1\n"
    ".popsection\n");
#endif

RAWCALL_INLINE const struct stub_data *stub_data(void) {
  uintptr_t address = STUB_BASE + STUB_DATA;
  __asm__("" : "+r"(address));  // keeps the compiler from reasoning about an object at a constant address
  return (const struct stub_data *)address;
}

// Tries the candidates and reports why none of them starts; as child.c does without a stub.
IN_STUB static void stub_execute(const struct stub_data *data, char **arguments, char **environment) {
  struct dhow_report report;
  report.kind = DHOW_REPORT_EXEC;
  report.operation = 0;
  report.candidate = 0;
  report.head = 0;
  long failure = -ENOENT;
  const char *blamed = data->candidates;
  const char *path = data->candidates;
  for (uint32_t i = 0; *path; i++) {
    long result = raw(SYS_execve, path, arguments, environment);
    int absent = result == -ENOTDIR || (result == -ENOENT && raw(SYS_faccessat, AT_FDCWD, path, 0) < 0);
    if (!absent) {
      int denied = result == -EACCES;
      if (!denied || failure == -ENOENT) {
        failure = result;
        report.candidate = i;
        blamed = path;
      }
      if (!denied) break;
    }
    while (*path) path++;
    path++;
  }
  report.error = (int32_t)-failure;
  report.pid = failure == -ENOENT && raw(SYS_faccessat, AT_FDCWD, blamed, 0) < 0;
  if (!report.pid) {
    long file = raw(SYS_openat, AT_FDCWD, blamed, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
    long got = file < 0 ? 0 : raw(SYS_pread64, file, report.bytes, DHOW_REPORT_HEAD, 0);
    if (got > 0) report.head = (uint32_t)got;
  }
  raw(SYS_write, data->control, &report, offsetof(struct dhow_report, bytes) + report.head);
  raw(SYS_exit_group, failure == -ENOENT ? 127 : 126);
}

// Waits for signals: hands them on to the program, reaps whatever is orphaned to us, ends as the program ended.
IN_STUB static void stub_supervise(long program) {
  uint64_t all = ~UINT64_C(0);
  for (;;) {
    long signal = raw(SYS_rt_sigtimedwait, &all, 0, 0, 8);
    if (signal < 0) continue;
    if (signal != SIGCHLD) {
      raw(SYS_kill, program, signal);
      continue;
    }
    for (;;) {
      int status;
      long pid = raw(SYS_wait4, -1, &status, WNOHANG, 0);
      if (pid <= 0) break;
      if (pid != program) continue;
      raw(SYS_exit_group, (status & 0x7f) ? 128 + (status & 0x7f) : status >> 8 & 0xff);
    }
  }
}

// Is born in the pid namespace of a container that is joined, with nothing in memory but the program's own arguments:
// root of that namespace may trace it as soon as it exists (CVE-2016-9962).
IN_STUB static void stub_join(const struct stub_data *data) {
  struct dhow_report report;
  report.operation = ~0U;
  report.head = 0;
  report.error = 0;
  long pid = raw(SYS_clone, STUB_CLONE_PARENT, 0, 0, 0, 0);
  if (pid > 0) {
    report.kind = DHOW_REPORT_CHILD;
    report.pid = (int32_t)pid;
    raw(SYS_write, data->control, &report, offsetof(struct dhow_report, bytes));
    raw(SYS_exit_group, 0);
  }
  long result = pid;
  if (result == 0) result = raw(SYS_setsid);
  if (result >= 0 && data->takes_terminal) result = raw(SYS_ioctl, 0, TIOCSCTTY, 0);
  if (result >= 0 && data->death_signal) result = raw(SYS_prctl, STUB_SET_DEATH_SIGNAL, data->death_signal, 0, 0, 0);
  if (result >= 0) return;
  report.kind = DHOW_REPORT_FAILED;
  report.error = (int32_t)-result;
  raw(SYS_write, data->control, &report, offsetof(struct dhow_report, bytes));
  raw(SYS_exit_group, 125);
}

IN_STUB __attribute__((noreturn)) static void stub_main(long *stack) {
  const struct stub_data *data = stub_data();
  char **arguments = (char **)(stack + 1);
  char **environment = arguments + stack[0] + 1;
  // Closed already: this is the program itself, told to run /proc/self/exe. Once is enough.
  if (raw(SYS_fcntl, data->control, F_SETFD, FD_CLOEXEC) < 0) raw(SYS_exit_group, 126);
  if (data->role == DHOW_STUB_JOIN) stub_join(data);
  if (data->role == DHOW_STUB_INIT) {
    uint64_t all = ~UINT64_C(0), none = 0;
    raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, 0, 8);
    long program = raw(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (program < 0) raw(SYS_exit_group, 125);
    arguments++;  // our own name
    if (program > 0) {
      raw(SYS_close, data->control);
      stub_supervise(program);
    }
    // A group of its own, in front of the terminal if there is one: ctrl-C is for the program.
    int group = (int)raw(SYS_getpid);
    raw(SYS_setpgid, 0, 0);
    raw(SYS_ioctl, 0, TIOCSPGRP, &group);
    raw(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
  }
  stub_execute(data, arguments, environment);
  for (;;) raw(SYS_exit_group, 125);
}

static int write_fully(int fd, const void *bytes, size_t count) {
  return write(fd, bytes, count) == (ssize_t)count ? 0 : -1;
}

int dhow_stub_image(int control, int role, int takes_terminal, int death_signal, const char *candidates, size_t length) {
  size_t code_size = (size_t)(__stop_dhow_stub - __start_dhow_stub);
  struct stub_data data = {control, role, takes_terminal, death_signal};
  size_t code_offset = (STUB_DATA + sizeof data + length + 15) & ~(size_t)15;
  size_t total = code_offset + code_size;
  Elf64_Ehdr header = {
      .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
      .e_type = ET_EXEC,
#if defined(__x86_64__)
      .e_machine = EM_X86_64,
#else
      .e_machine = EM_AARCH64,
#endif
      .e_version = EV_CURRENT,
      .e_entry = STUB_BASE + code_offset + (Elf64_Addr)(dhow_stub_entry - __start_dhow_stub),
      .e_phoff = sizeof header,
      .e_ehsize = sizeof header,
      .e_phentsize = sizeof(Elf64_Phdr),
      .e_phnum = 2,
  };
  Elf64_Phdr segments[2] = {
      {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = STUB_BASE, .p_filesz = total, .p_memsz = total, .p_align = 0x1000},
      {.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16},
  };
  static const char padding[16];
#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif
  int fd = memfd_create("dhow", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("dhow", MFD_CLOEXEC | MFD_ALLOW_SEALING);  // before kernel 6.3
  if (fd < 0) return -1;
  if (write_fully(fd, &header, sizeof header) < 0 || write_fully(fd, segments, sizeof segments) < 0 ||
      write_fully(fd, &data, sizeof data) < 0 || write_fully(fd, candidates, length) < 0 ||
      write_fully(fd, padding, code_offset - STUB_DATA - sizeof data - length) < 0 ||
      write_fully(fd, __start_dhow_stub, code_size) < 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
  }
  return fd;
}
