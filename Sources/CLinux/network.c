#define _GNU_SOURCE
#include "network.h"

#include <errno.h>
#include <nss.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <time.h>

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
