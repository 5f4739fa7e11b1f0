#ifndef DHOW_NETWORK_H
#define DHOW_NETWORK_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// sendfile(2) from `offset`; a closed socket is EPIPE and never a signal.
ssize_t dhow_sendfile(int socket, int file, int64_t offset, size_t count);
// Host names are looked up in /etc/hosts and the DNS only, whatever nsswitch.conf(5) says: a static program must not
// load the host's NSS modules.
void dhow_plain_host_lookup(void);

#endif
