// Sockets of networks: addresses of both families behind one plain structure, transparent sources, packet information,
// descriptors in messages.
#define _GNU_SOURCE
#include "CLinux.h"
#include "unixname.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif


static socklen_t to_kernel(const struct dhow_address *from, struct sockaddr_storage *to) {
  memset(to, 0, sizeof *to);
  if (from->family == 6) {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(from->port);
    six->sin6_scope_id = from->scope;
    memcpy(&six->sin6_addr, from->bytes, 16);
    return sizeof *six;
  }
  struct sockaddr_in *four = (struct sockaddr_in *)to;
  four->sin_family = AF_INET;
  four->sin_port = htons(from->port);
  memcpy(&four->sin_addr, from->bytes, 4);
  return sizeof *four;
}

static void from_kernel(const struct sockaddr_storage *from, struct dhow_address *to) {
  memset(to, 0, sizeof *to);
  if (from->ss_family == AF_INET6) {
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
    to->family = 6;
    to->port = ntohs(six->sin6_port);
    to->scope = six->sin6_scope_id;
    memcpy(to->bytes, &six->sin6_addr, 16);
  } else if (from->ss_family == AF_INET) {
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    to->family = 4;
    to->port = ntohs(four->sin_port);
    memcpy(to->bytes, &four->sin_addr, 4);
  }
}

static int domain(const struct dhow_address *address) { return address->family == 6 ? AF_INET6 : AF_INET; }

static int set(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof value); }

int dhow_netlink_socket(int protocol) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return -1;
  set(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  set(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  struct sockaddr_nl here = {.nl_family = AF_NETLINK};
  if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0) return failed(fd);
  return fd;
}

static int bound(int type, const struct dhow_address *at, const char *device) {
  struct sockaddr_storage address;
  socklen_t length = to_kernel(at, &address);
  int fd = socket(domain(at), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (type == SOCK_STREAM) set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (at->family == 6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) return failed(fd);
  // A name server listens on the address of a bridge that has no port yet, which is tentative or down.
  if (device) {
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) < 0) return failed(fd);
    set(fd, at->family == 6 ? IPPROTO_IPV6 : IPPROTO_IP, at->family == 6 ? IPV6_FREEBIND : IP_FREEBIND, 1);
  }
  if (bind(fd, (struct sockaddr *)&address, length) < 0) return failed(fd);
  return fd;
}

int dhow_tcp_listen(const struct dhow_address *at, const char *device) {
  int fd = bound(SOCK_STREAM, at, device);
  if (fd < 0) return -1;
  if (listen(fd, 4096) < 0) return failed(fd);
  return fd;
}

int dhow_udp_bind(const struct dhow_address *at, const char *device) {
  int fd = bound(SOCK_DGRAM, at, device);
  if (fd < 0) return -1;
  int result = at->family == 6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
  return result < 0 ? failed(fd) : fd;
}

static int source(int fd, const struct dhow_address *from, int transparent) {
  if (!from) return 0;
  if (transparent) {
    int result =
        from->family == 6 ? set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1) : set(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
    if (result < 0) return -1;
  }
  struct sockaddr_storage address;
  socklen_t length = to_kernel(from, &address);
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  // A port is chosen by connect, for the whole of the four-tuple.
  if (from->port == 0) set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  return bind(fd, (struct sockaddr *)&address, length);
}

int dhow_tcp_connect(const struct dhow_address *to, const struct dhow_address *from, int transparent, int *pending) {
  int fd = socket(domain(to), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (source(fd, from, transparent) < 0) return failed(fd);
  struct sockaddr_storage address;
  socklen_t length = to_kernel(to, &address);
  *pending = 0;
  if (connect(fd, (struct sockaddr *)&address, length) < 0) {
    if (errno != EINPROGRESS) return failed(fd);
    *pending = 1;
  }
  return fd;
}

int dhow_udp_connect(const struct dhow_address *to, const struct dhow_address *from, int transparent) {
  int fd = socket(domain(to), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  struct sockaddr_storage address;
  socklen_t length = to_kernel(to, &address);
  if (source(fd, from, transparent) < 0 || connect(fd, (struct sockaddr *)&address, length) < 0) return failed(fd);
  return fd;
}

int dhow_tcp_accept(int listener, struct dhow_address *peer, struct dhow_address *local) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  int fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return -1;
  from_kernel(&address, peer);
  dhow_local_address(fd, local);
  return fd;
}

int dhow_socket_error(int fd) {
  int code = 0;
  socklen_t length = sizeof code;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0 ? errno : code;
}

int dhow_local_address(int fd, struct dhow_address *at) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) return -1;
  from_kernel(&address, at);
  return 0;
}

