// The parent's half of a launch: sockets, namespace questions, stacks.
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int dhow_control_pair(int sockets[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets); }

ssize_t dhow_receive_report(int socket, struct dhow_report *report, int *descriptor) {
  struct iovec data = {report, sizeof *report};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr packet = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got;
  // ECONNRESET: the child left without reading our last "go"; what it had to say is still queued.
  do got = recvmsg(socket, &packet, MSG_CMSG_CLOEXEC);
  while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  *descriptor = -1;
  struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&packet) : NULL;
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    memcpy(descriptor, CMSG_DATA(header), sizeof(int));
  return got;
}

int dhow_namespace_type(int fd) { return ioctl(fd, NS_GET_NSTYPE); }

int64_t dhow_namespace_owner(int fd) {
  uid_t owner;
  return ioctl(fd, NS_GET_OWNER_UID, &owner) < 0 ? -1 : (int64_t)owner;
}

int dhow_namespace_parent(int fd) { return ioctl(fd, NS_GET_PARENT); }

void *dhow_map_stack(size_t size) {
  size_t page = (size_t)getpagesize();
  char *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  mprotect(memory, page, PROT_NONE);
  return memory + page;
}

void dhow_unmap_stack(void *stack, size_t size) {
  size_t page = (size_t)getpagesize();
  munmap((char *)stack - page, size + page);
}

int dhow_permitted_capabilities(uint64_t *permitted) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) return -1;
  *permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
  return 0;
}
