# What the scripts in the machine have in common; sourced beside dhow, busybox.tar and perhaps lib.
# shellcheck shell=bash
set -u
cd "$(dirname "$0")" || exit 1
chmod 755 .
chmod 644 busybox.tar
if [ -d lib ]; then
  # A debug build looks for its libraries beside itself.
  mkdir -p /opt/dhow
  cp --remove-destination -r dhow lib/. /opt/dhow/
  chmod -R a+rX /opt/dhow
  ln -sf /opt/dhow/dhow /usr/local/bin/dhow
else
  install -m 755 dhow /usr/local/bin/dhow
fi
uid=$(id -u alice)
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

# usage: eventually SECONDS COMMAND...        asks until it says yes; the processor is emulated
eventually() {
  local end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.2
  done
}

alice() { runuser -u alice -- env HOME=/home/alice XDG_RUNTIME_DIR="/run/user/$uid" "$@" 2>&1; }
# Below her manager, as a unit of its own whose monitor stays.
managed() {
  systemd-run --quiet --user -M alice@ --pipe --wait --collect -p KillMode=process -p Delegate=yes \
    env HOME=/home/alice XDG_RUNTIME_DIR="/run/user/$uid" "$@" 2>&1
}
user() { systemctl --user -M alice@ "$@"; }

finish() {
  echo "1..$number"
  exit "$failed"
}
