// Calls of the monitor and of attached terminals that Swift cannot make itself: per-call non-blocking writes, unix
// sockets named through a directory descriptor, pseudo-terminals, and pages given back to the kernel.
#define _GNU_SOURCE
#include "CLinux.h"
#include "unixname.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

ssize_t dhow_write_nowait(int fd, const void *bytes, size_t count) {
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  return pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
}

ssize_t dhow_send_nowait(int fd, const void *head, size_t head_count, const void *body, size_t body_count) {
  struct iovec parts[2] = {{.iov_base = (void *)head, .iov_len = head_count},
                           {.iov_base = (void *)body, .iov_len = body_count}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t dhow_receive_nowait(int fd, void *bytes, size_t count) { return recv(fd, bytes, count, MSG_DONTWAIT); }

int dhow_unix_listen(int directory, const char *name) {
  struct sockaddr_un address;
  if (name_in_directory(&address, directory, name) < 0) return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  // fchmod on an unbound socket sets the mode its name will have (unix(7), Linux).
  if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
    return failed(fd);
  return fd;
}

int dhow_datagram_listen(int directory, const char *name) {
  struct sockaddr_un address;
  if (name_in_directory(&address, directory, name) < 0) return -1;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  // The mode its name has is cut by the umask.
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || fchmodat(directory, name, 0666, 0) < 0)
    return failed(fd);
  return fd;
}

int dhow_datagram_send(const char *name, const void *bytes, size_t length) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t size = strlen(name);
  if (size == 0 || size >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, name, size);
  // A name without a path begins with NUL and has no end but its length (unix(7)).
  if (name[0] == '@') address.sun_path[0] = 0; else size++;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  ssize_t sent = sendto(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
  int code = errno;
  close(fd);
  errno = code;
  return sent < 0 ? -1 : 0;
}

int dhow_unix_connect(int directory, const char *name) {
  struct sockaddr_un address;
  if (name_in_directory(&address, directory, name) < 0) return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
    return failed(fd);
  return fd;
}

int dhow_socketpair(int fds[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds); }

int dhow_read_signal(int fd, int *origin) {
  struct signalfd_siginfo info;
  ssize_t got = read(fd, &info, sizeof info);
  if (got != (ssize_t)sizeof info) return -1;
  *origin = info.ssi_code;
  return (int)info.ssi_signo;
}

int dhow_window_size(int fd, uint16_t *rows, uint16_t *columns) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -1;
  *rows = size.ws_row;
  *columns = size.ws_col;
  return 0;
}
int dhow_set_window_size(int terminal, uint16_t columns, uint16_t rows) {
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  return ioctl(terminal, TIOCSWINSZ, &size);
}
int dhow_terminal_peer(int master) { return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC); }

void *dhow_map_pages(size_t size) {
  void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? NULL : pages;
}
int dhow_release_pages(void *pages, size_t size) { return madvise(pages, size, MADV_DONTNEED); }

// What the stack held while the container was being started is not needed again: its pages below the frames in use go
// back, down to where nothing is mapped (ENOMEM). Only of the first thread, below whose stack the kernel keeps a gap.
static __attribute__((noinline)) void release_stack(void) {
  enum { KEPT = 16 * 1024, REACH = 1024 * 1024 };
  if (gettid() != getpid()) return;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t top = (here - KEPT) & ~(page - 1);
  for (uintptr_t part = top; part > top - REACH; part -= 4 * page)
    if (madvise((void *)(part - 4 * page), 4 * page, MADV_DONTNEED) < 0) return;
}

void dhow_trim_memory(void) {
  malloc_trim(0);
  release_stack();
  dhow_openssl_release();
}
