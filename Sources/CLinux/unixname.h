// Unix sockets by a directory's descriptor and a name in it.
#ifndef DHOW_UNIXNAME_H
#define DHOW_UNIXNAME_H
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// The name is reached through /proc/self/fd, because an address holds 108 bytes and a runtime directory may be longer.
static inline int name_in_directory(struct sockaddr_un *address, int directory, const char *name) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  int length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", directory, name);
  if (length < 0 || (size_t)length >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  return 0;
}

static inline int failed(int fd) {
  int code = errno;
  close(fd);
  errno = code;
  return -1;
}
#endif
