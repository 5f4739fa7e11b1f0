// clone(2) that goes on in `body` on a stack of its own. Not clone3(2): system call filters, docker's among them, answer
// ENOSYS to that. With CLONE_VM the child shares our memory and with it the C library's thread-local storage, errno
// first of all: its code makes system calls by rawcall.h only.
#ifndef DHOW_RAWCLONE_H
#define DHOW_RAWCLONE_H
#include "rawcall.h"

#if defined(__x86_64__)
RAWCALL_INLINE long clone_run(unsigned long flags, void *stack, void (*body)(void *), void *state) {
  long result;
  register void (*r12)(void *) __asm__("r12") = body;
  register void *r13 __asm__("r13") = state;
  register long r10 __asm__("r10") = 0;
  register long r8 __asm__("r8") = 0;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone), "D"(flags), "S"(stack), "d"(0L), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
      : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
RAWCALL_INLINE long clone_run(unsigned long flags, void *stack, void (*body)(void *), void *state) {
  register long x8 __asm__("x8") = SYS_clone;
  register long x0 __asm__("x0") = (long)flags;
  register void *x1 __asm__("x1") = stack;
  register long x2 __asm__("x2") = 0;
  register long x3 __asm__("x3") = 0;
  register long x4 __asm__("x4") = 0;
  register void (*x19)(void *) __asm__("x19") = body;
  register void *x20 __asm__("x20") = state;
  __asm__ volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x20\n\t"
      "blr x19\n\t"
      "brk #1\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x19), "r"(x20)
      : "memory");
  return x0;
}
#endif
#endif
