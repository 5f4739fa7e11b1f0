#define _GNU_SOURCE
#include "network.h"

#include <errno.h>
#include <nss.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

ssize_t dhow_sendfile(int socket, int file, int64_t offset, size_t count) {
  // sendfile(2) knows no MSG_NOSIGNAL: the signal is held back and, if this call raised it, taken away.
  sigset_t pipe, before, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  int waiting = sigismember(&pending, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  off_t from = offset;
  ssize_t answer = sendfile(socket, file, &from, count);
  int code = errno;
  if (answer < 0 && code == EPIPE && !waiting) {
    struct timespec none = {0, 0};
    while (sigtimedwait(&pipe, NULL, &none) < 0 && errno == EINTR) continue;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = code;
  return answer;
}

void dhow_plain_host_lookup(void) { __nss_configure_lookup("hosts", "files dns"); }

// Where the release link (scripts/openssl.ld) puts OpenSSL's tables of pointers. The start of the program writes all of
// them (a position-independent program's relocations), so that they are memory of each process's own.
extern char dhow_openssl_start[] __attribute__((weak));
extern char dhow_openssl_end[] __attribute__((weak));

static enum { OPENSSL_UNTOUCHED, OPENSSL_IN_USE, OPENSSL_RELEASED } openssl_state;

int dhow_openssl_begin(void) {
  if (openssl_state == OPENSSL_RELEASED) return 0;
  openssl_state = OPENSSL_IN_USE;
  return 1;
}

void dhow_openssl_release(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = ((uintptr_t)dhow_openssl_start + page - 1) & ~(page - 1);
  uintptr_t end = (uintptr_t)dhow_openssl_end & ~(page - 1);
  if (openssl_state != OPENSSL_UNTOUCHED || !dhow_openssl_start || start >= end) return;
  openssl_state = OPENSSL_RELEASED;
  madvise((void *)start, end - start, MADV_DONTNEED);
}
