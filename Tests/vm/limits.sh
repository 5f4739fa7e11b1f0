#!/bin/bash
# Limits on cgroup v2, in a machine with systemd: as root, as a user in a plain login, and as a user below her manager,
# to whom controllers are delegated. Run by scripts/vm-test; needs dhow and busybox.tar beside it.
set -u
cd "$(dirname "$0")" || exit 1
chmod 755 . dhow
chmod 644 busybox.tar
failed=0
number=0

# usage: check NAME WANTED GOT        WANTED is a pattern of the shell
check() {
  number=$((number + 1))
  # shellcheck disable=SC2053
  if [[ $3 == $2 ]]; then
    echo "ok $number - $1"
  else
    echo "not ok $number - $1"
    echo "  wanted: $2"
    echo "  got:    $3"
    failed=1
  fi
}

uid=$(id -u alice)
libraries=""
[ -d lib ] && libraries="LD_LIBRARY_PATH=$PWD/lib"
env="env $libraries HOME=/home/alice XDG_RUNTIME_DIR=/run/user/$uid"
as_root() { env ${libraries:+"$libraries"} ./dhow "$@" 2>&1; }
# A login that systemd has not delegated anything to.
in_login() { runuser -u alice -- $env "$PWD/dhow" "$@" 2>&1; }
# A unit of her manager with a property more.
in_unit_with() {
  local property=$1
  shift
  systemd-run --quiet --user -M alice@ --pipe --wait --collect -p "$property" $env "$PWD/dhow" "$@" 2>&1
}
# KillMode: else systemd ends the monitor of `run -d` together with the command that started it.
in_unit() { in_unit_with KillMode=process "$@"; }

hungry=(dd if=/dev/zero of=/dev/null bs=200M count=1)
forks='i=0; while [ $i -lt 40 ]; do sleep 3 & i=$((i+1)); done; wait'
spin='timeout 5 sh -c "while :; do :; done"; grep ^usage_usec /sys/fs/cgroup/cpu.stat'

# usage: suite NAME COMMAND        the limits that COMMAND must be able to set
suite() {
  local name=$1 run=$2 out
  out=$($run run --name oom -m 64m busybox "${hungry[@]}")
  check "$name: a program over its memory is killed" 137 $?
  check "$name: and that is recorded" true "$($run inspect -f '{{.State.OOMKilled}}' oom)"
  $run rm oom >/dev/null
  check "$name: memory.max is set" 67108864 "$($run run --rm -m 64m busybox cat /sys/fs/cgroup/memory.max)"
  check "$name: memory and swap are set" "0" \
    "$($run run --rm -m 64m --memory-swap 64m busybox cat /sys/fs/cgroup/memory.swap.max)"
  check "$name: a loop of forks is stopped" "*fork*" "$($run run --rm --pids-limit 20 busybox sh -c "$forks")"
  out=$($run run --rm --cpus .5 busybox sh -c "$spin")
  out=${out##* }
  check "$name: half a processor" yes "$([ "${out:-0}" -gt 1000000 ] && [ "${out:-0}" -le 3200000 ] && echo yes || echo "$out")"
  check "$name: shares become a weight" 20 "$($run run --rm --cpu-shares 512 busybox cat /sys/fs/cgroup/cpu.weight)"
  check "$name: the container sees its own cgroup only" "0::/" "$($run run --rm busybox cat /proc/self/cgroup)"
  out=$($run run -d --name web -m 100m busybox sleep 100)
  check "$name: exec joins the cgroup" "0::/" "$($run exec web cat /proc/self/cgroup)"
  $run rm -f web >/dev/null
}

as_root import busybox.tar busybox >/dev/null || { echo "import failed" >&2; exit 1; }
suite root as_root
check "root: processors" 0 "$(as_root run --rm --cpuset-cpus 0 busybox cat /sys/fs/cgroup/cpuset.cpus.effective)"
check "root: devices are filtered" "*not permitted*" \
  "$(as_root run --rm busybox sh -c 'mknod /tmp/x b 8 0; head -c 1 /tmp/x')"
check "root: its own devices are not" 4 "$(as_root run --rm busybox sh -c 'head -c 4 /dev/zero | wc -c')"
check "root: nothing is left" "" "$(ls -d /sys/fs/cgroup/dhow 2>/dev/null)"

in_login import busybox.tar busybox >/dev/null
check "login: one warning with the way out" \
  "WARNING: --memory, --cpus, --pids-limit not applied: this session's cgroup is not delegated to uid $uid; run it by systemd-run*" \
  "$(in_login run --rm -m 64m --cpus 1 --pids-limit 9 busybox true)"
check "login: no limit, no warning" "" "$(in_login run --rm busybox true)"
in_login run --rm --strict-limits -m 64m busybox true >/dev/null
check "login: --strict-limits fails" 125 $?
check "login: a parent outside is refused" "*outside the cgroup delegated to uid $uid*" \
  "$(in_login run --rm --cgroup-parent /system.slice busybox true)"

suite unit in_unit
check "unit: a controller that is not delegated is named" \
  "WARNING: --cpuset-cpus not applied: the cgroup controller cpuset is not delegated to uid $uid; *Delegate=cpu cpuset io memory pids*" \
  "$(in_unit run --rm --cpuset-cpus 0 busybox true)"
check "unit: --cgroups=split" 67108864 \
  "$(in_unit_with Delegate=yes run --rm --cgroups split -m 64m busybox cat /sys/fs/cgroup/memory.max)"
check "unit: a parent of one's own" 67108864 \
  "$(in_unit run --rm --cgroup-parent mine -m 64m busybox cat /sys/fs/cgroup/memory.max)"
check "unit: --cgroups=disabled" "WARNING: --memory not applied: --cgroups=disabled was given" \
  "$(in_unit run --rm --cgroups disabled -m 64m busybox true)"

mkdir -p /etc/systemd/system/user@.service.d
printf '[Service]\nDelegate=cpu cpuset io memory pids\n' >/etc/systemd/system/user@.service.d/delegate.conf
systemctl daemon-reload
systemctl restart "user@$uid"
check "more delegated: processors" 0 "$(in_unit run --rm --cpuset-cpus 0 busybox cat /sys/fs/cgroup/cpuset.cpus.effective)"
check "more delegated: nothing is left" "" \
  "$(find /sys/fs/cgroup/user.slice -type d -path '*/dhow/*' 2>/dev/null)"

echo "1..$number"
exit $failed
