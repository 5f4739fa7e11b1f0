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

// Before the first use of OpenSSL; answers 0 when dhow_trim_memory gave its tables back, so that it must not be used.
int dhow_openssl_begin(void);
// Gives the pages of OpenSSL's tables back, 370 KB, unless it was used: a monitor never speaks TLS.
void dhow_openssl_release(void);

#endif
