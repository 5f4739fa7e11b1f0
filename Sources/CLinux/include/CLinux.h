// Prototypes of our own only: a header that pulls in glibc's or the kernel's headers under _GNU_SOURCE breaks clean
// debug builds of Swift. The definitions, with the real headers and static assertions, are in the .c files.
#ifndef DHOW_CLINUX_H
#define DHOW_CLINUX_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#endif
