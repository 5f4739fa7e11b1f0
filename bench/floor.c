// The floor: what the kernel itself charges for a container, with nothing around it. A static C program that makes the same
// namespaces, maps, overlay, mounts, masks, capability sets and seccomp filter as `dhow run --rm --network none`, executes
// the program, waits, and removes what it made. It checks every call and explains none: it is a measure, not a tool.
//
// usage: floor [--single] --lower DIR --base DIR PROGRAM [ARGUMENT]...
//   --single  one user id, mapped by a write of our own instead of newuidmap and newgidmap
//   --lower   the extracted image
//   --base    an existing directory for the container's own files
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floor-filter.h"  // static struct sock_filter filter[], written by bench/run

#define MUST(call) ((call) < 0 ? fail(#call) : (void)0)

static void fail(const char *call) {
  dprintf(2, "floor: %s: %s\n", call, strerror(errno));
  _exit(125);
}

static void put(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text)) fail(path);
  close(file);
}

static void clear_directory(int parent, const char *name) {
  int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) {
    MUST(fchmodat(parent, name, 0700, 0));  // overlay's work directory has no mode bits
    MUST(directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  DIR *entries = fdopendir(directory);
  for (struct dirent *entry; (entry = readdir(entries));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (unlinkat(directory, entry->d_name, 0) == 0) continue;
    if (errno != EISDIR) fail(entry->d_name);
    clear_directory(directory, entry->d_name);
  }
  closedir(entries);
  MUST(unlinkat(parent, name, AT_REMOVEDIR));
}

static pid_t start_map_program(const char *program, pid_t target, unsigned id, unsigned first, unsigned count) {
  char words[5][16];
  snprintf(words[0], 16, "%d", target);
  snprintf(words[1], 16, "%u", id);
  snprintf(words[2], 16, "%u", first);
  snprintf(words[3], 16, "%u", count);
  pid_t pid = vfork();
  if (pid == 0) {
    execl(program, program, words[0], "0", words[1], "1", "1", words[2], words[3], (char *)0);
    _exit(127);
  }
  return pid;
}

static void subordinate_range(const char *path, const char *user, unsigned *first, unsigned *count) {
  FILE *file = fopen(path, "r");
  char line[256];
  size_t length = strlen(user);
  while (file && fgets(line, sizeof line, file))
    if (!strncmp(line, user, length) && line[length] == ':' && sscanf(line + length + 1, "%u:%u", first, count) == 2) {
      fclose(file);
      return;
    }
  errno = ENOENT;
  fail(path);
}

static void map_ids(pid_t pid, int single) {
  char path[64], text[64];
  if (single) {
    snprintf(path, sizeof path, "/proc/%d/setgroups", pid);
    put(path, "deny");
    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    snprintf(text, sizeof text, "0 %u 1", getuid());
    put(path, text);
    snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
    snprintf(text, sizeof text, "0 %u 1", getgid());
    put(path, text);
    return;
  }
  unsigned first = 0, count = 0, group_first = 0, group_count = 0;
  const char *user = getenv("USER") ? getenv("USER") : "";
  subordinate_range("/etc/subuid", user, &first, &count);
  subordinate_range("/etc/subgid", user, &group_first, &group_count);
  pid_t one = start_map_program("/usr/bin/newuidmap", pid, getuid(), first, count);
  pid_t two = start_map_program("/usr/bin/newgidmap", pid, getgid(), group_first, group_count);
  int status;
  for (int i = 0; i < 2; i++) {
    MUST(waitpid(i ? two : one, &status, 0));
    if (status) fail("mapping ids");
  }
}

static void bind_at(const char *source, const char *target, int is_file) {
  if (is_file) {
    int file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) fail(target);
    close(file);
  }
  if (mount(source, target, 0, MS_BIND, 0) < 0) fail(target);
}

static void read_only(const char *path) {
  if (mount(path, path, 0, MS_BIND | MS_REC, 0) < 0) return;  // absent on this kernel
  if (mount(0, path, 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 0) < 0) fail(path);
}

