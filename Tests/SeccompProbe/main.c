// Loads the filter on standard input into itself and makes the calls of its arguments, for tests of filters:
// `seccomp-probe CALL...`, a CALL being NUMBER[:ARGUMENT...], with a leading `x` by the interrupt of 32-bit programs.
// Prints the error number of each call, 0 when it succeeded, one a line.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static long call32(const long *a) {
#if defined(__x86_64__)
  long answer;
  __asm__ volatile("int $0x80" : "=a"(answer) : "a"(a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]) : "memory", "r8", "r9", "r10", "r11");
  return (int)answer;
#else
  (void)a;
  return -ENOSYS;
#endif
}

int main(int argc, char **argv) {
  static struct sock_filter filter[4096];
  size_t count = fread(filter, sizeof filter[0], 4096, stdin);
  struct sock_fprog program = {(unsigned short)count, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
    perror("seccomp-probe: loading the filter");
    return 1;
  }
  for (int i = 1; i < argc; i++) {
    long a[7] = {0};
    char *text = argv[i];
    int narrow = *text == 'x';
    if (narrow) text++;
    for (int j = 0; j < 7 && *text; j++) {
      a[j] = (long)strtoull(text, &text, 0);
      if (*text == ':') text++;
    }
    long answer = narrow ? call32(a) : syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    printf("%d\n", answer >= 0 ? 0 : narrow ? (int)-answer : errno);
    fflush(stdout);
  }
  return 0;
}
