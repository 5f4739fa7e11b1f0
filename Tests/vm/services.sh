#!/bin/bash
# Containers as services of systemd: units with `ExecStart=dhow run …` as it stands, below alice's manager and the
# system's. Run by scripts/vm-test; needs dhow and busybox.tar beside it.
# shellcheck source=Tests/vm/common.sh
. "$(dirname "$0")/common.sh"

alice dhow import busybox.tar busybox >/dev/null
units=/home/alice/.config/systemd/user
alice mkdir -p $units /home/alice/out
notify="-v /usr/bin/systemd-notify:/notify:ro -v /usr/lib:/lib:ro -v /usr/lib:/usr/lib:ro -v /usr/lib64:/lib64:ro"

# usage: unit NAME LINE...        a service of alice's
unit() {
  local name=$1
  shift
  printf '%s\n' '[Service]' "$@" >"$units/$name"
  chown alice: "$units/$name"
  user daemon-reload
}
show() { user show --value -p "$1" "$2"; }
is_active() { [ "$(show ActiveState "$1")" = active ]; }
has_status() { [ "$(show StatusText "$1")" = "$2" ]; }

unit exec.service Type=exec SuccessExitStatus=143 \
  "ExecStart=/usr/local/bin/dhow run --rm --name exec --init -m 64m busybox sleep 1000"
user start exec
check "exec: the service is up" active "$(show ActiveState exec)"
main=$(show MainPID exec)
check "exec: the main process is ours" "dhow" "$(cat "/proc/$main/comm")"
eventually 30 alice dhow exec exec true >/dev/null
check "exec: it stays the main process" "$main" "$(show MainPID exec)"
check "exec: limits hold below the unit" 67108864 "$(managed dhow exec exec cat /sys/fs/cgroup/memory.max)"
check "exec: from a login it runs, and says what does not hold" "WARNING: the container's limits do not hold*here" \
  "$(alice dhow exec exec echo here)"
user stop exec
check "exec: it stops cleanly" "inactive success" "$(show ActiveState exec) $(show Result exec)"
check "exec: and leaves nothing" "" "$(alice dhow ps -aq)"

unit status.service Type=exec "ExecStart=/usr/local/bin/dhow run --rm busybox sh -c 'exit 3'"
user start status
eventually 30 test "$(show ActiveState status)" != active
eventually 30 sh -c "! systemctl --user -M alice@ is-active -q status"
check "the exit status is the program's" "exit-code 3" "$(show Result status) $(show ExecMainStatus status)"

unit ready.service Type=notify SuccessExitStatus=143 KillMode=mixed \
  "ExecStart=/usr/local/bin/dhow run --rm --name ready --init -u 1000 $notify -v /home/alice/out:/out busybox sh -c \
'until [ -e /out/go ]; do sleep 0.2; done; /notify --ready --status=warm MAINPID=1; exec sleep 1000'"
user start --no-block ready
eventually 30 sh -c "systemctl --user -M alice@ show -p MainPID ready | grep -qv =0"
check "notify: it is not ready before the program says so" activating "$(show ActiveState ready)"
alice touch /home/alice/out/go
eventually 60 is_active ready
check "notify: and then it is" "active warm" "$(show ActiveState ready) $(show StatusText ready)"
check "notify: the program does not choose the main process" dhow "$(cat "/proc/$(show MainPID ready)/comm")"
user stop ready
check "notify: it stops cleanly" success "$(show Result ready)"

unit conmon.service Type=notify SuccessExitStatus=143 \
  "ExecStart=/usr/local/bin/dhow run --rm --sdnotify=conmon --init busybox sleep 1000"
user start conmon
check "--sdnotify=conmon: ready when it runs" active "$(show ActiveState conmon)"
user stop conmon

unit healthy.service Type=notify SuccessExitStatus=143 \
  "ExecStart=/usr/local/bin/dhow run --rm --name healthy --sdnotify=healthy --init --health-interval 1s \
--health-cmd 'test -e /tmp/ok' busybox sleep 1000"
user start --no-block healthy
eventually 60 alice dhow exec healthy true >/dev/null
check "--sdnotify=healthy: not ready before" activating "$(show ActiveState healthy)"
alice dhow exec healthy touch /tmp/ok
eventually 60 is_active healthy
check "--sdnotify=healthy: ready when it is" active "$(show ActiveState healthy)"
user stop healthy

