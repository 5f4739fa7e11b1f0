// What tests need a program for that no distribution has:
//   host-probe refuse ERRNO NUMBER[,NUMBER...] COMMAND...   COMMAND where these system calls fail so: an older kernel
//   host-probe ids                                          effective user, group and capabilities
//   host-probe notify TEXT...                               sends each to $NOTIFY_SOCKET (sd_notify(3))
//   host-probe attach SECONDS                               attaches to every process that appears (ptrace(2)) and tells
//                                                           what it got hold of: "attached PROGRAM", and how often not
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int refuse(int argc, char **argv) {
  if (argc < 3) return 2;
  static struct sock_filter filter[64];
  unsigned short count = 0;
  unsigned error = (unsigned)atoi(argv[0]);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (char *word = strtok(argv[1], ","); word && count < 60; word = strtok(NULL, ",")) {
    filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(word), 0, 1);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  }
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {count, filter};
  // By root without no_new_privs: the programs that map ids are setuid.
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
    perror("host-probe: loading the filter");
    return 2;
  }
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 2;
}

static int ids(void) {
  char line[256];
  FILE *status = fopen("/proc/self/status", "r");
  printf("uid %d gid %d", (int)geteuid(), (int)getegid());
  while (status && fgets(line, sizeof line, status))
    if (!strncmp(line, "CapEff:\t", 8)) printf(" effective %s", line + 8);
  return 0;
}

static int notify(int count, char **texts) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (!path || strlen(path) >= sizeof address.sun_path) return 2;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  for (int i = 0; i < count; i++)
    if (sendto(fd, texts[i], strlen(texts[i]), 0, (struct sockaddr *)&address, sizeof address) < 0) {
      perror("host-probe: notifying");
      return 1;
    }
  return 0;
}

static int attach(double seconds) {
  long refused = 0, attached = 0;
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  printf("ready\n");
  fflush(stdout);
  do {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
      int pid = atoi(entry->d_name);
      if (pid <= 1 || pid == getpid()) continue;
      if (ptrace(PTRACE_ATTACH, pid, 0, 0)) {
        if (errno != ESRCH) refused++;
        continue;
      }
      attached++;
      char path[64], target[256];
      snprintf(path, sizeof path, "/proc/%d/exe", pid);
      waitpid(pid, NULL, __WALL);
      ssize_t length = readlink(path, target, sizeof target);
      if (length > 0) printf("attached %.*s\n", (int)length, target);
      ptrace(PTRACE_DETACH, pid, 0, 0);
    }
    if (proc) closedir(proc);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) * 1e-9 < seconds);
  printf("%ld attached, %ld refused\n", attached, refused);
  return 0;
}

int main(int argc, char **argv) {
  if (argc >= 2 && !strcmp(argv[1], "refuse")) return refuse(argc - 2, argv + 2);
  if (argc == 2 && !strcmp(argv[1], "ids")) return ids();
  if (argc >= 3 && !strcmp(argv[1], "notify")) return notify(argc - 2, argv + 2);
  if (argc == 3 && !strcmp(argv[1], "attach")) return attach(atof(argv[2]));
  return 2;
}
