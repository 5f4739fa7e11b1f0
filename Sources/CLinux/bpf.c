// The filter of device files of a cgroup (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE, kernel 4.15).
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int dhow_attach_device_filter(int cgroup, const uint64_t *instructions, uint32_t count) {
  _Static_assert(sizeof(struct bpf_insn) == sizeof(uint64_t), "an instruction is one word");
  union bpf_attr load;
  memset(&load, 0, sizeof load);
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = (uint64_t)(uintptr_t)instructions;
  load.insn_cnt = count;
  load.license = (uint64_t)(uintptr_t) "Apache-2.0";
  int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
  if (program < 0) return -1;
  union bpf_attr attach;
  memset(&attach, 0, sizeof attach);
  attach.target_fd = (uint32_t)cgroup;
  attach.attach_bpf_fd = (uint32_t)program;
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  int answer = (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach);
  int code = errno;
  close(program);
  errno = code;
  return answer;
}