void dhow_reset_on_close(int fd) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}
void dhow_no_delay(int fd) { set(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

union packet_information {
  char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
  struct cmsghdr align;
};

ssize_t dhow_udp_receive(int fd, void *bytes, size_t count, struct dhow_address *peer, struct dhow_address *local) {
  struct sockaddr_storage address;
  union packet_information control;
  struct iovec part = {bytes, count};
  struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1,
                           .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
  if (got < 0) return -1;
  from_kernel(&address, peer);
  memset(local, 0, sizeof *local);
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo information;
      memcpy(&information, CMSG_DATA(head), sizeof information);
      local->family = 4;
      local->scope = (uint32_t)information.ipi_ifindex;
      memcpy(local->bytes, &information.ipi_spec_dst, 4);
    } else if (head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo information;
      memcpy(&information, CMSG_DATA(head), sizeof information);
      local->family = 6;
      local->scope = information.ipi6_ifindex;
      memcpy(local->bytes, &information.ipi6_addr, 16);
    }
  }
  return got;
}

ssize_t dhow_udp_send(int fd, const void *bytes, size_t count, const struct dhow_address *peer,
                      const struct dhow_address *local) {
  struct sockaddr_storage address;
  union packet_information control;
  memset(&control, 0, sizeof control);
  struct iovec part = {(void *)bytes, count};
  struct msghdr message = {.msg_name = &address, .msg_namelen = to_kernel(peer, &address), .msg_iov = &part,
                           .msg_iovlen = 1};
  if (local && local->family != 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (local->family == 6) {
      struct in6_pktinfo information = {.ipi6_ifindex = 0};
      memcpy(&information.ipi6_addr, local->bytes, 16);
      head->cmsg_level = IPPROTO_IPV6;
      head->cmsg_type = IPV6_PKTINFO;
      head->cmsg_len = CMSG_LEN(sizeof information);
      memcpy(CMSG_DATA(head), &information, sizeof information);
      message.msg_controllen = CMSG_SPACE(sizeof information);
    } else {
      struct in_pktinfo information = {.ipi_ifindex = 0};
      memcpy(&information.ipi_spec_dst, local->bytes, 4);
      head->cmsg_level = IPPROTO_IP;
      head->cmsg_type = IP_PKTINFO;
      head->cmsg_len = CMSG_LEN(sizeof information);
      memcpy(CMSG_DATA(head), &information, sizeof information);
      message.msg_controllen = CMSG_SPACE(sizeof information);
    }
  }
  return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t dhow_splice(int from, int to, size_t count) {
  return splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

int dhow_pipe_nonblocking(int fds[2]) { return pipe2(fds, O_CLOEXEC | O_NONBLOCK); }

int dhow_packet_listen(int directory, const char *name) {
  struct sockaddr_un address;
  if (name_in_directory(&address, directory, name) < 0) return -1;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0)
    return failed(fd);
  return fd;
}

int dhow_packet_connect(int directory, const char *name) {
  struct sockaddr_un address;
  if (name_in_directory(&address, directory, name) < 0) return -1;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return failed(fd);
  return fd;
}

int dhow_packet_pair(int fds[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds); }

enum { MOST_DESCRIPTORS = 64 };
union descriptor_space {
  char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
  struct cmsghdr align;
};

ssize_t dhow_packet_send(int fd, const void *bytes, size_t length, const int *descriptors, int count) {
  union descriptor_space control;
  memset(&control, 0, sizeof control);
  struct iovec part = {(void *)bytes, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > MOST_DESCRIPTORS) {
    errno = EINVAL;
    return -1;
  }
  if (count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(head), descriptors, (size_t)count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

ssize_t dhow_packet_receive(int fd, void *bytes, size_t capacity, int *descriptors, int capacity_descriptors,
                            int *count) {
  union descriptor_space control;
  struct iovec part = {bytes, capacity};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  *count = 0;
  ssize_t got;
  do got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -1;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    int number = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int index = 0; index < number; index++) {
      int one;
      memcpy(&one, CMSG_DATA(head) + (size_t)index * sizeof(int), sizeof one);
      if (*count < capacity_descriptors)
        descriptors[(*count)++] = one;
      else
        close(one);
    }
  }
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    for (int index = 0; index < *count; index++) close(descriptors[index]);
    *count = 0;
    errno = EMSGSIZE;
    return -1;
  }
  return got;
}

ssize_t dhow_packet_size(int fd) { return recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT); }

int dhow_peer_process(int fd, pid_t *pid, uid_t *uid) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -1;
  *pid = peer.pid;
  *uid = peer.uid;
  return 0;
}

int dhow_wait_readable(int fd, int milliseconds) {
  struct pollfd one = {.fd = fd, .events = POLLIN};
  int ready;
  do ready = poll(&one, 1, milliseconds);
  while (ready < 0 && errno == EINTR);
  return ready;
}

int dhow_bind_namespace(int fd, const char *path) {
  char from[64];
  snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
  if (unshare(CLONE_NEWNS) < 0) return -1;
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
  return mount(from, path, NULL, MS_BIND, NULL);
}

uint32_t dhow_interface_index(const char *name) { return if_nametoindex(name); }
