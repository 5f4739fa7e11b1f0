// Prototypes of streams.c; own types only, as in CLinux.h, which includes this file.
#ifndef DHOW_STREAMS_H
#define DHOW_STREAMS_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A write that fails with EAGAIN instead of waiting although the descriptor itself is blocking (pwritev2(2),
// RWF_NOWAIT); EOPNOTSUPP where the file type does not know it.
ssize_t dhow_write_nowait(int fd, const void *bytes, size_t count);
// Sends two buffers as one piece of a stream socket without waiting and without SIGPIPE; may send a part.
ssize_t dhow_send_nowait(int fd, const void *head, size_t head_count, const void *body, size_t body_count);
ssize_t dhow_receive_nowait(int fd, void *bytes, size_t count);
// A listening (non-blocking, mode 0600) or connected stream socket at `name` in a directory.
int dhow_unix_listen(int directory, const char *name);
int dhow_unix_connect(int directory, const char *name);
// A datagram socket that anybody who sees its name may send to; not blocking.
int dhow_datagram_listen(int directory, const char *name);
// One datagram to a path or, after '@', a name without one. -1 with errno; EAGAIN when the receiver is behind.
int dhow_datagram_send(const char *address, const void *bytes, size_t length);
int dhow_socketpair(int fds[2]);
// The next signal of a signalfd and its si_code, or -1.
int dhow_read_signal(int fd, int *origin);
int dhow_window_size(int fd, uint16_t *rows, uint16_t *columns);
int dhow_set_window_size(int terminal, uint16_t columns, uint16_t rows);
// The slave of a pseudo-terminal, opened without becoming the controlling terminal (TIOCGPTPEER, kernel 4.13).
int dhow_terminal_peer(int master);
// Anonymous pages; NULL when there is no memory.
void *dhow_map_pages(size_t size);
int dhow_release_pages(void *pages, size_t size);
// Gives free heap (malloc_trim(3)) and the unused part of the stack back to the kernel. For a process with one thread.
void dhow_trim_memory(void);
#endif