unit mixed.service Type=exec KillMode=mixed \
  "ExecStart=/usr/local/bin/dhow run --rm --name mixed -v /home/alice/out:/out busybox sh -c \
\"trap 'echo bye >/out/bye; exit 0' TERM; touch /out/up; while :; do sleep 0.1; done\""
user start mixed
eventually 30 test -e /home/alice/out/up
user stop mixed
check "KillMode=mixed: the program is asked to end" "success bye" "$(show Result mixed) $(cat /home/alice/out/bye)"
unit stubborn.service Type=exec KillMode=mixed TimeoutStopSec=2 \
  "ExecStart=/usr/local/bin/dhow run --rm --name stubborn busybox sleep 1000"
user start stubborn
eventually 30 alice dhow exec stubborn true >/dev/null
user stop stubborn
check "KillMode=mixed: and killed when it does not" timeout "$(show Result stubborn)"
check "KillMode=mixed: nothing runs on" "" "$(pgrep -u alice -x sleep)"

unit oom.service Type=exec \
  "ExecStart=/usr/local/bin/dhow run --name oom -m 64m busybox dd if=/dev/zero of=/dev/null bs=200M count=1"
user start oom
eventually 60 sh -c "! systemctl --user -M alice@ is-active -q oom"
check "out of memory: 137" 137 "$(show ExecMainStatus oom)"
check "out of memory: recorded" "true 137" "$(alice dhow inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom)"

printf '[Socket]\nListenStream=/run/user/%s/web.sock\nFileDescriptorName=web\n' "$uid" >$units/web.socket
unit web.service Type=exec \
  "ExecStart=/usr/local/bin/dhow run --name web busybox sh -c 'env | grep ^LISTEN_ | sort; readlink /proc/self/fd/3'"
user start web.socket
user start web.service
eventually 60 sh -c "! systemctl --user -M alice@ is-active -q web"
check "sockets reach the program" "LISTEN_FDNAMES=web LISTEN_FDS=1 LISTEN_PID=1 socket:*" "$(alice dhow logs web | tr '\n' ' ')"
user stop web.socket

alice dhow create --name gen --init busybox sleep 1000 >/dev/null
alice dhow unit gen >$units/gen.service
alice dhow unit --new gen >$units/new.service
user daemon-reload
user start gen
check "unit: starts the container" "active gen" "$(show ActiveState gen) $(alice dhow ps --format '{{.Names}}')"
user stop gen
check "unit: and stops it" "success Exited (143)*" "$(show Result gen) $(alice dhow ps -a -f name=gen --format '{{.Status}}')"
user start new
check "unit --new: makes it anew" "active gen" "$(show ActiveState new) $(alice dhow ps --format '{{.Names}}')"
user stop new
check "unit --new: and removes it" "success " "$(show Result new) $(alice dhow ps -a -f name=gen --format '{{.Names}}')"

managed dhow run -d --name cold busybox sh -c 'while :; do :; done' >/dev/null
alice dhow pause cold >/dev/null
check "pause: by the freezer" 1 "$(alice dhow exec cold true >/dev/null 2>&1; cat $(find /sys/fs/cgroup/user.slice -path '*dhow*' -name cgroup.freeze -exec grep -l 1 {} +) 2>/dev/null | head -1)"
check "pause: shows" "Up*Paused*" "$(alice dhow ps -f name=cold --format '{{.Status}}')"
alice dhow unpause cold >/dev/null
alice dhow rm -f cold >/dev/null

dhow import busybox.tar busybox >/dev/null
cat >/etc/systemd/system/root.service <<'U'
[Service]
Type=notify
KillMode=mixed
SuccessExitStatus=143
ExecStart=/usr/local/bin/dhow run --rm --name root --sdnotify=conmon --init -m 64m busybox sleep 1000
U
systemctl daemon-reload
systemctl start root
check "root: a system service" "active dhow" \
  "$(systemctl is-active root) $(cat "/proc/$(systemctl show --value -p MainPID root)/comm")"
systemctl stop root
check "root: stops cleanly" success "$(systemctl show --value -p Result root)"
finish
