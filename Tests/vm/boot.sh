#!/bin/bash
# Restart policies over a reboot: `boot1` sets up, `boot2` looks. Run by scripts/vm-test; needs dhow and busybox.tar beside it.
# shellcheck source=Tests/vm/common.sh
. "$(dirname "$0")/common.sh"

# usage: setup COMMAND        the same four containers
setup() {
  $1 dhow run -d --name always --restart always --init busybox sleep 100000 >/dev/null
  $1 dhow run -d --name kept --restart unless-stopped --init busybox sleep 100000 >/dev/null
  $1 dhow run -d --name stopped --restart unless-stopped --init busybox sleep 100000 >/dev/null
  $1 dhow run -d --name plain --init busybox sleep 100000 >/dev/null
  $1 dhow run -d --name brief --rm --init busybox sleep 100000 >/dev/null
  $1 dhow create --name new --restart always busybox sleep 100000 >/dev/null
  $1 dhow stop stopped >/dev/null
}
names() { tr '\n' ' ' | xargs -n1 | sort | xargs; }
as_root() { "$@"; }
later='{{.Names}}={{.Boot}}'

case $1 in
boot1)
  alice dhow import busybox.tar busybox >/dev/null
  dhow import busybox.tar busybox >/dev/null
  check "run says what is missing" "*WARNING: --restart always: nothing starts it after a boot until*system enable*" \
    "$(alice dhow create --name said --restart always busybox true)"
  alice dhow rm said >/dev/null
  loginctl disable-linger alice
  check "without linger an administrator is asked for" "*dhow-restart.service*WARNING: alice's services*loginctl enable-linger alice*" \
    "$(alice dhow system enable)"
  loginctl enable-linger alice
  eventually 60 systemctl is-active -q "user@$uid"
  check "with linger nothing is to be said" "/home/alice/.config/systemd/user/dhow-restart.service" "$(alice dhow system enable)"
  check "systemd takes the unit" enabled "$(user is-enabled dhow-restart.service)"
  check "root has one of its own" "/etc/systemd/system/dhow-restart.service" "$(dhow system enable)"
  setup managed
  setup as_root
  check "BOOT tells what will be" "always=yes brief=no kept=yes new=no plain=no stopped=no" \
    "$(alice dhow ps -a --format "$later" | names)"
  check "all run" "always brief kept plain" "$(alice dhow ps --format '{{.Names}}' | names)"
  ;;
boot2)
  check "after a boot: what is to run does" "always kept" "$(alice dhow ps --format '{{.Names}}' | names)"
  check "and the rest does not" "always kept new plain stopped" "$(alice dhow ps -a --format '{{.Names}}' | names)"
  check "root's too" "always kept" "$(dhow ps --format '{{.Names}}' | names)"
  check "its unit is up" active "$(user is-active dhow-restart.service)"
  check "one can execute in it" here "$(alice dhow exec always echo here)"
  alice dhow stop always >/dev/null
  user start dhow-restart.service
  alice dhow system disable
  check "disabled, BOOT says so" "no: not enabled" "$(alice dhow ps -f name=kept --format '{{.Boot}}')"
  user stop dhow-restart.service
  eventually 60 test -z "$(alice dhow ps -q)"
  check "stopping the unit stops its containers" "" "$(alice dhow ps -q)"
  check "the store is whole" "*" "$(alice dhow system check)"
  ;;
esac
finish