static void mask(const char *path) {
  struct stat status;
  if (lstat(path, &status) < 0) return;
  if (S_ISDIR(status.st_mode)) {
    if (mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0k") < 0) fail(path);
  } else if (mount("dev/null", path, 0, MS_BIND, 0) < 0) {
    fail(path);
  }
}

static void make_root(const char *lower, const char *base, int rootless) {
  char options[4096];
  MUST(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
  MUST(chdir(base));
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=upper,workdir=work,volatile%s", lower,
           rootless ? ",userxattr" : "");
  MUST(mount("overlay", "root", "overlay", 0, options));
  MUST(chdir("root"));
  unsigned quiet = MS_NOSUID | MS_NOEXEC | MS_NODEV;
  MUST(mount("proc", "proc", "proc", quiet, 0));
  MUST(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
  MUST(mkdir("dev/pts", 0755));
  MUST(mkdir("dev/shm", 01777));
  MUST(mkdir("dev/mqueue", 0755));
  MUST(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"));
  MUST(mount("shm", "dev/shm", "tmpfs", quiet, "mode=1777,size=65536k"));
  MUST(mount("mqueue", "dev/mqueue", "mqueue", quiet, 0));
  MUST(mount("sysfs", "sys", "sysfs", quiet | MS_RDONLY, 0));
  static const char *const devices[] = {"dev/null", "dev/zero", "dev/full", "dev/random", "dev/urandom", "dev/tty"};
  for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++) {
    char outside[64];
    snprintf(outside, sizeof outside, "/%s", devices[i]);
    bind_at(outside, devices[i], 1);
  }
  MUST(symlink("/proc/self/fd", "dev/fd"));
  MUST(symlink("/proc/self/fd/0", "dev/stdin"));
  MUST(symlink("/proc/self/fd/1", "dev/stdout"));
  MUST(symlink("/proc/self/fd/2", "dev/stderr"));
  MUST(symlink("/proc/kcore", "dev/core"));
  MUST(symlink("pts/ptmx", "dev/ptmx"));
  bind_at("../hosts", "etc/hosts", 1);
  bind_at("../hostname", "etc/hostname", 1);
  bind_at("../resolv.conf", "etc/resolv.conf", 1);
  MUST((int)syscall(SYS_pivot_root, ".", "."));
  MUST(umount2(".", MNT_DETACH));
  MUST(chdir("/"));
  static const char *const closed[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
  for (unsigned i = 0; i < sizeof closed / sizeof *closed; i++) read_only(closed[i]);
  static const char *const masked[] = {
    "proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/sched_debug",
    "proc/scsi", "proc/timer_list", "proc/timer_stats", "sys/devices/virtual/powercap", "sys/firmware"};
  for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++) mask(masked[i]);
}

static void restrict_process(void) {
  MUST(sethostname("0123456789ab", 12));
  int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  MUST(ioctl(handle, SIOCSIFFLAGS, &request));
  MUST((int)syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, "floor", 0, 0, 0));
  struct rlimit limit;
  MUST(getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  MUST(setrlimit(RLIMIT_NOFILE, &limit));
  // Docker's default: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw,
  // sys_chroot, mknod, audit_write, setfcap
  unsigned long long kept = 0xa80425fb;
  for (int capability = 0; capability <= 40; capability++)
    if (!(kept >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  MUST((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{.effective = kept, .permitted = kept}};
  MUST((int)syscall(SYS_capset, &header, data));
  MUST((int)syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */));
}

int main(int argc, char **argv) {
  int single = 0, at = 1;
  const char *lower = 0, *base = 0;
  for (; at < argc && !strncmp(argv[at], "--", 2); at++) {
    if (!strcmp(argv[at], "--single")) single = 1;
    else if (!strcmp(argv[at], "--lower") && at + 1 < argc) lower = argv[++at];
    else if (!strcmp(argv[at], "--base") && at + 1 < argc) base = argv[++at];
  }
  if (!lower || !base || at >= argc) {
    dprintf(2, "usage: floor [--single] --lower DIR --base DIR PROGRAM [ARGUMENT]...\n");
    return 125;
  }
  char own[32], path[4096];
  snprintf(own, sizeof own, "%d", getpid());
  int home = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (home < 0) fail(base);
  MUST(mkdirat(home, own, 0700));
  snprintf(path, sizeof path, "%s/%s", base, own);
  MUST(chdir(path));
  MUST(mkdir("upper", 0755));
  MUST(mkdir("work", 0755));
  MUST(mkdir("root", 0755));
  put("hosts", "127.0.0.1 localhost\n");
  put("hostname", "0123456789ab\n");
  put("resolv.conf", "");

  int go[2];
  MUST(pipe2(go, O_CLOEXEC));
  unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD;
  int rootless = getuid() != 0;
  if (rootless) flags |= CLONE_NEWUSER;
  pid_t pid = (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
  MUST(pid);
  if (pid == 0) {
    char byte;
    close(go[1]);
    if (read(go[0], &byte, 1) != 1) _exit(125);
    if (rootless) {
      MUST(setresgid(0, 0, 0));
      MUST(setresuid(0, 0, 0));
    }
    make_root(lower, path, rootless);
    restrict_process();
    char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", 0};
    execvpe(argv[at], argv + at, environment);
    fail(argv[at]);
  }
  if (rootless) map_ids(pid, single);
  MUST((int)write(go[1], "", 1));
  int status;
  MUST(waitpid(pid, &status, 0));
  clear_directory(home, own);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
