// clone(2) and clone3(2) that go on in `body` on a stack of its own; without one the child would return into our frames.
// Filters of system calls, docker's among them, answer ENOSYS to clone3: where clone can do it, clone does. With CLONE_VM
// the child shares our memory and with it the C library's thread-local storage, errno first of all: its code makes system
// calls by rawcall.h only.
#ifndef DHOW_RAWCLONE_H
#define DHOW_RAWCLONE_H
#include "rawcall.h"

#if defined(__x86_64__)
RAWCALL_INLINE long clone_call(long number, long first, long second, void (*body)(void *), void *state) {
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
      : "a"(number), "D"(first), "S"(second), "d"(0L), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
      : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
RAWCALL_INLINE long clone_call(long number, long first, long second, void (*body)(void *), void *state) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = first;
  register long x1 __asm__("x1") = second;
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

RAWCALL_INLINE long clone_run(unsigned long flags, void *stack, void (*body)(void *), void *state) {
  return clone_call(SYS_clone, (long)flags, (long)stack, body, state);
}
#endif
