// Prototypes of sockets.c; own types only, as in CLinux.h, which includes this file.
#ifndef DHOW_SOCKETS_H
#define DHOW_SOCKETS_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// An address of IPv4 (family 4, the first four bytes) or IPv6 (family 6), and a port in the host's order.
struct dhow_address {
  uint8_t family;
  uint8_t bytes[16];
  uint16_t port;
  uint32_t scope;  // interface of a link-local address
};

// A netlink socket (netlink(7)) that tells why a request was refused (NETLINK_EXT_ACK).
int dhow_netlink_socket(int protocol);

// A listening TCP socket, non-blocking. An IPv6 one takes IPv6 alone. `device` may be NULL (SO_BINDTODEVICE).
int dhow_tcp_listen(const struct dhow_address *at, const char *device);
// A UDP socket that learns where each datagram was sent to (IP_PKTINFO), non-blocking.
int dhow_udp_bind(const struct dhow_address *at, const char *device);
// Starts a TCP connection, non-blocking: 0 or 1 (in progress) in *pending. `from` may be NULL; with `transparent` it
// need not be an address of ours (IP_TRANSPARENT).
int dhow_tcp_connect(const struct dhow_address *to, const struct dhow_address *from, int transparent, int *pending);
// A connected UDP socket, non-blocking.
int dhow_udp_connect(const struct dhow_address *to, const struct dhow_address *from, int transparent);
// Accepts without waiting; the peer's address and the address it connected to.
int dhow_tcp_accept(int listener, struct dhow_address *peer, struct dhow_address *local);
// The error of a connection attempt (SO_ERROR).
int dhow_socket_error(int fd);
// The address a socket is bound to.
int dhow_local_address(int fd, struct dhow_address *at);
// Sends a reset instead of the rest when the socket is closed (SO_LINGER 0).
void dhow_reset_on_close(int fd);
void dhow_no_delay(int fd);

ssize_t dhow_udp_receive(int fd, void *bytes, size_t count, struct dhow_address *peer, struct dhow_address *local);
// `local` may be NULL: the kernel then chooses the source.
ssize_t dhow_udp_send(int fd, const void *bytes, size_t count, const struct dhow_address *peer,
                      const struct dhow_address *local);
// splice(2) without waiting, between a socket and a pipe.
ssize_t dhow_splice(int from, int to, size_t count);
int dhow_pipe_nonblocking(int fds[2]);

// A unix socket of packets named in a directory (mode 0600, non-blocking when it listens).
int dhow_packet_listen(int directory, const char *name);
int dhow_packet_connect(int directory, const char *name);
int dhow_packet_pair(int fds[2]);
// One packet with descriptors; -1 and errno. Receiving answers its length and the number of descriptors in *count.
ssize_t dhow_packet_send(int fd, const void *bytes, size_t length, const int *descriptors, int count);
ssize_t dhow_packet_receive(int fd, void *bytes, size_t capacity, int *descriptors, int capacity_descriptors, int *count);
// The length of the packet that waits, without taking it.
ssize_t dhow_packet_size(int fd);
// The process that connected (SO_PEERCRED).
int dhow_peer_process(int fd, pid_t *pid, uid_t *uid);

// Waits until the descriptor is readable; 1, 0 after so many milliseconds, or -1.
int dhow_wait_readable(int fd, int milliseconds);

// Makes `path` in a mount namespace of our own show the namespace of descriptor `fd`.
int dhow_bind_namespace(int fd, const char *path);

// The first index of an interface of that name, 0 when there is none.
uint32_t dhow_interface_index(const char *name);

#endif
