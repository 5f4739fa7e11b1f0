# bash completion of dhow, written by `make docs` from the flag table; do not edit.

__dhow_verbs() {
  case "$1" in
    "") echo "attach branch build commit completion cp create diff events exec export help history images import info inspect kill load login logout logs pause port ps pull push rename restart rm rmi rollback run save search start stats stop tag top unit unpause unshare untag update version wait builder container healthcheck image generate network registry snapshot manifest system volume" ;;
    "builder") echo "build prune" ;;
    "container") echo "attach cleanup clone commit cp create diff exec exists export inspect kill logs ls pause port prune rename restart rm run start stats stop top unpause update wait" ;;
    "healthcheck") echo "run" ;;
    "image") echo "build diff exists history import inspect load ls prune pull push rm save search tag untag" ;;
    "generate") echo "systemd" ;;
    "network") echo "connect create disconnect exists inspect ls prune rm" ;;
    "registry") echo "serve" ;;
    "snapshot") echo "create ls rm" ;;
    "manifest") echo "add annotate create exists inspect push remove rm" ;;
    "system") echo "check df disable enable events info prune reset" ;;
    "volume") echo "create exists export import inspect ls mount prune rm" ;;
  esac
}

__dhow_flags() {
  case "$1" in
    "") echo "--config -D --debug --error-format -l --log-level --root --runroot -v --version" ;;
    "attach") echo "--detach-keys --no-stdin --sig-proxy" ;;
    "build") echo "--add-host --allow --annotation --authfile --build-arg --build-arg-file --build-context --call --cap-add --cap-drop --cert-dir --cgroup-parent --check --cpu-period --cpu-quota -c --cpu-shares --cpuset-cpus --cpuset-mems --creds --dns --dns-option --dns-search --explain -f --file --http-proxy --iidfile --jobs --label --load -m --memory --memory-swap --metadata-file --network --no-cache --no-cache-filter --omit-history -o --output --platform --progress --pull --push -q --quiet --retry --retry-delay --secret --security-opt --shm-size --source-date-epoch --ssh -t --tag --target --tls-verify --ulimit --verify" ;;
    "commit") echo "-a --author -c --change -m --message -p --pause" ;;
    "cp") echo "-a --archive -L --follow-link -q --quiet" ;;
    "create") echo "--add-host --annotation -a --attach --blkio-weight --cap-add --cap-drop --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device --dns --dns-option --dns-search --domainname --entrypoint -e --env --env-file --expose --group-add --health-cmd --health-interval --health-on-failure --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname --http-proxy --image-volume --init -i --interactive --ip --ip6 --ipc -l --label --label-file --link --log-driver --log-opt --mac-address -m --memory --memory-reservation --memory-swap --mount --name --network --network-alias --no-healthcheck --oom-score-adj --pid --pidfile --pids-limit --platform --privileged -p --publish -P --publish-all --pull -q --quiet --read-only --replace --requires --restart --rm --rootfs --runtime --sdnotify --security-opt --shm-size --stop-signal --stop-timeout --strict-limits --sysctl --timeout --tmpfs -t --tty --tz --ulimit --umask -u --user --userns --uts -v --volume --volumes-from -w --workdir" ;;
    "events") echo "-f --filter --format --since --stream --until" ;;
    "exec") echo "-d --detach --detach-keys -e --env --env-file -i --interactive --privileged -t --tty -u --user -w --workdir" ;;
    "export") echo "-o --output" ;;
    "history") echo "--format -H --human --no-trunc -q --quiet" ;;
    "images") echo "-a --all --digests -f --filter --format --no-trunc -q --quiet" ;;
    "import") echo "-c --change -m --message --platform" ;;
    "info") echo "-f --format" ;;
    "inspect") echo "-f --format -s --size --type" ;;
    "kill") echo "-a --all --cidfile -l --latest -s --signal" ;;
    "load") echo "-i --input --platform -q --quiet --squash-ids" ;;
    "login") echo "--authfile --cert-dir --get-login -p --password --password-stdin --tls-verify -u --username -v --verbose" ;;
    "logout") echo "-a --all --authfile" ;;
    "logs") echo "--details -f --follow --since -n --tail -t --timestamps --until" ;;
    "ps") echo "-a --all -f --filter --format -n --last -l --latest --no-trunc -q --quiet -s --size" ;;
    "pull") echo "-a --all-tags --authfile --cert-dir --creds --platform --policy -q --quiet --referrers --retry --retry-delay --tls-verify" ;;
    "push") echo "-a --all-tags --authfile --cert-dir --compression-format --compression-level --creds --digestfile --force-compression -f --format --platform -q --quiet --referrers --retry --retry-delay --tls-verify" ;;
    "restart") echo "-a --all --cidfile -f --filter -l --latest --running -s --signal -t --timeout" ;;
    "rm") echo "-a --all --cidfile --filter -f --force -i --ignore --latest -v --volumes" ;;
    "rmi") echo "-f --force --platform" ;;
    "run") echo "--add-host --annotation -a --attach --blkio-weight --cap-add --cap-drop --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems -d --detach --detach-keys --device --dns --dns-option --dns-search --domainname --entrypoint -e --env --env-file --expose --group-add --health-cmd --health-interval --health-on-failure --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname --http-proxy --image-volume --init -i --interactive --ip --ip6 --ipc -l --label --label-file --link --log-driver --log-opt --mac-address -m --memory --memory-reservation --memory-swap --mount --name --network --network-alias --no-healthcheck --oom-score-adj --pid --pidfile --pids-limit --platform --preserve-fd --preserve-fds --privileged -p --publish -P --publish-all --pull -q --quiet --read-only --replace --requires --restart --rm --rootfs --runtime --sdnotify --security-opt --shm-size --sig-proxy --stop-signal --stop-timeout --strict-limits --sysctl --timeout --tmpfs -t --tty --tz --ulimit --umask -u --user --userns --uts -v --volume --volumes-from -w --workdir" ;;
    "save") echo "--format -o --output --platform" ;;
    "search") echo "--authfile --cert-dir --creds -f --filter --format --limit --list-tags --no-trunc --tls-verify" ;;
    "start") echo "--all -a --attach --detach-keys -f --filter -i --interactive -l --latest --sig-proxy" ;;
    "stats") echo "-a --all --format --no-stream --no-trunc" ;;
    "stop") echo "-a --all --cidfile -f --filter -i --ignore -l --latest -s --signal -t --timeout" ;;
    "unit") echo "--after --container-prefix -e --env -f --files --format --new --no-header --requires --restart-policy --restart-sec --separator --start-timeout --stop-timeout --template --wants" ;;
    "update") echo "--blkio-weight --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems -m --memory --memory-reservation --memory-swap --pids-limit --restart" ;;
    "version") echo "-f --format" ;;
    "wait") echo "--condition --ignore -i --interval -l --latest" ;;
    "builder build") echo "--add-host --allow --annotation --authfile --build-arg --build-arg-file --build-context --call --cap-add --cap-drop --cert-dir --cgroup-parent --check --cpu-period --cpu-quota -c --cpu-shares --cpuset-cpus --cpuset-mems --creds --dns --dns-option --dns-search --explain -f --file --http-proxy --iidfile --jobs --label --load -m --memory --memory-swap --metadata-file --network --no-cache --no-cache-filter --omit-history -o --output --platform --progress --pull --push -q --quiet --retry --retry-delay --secret --security-opt --shm-size --source-date-epoch --ssh -t --tag --target --tls-verify --ulimit --verify" ;;
    "builder prune") echo "-a --all --dry-run --filter -f --force --keep-storage" ;;
    "container attach") echo "--detach-keys --no-stdin --sig-proxy" ;;
    "container cleanup") echo "-a --all -l --latest --rm" ;;
    "container clone") echo "--blkio-weight --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --destroy -f --force -m --memory --memory-reservation --memory-swap --name --pids-limit --restart --run" ;;
    "container commit") echo "-a --author -c --change -m --message -p --pause" ;;
    "container cp") echo "-a --archive -L --follow-link -q --quiet" ;;
    "container create") echo "--add-host --annotation -a --attach --blkio-weight --cap-add --cap-drop --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device --dns --dns-option --dns-search --domainname --entrypoint -e --env --env-file --expose --group-add --health-cmd --health-interval --health-on-failure --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname --http-proxy --image-volume --init -i --interactive --ip --ip6 --ipc -l --label --label-file --link --log-driver --log-opt --mac-address -m --memory --memory-reservation --memory-swap --mount --name --network --network-alias --no-healthcheck --oom-score-adj --pid --pidfile --pids-limit --platform --privileged -p --publish -P --publish-all --pull -q --quiet --read-only --replace --requires --restart --rm --rootfs --runtime --sdnotify --security-opt --shm-size --stop-signal --stop-timeout --strict-limits --sysctl --timeout --tmpfs -t --tty --tz --ulimit --umask -u --user --userns --uts -v --volume --volumes-from -w --workdir" ;;
    "container exec") echo "-d --detach --detach-keys -e --env --env-file -i --interactive --privileged -t --tty -u --user -w --workdir" ;;
    "container export") echo "-o --output" ;;
    "container inspect") echo "-f --format -s --size" ;;
    "container kill") echo "-a --all --cidfile -l --latest -s --signal" ;;
    "container logs") echo "--details -f --follow --since -n --tail -t --timestamps --until" ;;
    "container ls") echo "-a --all -f --filter --format -n --last -l --latest --no-trunc -q --quiet -s --size" ;;
    "container list") echo "-a --all -f --filter --format -n --last -l --latest --no-trunc -q --quiet -s --size" ;;
    "container ps") echo "-a --all -f --filter --format -n --last -l --latest --no-trunc -q --quiet -s --size" ;;
    "container prune") echo "--dry-run --filter -f --force" ;;
    "container restart") echo "-a --all --cidfile -f --filter -l --latest --running -s --signal -t --timeout" ;;
    "container rm") echo "-a --all --cidfile --filter -f --force -i --ignore --latest -v --volumes" ;;
    "container remove") echo "-a --all --cidfile --filter -f --force -i --ignore --latest -v --volumes" ;;
    "container run") echo "--add-host --annotation -a --attach --blkio-weight --cap-add --cap-drop --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems -d --detach --detach-keys --device --dns --dns-option --dns-search --domainname --entrypoint -e --env --env-file --expose --group-add --health-cmd --health-interval --health-on-failure --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname --http-proxy --image-volume --init -i --interactive --ip --ip6 --ipc -l --label --label-file --link --log-driver --log-opt --mac-address -m --memory --memory-reservation --memory-swap --mount --name --network --network-alias --no-healthcheck --oom-score-adj --pid --pidfile --pids-limit --platform --preserve-fd --preserve-fds --privileged -p --publish -P --publish-all --pull -q --quiet --read-only --replace --requires --restart --rm --rootfs --runtime --sdnotify --security-opt --shm-size --sig-proxy --stop-signal --stop-timeout --strict-limits --sysctl --timeout --tmpfs -t --tty --tz --ulimit --umask -u --user --userns --uts -v --volume --volumes-from -w --workdir" ;;
    "container start") echo "--all -a --attach --detach-keys -f --filter -i --interactive -l --latest --sig-proxy" ;;
    "container stats") echo "-a --all --format --no-stream --no-trunc" ;;
    "container stop") echo "-a --all --cidfile -f --filter -i --ignore -l --latest -s --signal -t --timeout" ;;
    "container update") echo "--blkio-weight --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems -m --memory --memory-reservation --memory-swap --pids-limit --restart" ;;
    "container wait") echo "--condition --ignore -i --interval -l --latest" ;;
    "image build") echo "--add-host --allow --annotation --authfile --build-arg --build-arg-file --build-context --call --cap-add --cap-drop --cert-dir --cgroup-parent --check --cpu-period --cpu-quota -c --cpu-shares --cpuset-cpus --cpuset-mems --creds --dns --dns-option --dns-search --explain -f --file --http-proxy --iidfile --jobs --label --load -m --memory --memory-swap --metadata-file --network --no-cache --no-cache-filter --omit-history -o --output --platform --progress --pull --push -q --quiet --retry --retry-delay --secret --security-opt --shm-size --source-date-epoch --ssh -t --tag --target --tls-verify --ulimit --verify" ;;
    "image diff") echo "--format" ;;
    "image history") echo "--format -H --human --no-trunc -q --quiet" ;;
    "image import") echo "-c --change -m --message --platform" ;;
    "image inspect") echo "-f --format --platform" ;;
    "image load") echo "-i --input --platform -q --quiet --squash-ids" ;;
    "image ls") echo "-a --all --digests -f --filter --format --no-trunc -q --quiet" ;;
    "image list") echo "-a --all --digests -f --filter --format --no-trunc -q --quiet" ;;
    "image prune") echo "-a --all --dry-run --filter -f --force" ;;
    "image pull") echo "-a --all-tags --authfile --cert-dir --creds --platform --policy -q --quiet --referrers --retry --retry-delay --tls-verify" ;;
    "image push") echo "-a --all-tags --authfile --cert-dir --compression-format --compression-level --creds --digestfile --force-compression -f --format --platform -q --quiet --referrers --retry --retry-delay --tls-verify" ;;
    "image rm") echo "-f --force --platform" ;;
    "image remove") echo "-f --force --platform" ;;
    "image save") echo "--format -o --output --platform" ;;
    "image search") echo "--authfile --cert-dir --creds -f --filter --format --limit --list-tags --no-trunc --tls-verify" ;;
    "generate systemd") echo "--after --container-prefix -e --env -f --files --format -n --name --new --no-header --requires --restart-policy --restart-sec --separator --start-timeout --stop-timeout --template --wants" ;;
    "network connect") echo "--alias --ip --ip6 --link" ;;
    "network create") echo "--attachable -d --driver --gateway --ignore --internal --ip-range --ipam-driver --ipv4 --ipv6 --label -o --opt --subnet" ;;
    "network disconnect") echo "-f --force" ;;
    "network inspect") echo "-f --format -v --verbose" ;;
    "network ls") echo "-f --filter --format --no-trunc -q --quiet" ;;
    "network list") echo "-f --filter --format --no-trunc -q --quiet" ;;
    "network prune") echo "--filter -f --force" ;;
    "network rm") echo "-f --force" ;;
    "network remove") echo "-f --force" ;;
    "registry serve") echo "--listen --read-only --tls-cert --tls-key" ;;
    "snapshot create") echo "-m --message" ;;
    "snapshot ls") echo "--format -q --quiet" ;;
    "snapshot list") echo "--format -q --quiet" ;;
    "manifest add") echo "--all --annotation --arch --authfile --cert-dir --creds --os --os-features --os-version --tls-verify --variant" ;;
    "manifest annotate") echo "--annotation --arch --os --os-features --os-version --variant" ;;
    "manifest create") echo "--all -a --amend --authfile --cert-dir --creds --insecure --tls-verify" ;;
    "manifest inspect") echo "--authfile --cert-dir --creds --insecure --tls-verify -v --verbose" ;;
    "manifest push") echo "--all --authfile --cert-dir --creds --digestfile -f --format --insecure -p --purge -q --quiet --tls-verify" ;;
    "system check") echo "-q --quiet -r --repair" ;;
    "system df") echo "--format -v --verbose" ;;
    "system events") echo "-f --filter --format --since --stream --until" ;;
    "system info") echo "-f --format" ;;
    "system prune") echo "-a --all --dry-run --filter -f --force --volumes" ;;
    "system reset") echo "-f --force" ;;
    "volume create") echo "-d --driver --label -o --opt" ;;
    "volume export") echo "-o --output" ;;
    "volume inspect") echo "-f --format" ;;
    "volume ls") echo "-f --filter --format -q --quiet" ;;
    "volume list") echo "-f --filter --format -q --quiet" ;;
    "volume prune") echo "-a --all --dry-run --filter -f --force" ;;
    "volume rm") echo "-f --force" ;;
    "volume remove") echo "-f --force" ;;
  esac
}

# Flags that take the following word.
__dhow_valued() {
  case "$1" in
    "") echo "--config --error-format -l --log-level --root --runroot" ;;
    "attach") echo "--detach-keys" ;;
    "build") echo "--add-host --allow --annotation --authfile --build-arg --build-arg-file --build-context --call --cap-add --cap-drop --cert-dir --cgroup-parent --cpu-period --cpu-quota -c --cpu-shares --cpuset-cpus --cpuset-mems --creds --dns --dns-option --dns-search -f --file --iidfile --jobs --label -m --memory --memory-swap --metadata-file --network --no-cache-filter -o --output --platform --progress --retry --retry-delay --secret --security-opt --shm-size --source-date-epoch --ssh -t --tag --target --ulimit" ;;
    "commit") echo "-a --author -c --change -m --message" ;;
    "create") echo "--add-host --annotation -a --attach --blkio-weight --cap-add --cap-drop --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device --dns --dns-option --dns-search --domainname --entrypoint -e --env --env-file --expose --group-add --health-cmd --health-interval --health-on-failure --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname --image-volume --ip --ip6 --ipc -l --label --label-file --link --log-driver --log-opt --mac-address -m --memory --memory-reservation --memory-swap --mount --name --network --network-alias --oom-score-adj --pid --pidfile --pids-limit --platform -p --publish --pull --requires --restart --runtime --sdnotify --security-opt --shm-size --stop-signal --stop-timeout --sysctl --timeout --tmpfs --tz --ulimit --umask -u --user --userns --uts -v --volume --volumes-from -w --workdir" ;;
    "events") echo "-f --filter --format --since --until" ;;
    "exec") echo "--detach-keys -e --env --env-file -u --user -w --workdir" ;;
    "export") echo "-o --output" ;;
    "history") echo "--format" ;;
    "images") echo "-f --filter --format" ;;
    "import") echo "-c --change -m --message --platform" ;;
    "info") echo "-f --format" ;;
    "inspect") echo "-f --format --type" ;;
    "kill") echo "--cidfile -s --signal" ;;
    "load") echo "-i --input --platform" ;;
    "login") echo "--authfile --cert-dir -p --password -u --username" ;;
    "logout") echo "--authfile" ;;
    "logs") echo "--since -n --tail --until" ;;
    "ps") echo "-f --filter --format -n --last" ;;
    "pull") echo "--authfile --cert-dir --creds --platform --policy --retry --retry-delay" ;;
    "push") echo "--authfile --cert-dir --compression-format --compression-level --creds --digestfile -f --format --platform --retry --retry-delay" ;;
    "restart") echo "--cidfile -f --filter -s --signal -t --timeout" ;;
    "rm") echo "--cidfile --filter" ;;
    "rmi") echo "--platform" ;;
    "run") echo "--add-host --annotation -a --attach --blkio-weight --cap-add --cap-drop --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --detach-keys --device --dns --dns-option --dns-search --domainname --entrypoint -e --env --env-file --expose --group-add --health-cmd --health-interval --health-on-failure --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname --image-volume --ip --ip6 --ipc -l --label --label-file --link --log-driver --log-opt --mac-address -m --memory --memory-reservation --memory-swap --mount --name --network --network-alias --oom-score-adj --pid --pidfile --pids-limit --platform --preserve-fd --preserve-fds -p --publish --pull --requires --restart --runtime --sdnotify --security-opt --shm-size --stop-signal --stop-timeout --sysctl --timeout --tmpfs --tz --ulimit --umask -u --user --userns --uts -v --volume --volumes-from -w --workdir" ;;
    "save") echo "--format -o --output --platform" ;;
    "search") echo "--authfile --cert-dir --creds -f --filter --format --limit" ;;
    "start") echo "--detach-keys -f --filter" ;;
    "stats") echo "--format" ;;
    "stop") echo "--cidfile -f --filter -s --signal -t --timeout" ;;
    "unit") echo "--after --container-prefix -e --env --format --requires --restart-policy --restart-sec --separator --start-timeout --stop-timeout --wants" ;;
    "update") echo "--blkio-weight --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems -m --memory --memory-reservation --memory-swap --pids-limit --restart" ;;
    "version") echo "-f --format" ;;
    "wait") echo "--condition -i --interval" ;;
    "builder build") echo "--add-host --allow --annotation --authfile --build-arg --build-arg-file --build-context --call --cap-add --cap-drop --cert-dir --cgroup-parent --cpu-period --cpu-quota -c --cpu-shares --cpuset-cpus --cpuset-mems --creds --dns --dns-option --dns-search -f --file --iidfile --jobs --label -m --memory --memory-swap --metadata-file --network --no-cache-filter -o --output --platform --progress --retry --retry-delay --secret --security-opt --shm-size --source-date-epoch --ssh -t --tag --target --ulimit" ;;
    "builder prune") echo "--filter --keep-storage" ;;
    "container attach") echo "--detach-keys" ;;
    "container clone") echo "--blkio-weight --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems -m --memory --memory-reservation --memory-swap --name --pids-limit --restart" ;;
    "container commit") echo "-a --author -c --change -m --message" ;;
    "container create") echo "--add-host --annotation -a --attach --blkio-weight --cap-add --cap-drop --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device --dns --dns-option --dns-search --domainname --entrypoint -e --env --env-file --expose --group-add --health-cmd --health-interval --health-on-failure --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname --image-volume --ip --ip6 --ipc -l --label --label-file --link --log-driver --log-opt --mac-address -m --memory --memory-reservation --memory-swap --mount --name --network --network-alias --oom-score-adj --pid --pidfile --pids-limit --platform -p --publish --pull --requires --restart --runtime --sdnotify --security-opt --shm-size --stop-signal --stop-timeout --sysctl --timeout --tmpfs --tz --ulimit --umask -u --user --userns --uts -v --volume --volumes-from -w --workdir" ;;
    "container exec") echo "--detach-keys -e --env --env-file -u --user -w --workdir" ;;
    "container export") echo "-o --output" ;;
    "container inspect") echo "-f --format" ;;
    "container kill") echo "--cidfile -s --signal" ;;
    "container logs") echo "--since -n --tail --until" ;;
    "container ls") echo "-f --filter --format -n --last" ;;
    "container list") echo "-f --filter --format -n --last" ;;
    "container ps") echo "-f --filter --format -n --last" ;;
    "container prune") echo "--filter" ;;
    "container restart") echo "--cidfile -f --filter -s --signal -t --timeout" ;;
    "container rm") echo "--cidfile --filter" ;;
    "container remove") echo "--cidfile --filter" ;;
    "container run") echo "--add-host --annotation -a --attach --blkio-weight --cap-add --cap-drop --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --detach-keys --device --dns --dns-option --dns-search --domainname --entrypoint -e --env --env-file --expose --group-add --health-cmd --health-interval --health-on-failure --health-retries --health-start-interval --health-start-period --health-timeout -h --hostname --image-volume --ip --ip6 --ipc -l --label --label-file --link --log-driver --log-opt --mac-address -m --memory --memory-reservation --memory-swap --mount --name --network --network-alias --oom-score-adj --pid --pidfile --pids-limit --platform --preserve-fd --preserve-fds -p --publish --pull --requires --restart --runtime --sdnotify --security-opt --shm-size --stop-signal --stop-timeout --sysctl --timeout --tmpfs --tz --ulimit --umask -u --user --userns --uts -v --volume --volumes-from -w --workdir" ;;
    "container start") echo "--detach-keys -f --filter" ;;
    "container stats") echo "--format" ;;
    "container stop") echo "--cidfile -f --filter -s --signal -t --timeout" ;;
    "container update") echo "--blkio-weight --cpu-period --cpu-quota -c --cpu-shares --cpus --cpuset-cpus --cpuset-mems -m --memory --memory-reservation --memory-swap --pids-limit --restart" ;;
    "container wait") echo "--condition -i --interval" ;;
    "image build") echo "--add-host --allow --annotation --authfile --build-arg --build-arg-file --build-context --call --cap-add --cap-drop --cert-dir --cgroup-parent --cpu-period --cpu-quota -c --cpu-shares --cpuset-cpus --cpuset-mems --creds --dns --dns-option --dns-search -f --file --iidfile --jobs --label -m --memory --memory-swap --metadata-file --network --no-cache-filter -o --output --platform --progress --retry --retry-delay --secret --security-opt --shm-size --source-date-epoch --ssh -t --tag --target --ulimit" ;;
    "image diff") echo "--format" ;;
    "image history") echo "--format" ;;
    "image import") echo "-c --change -m --message --platform" ;;
    "image inspect") echo "-f --format --platform" ;;
    "image load") echo "-i --input --platform" ;;
    "image ls") echo "-f --filter --format" ;;
    "image list") echo "-f --filter --format" ;;
    "image prune") echo "--filter" ;;
    "image pull") echo "--authfile --cert-dir --creds --platform --policy --retry --retry-delay" ;;
    "image push") echo "--authfile --cert-dir --compression-format --compression-level --creds --digestfile -f --format --platform --retry --retry-delay" ;;
    "image rm") echo "--platform" ;;
    "image remove") echo "--platform" ;;
    "image save") echo "--format -o --output --platform" ;;
    "image search") echo "--authfile --cert-dir --creds -f --filter --format --limit" ;;
    "generate systemd") echo "--after --container-prefix -e --env --format --requires --restart-policy --restart-sec --separator --start-timeout --stop-timeout --wants" ;;
    "network connect") echo "--alias --ip --ip6 --link" ;;
    "network create") echo "-d --driver --gateway --ip-range --ipam-driver --label -o --opt --subnet" ;;
    "network inspect") echo "-f --format" ;;
    "network ls") echo "-f --filter --format" ;;
    "network list") echo "-f --filter --format" ;;
    "network prune") echo "--filter" ;;
    "registry serve") echo "--listen --tls-cert --tls-key" ;;
    "snapshot create") echo "-m --message" ;;
    "snapshot ls") echo "--format" ;;
    "snapshot list") echo "--format" ;;
    "manifest add") echo "--annotation --arch --authfile --cert-dir --creds --os --os-features --os-version --variant" ;;
    "manifest annotate") echo "--annotation --arch --os --os-features --os-version --variant" ;;
    "manifest create") echo "--authfile --cert-dir --creds" ;;
    "manifest inspect") echo "--authfile --cert-dir --creds" ;;
    "manifest push") echo "--authfile --cert-dir --creds --digestfile -f --format" ;;
    "system df") echo "--format" ;;
    "system events") echo "-f --filter --format --since --until" ;;
    "system info") echo "-f --format" ;;
    "system prune") echo "--filter" ;;
    "volume create") echo "-d --driver --label -o --opt" ;;
    "volume export") echo "-o --output" ;;
    "volume inspect") echo "-f --format" ;;
    "volume ls") echo "-f --filter --format" ;;
    "volume list") echo "-f --filter --format" ;;
    "volume prune") echo "--filter" ;;
  esac
}

# What completes a flag's value, or the operands when the flag is empty.
__dhow_values() {
  case "$1 $2" in
    " --config" | " --root" | " --runroot" | "build --cert-dir" | "build " | "create -v" | "create --volume" | "login --cert-dir" | "pull --cert-dir" | "push --cert-dir" | "run -v" | "run --volume" | "search --cert-dir" | "builder build --cert-dir" | "builder build " | "container create -v" | "container create --volume" | "container run -v" | "container run --volume" | "image build --cert-dir" | "image build " | "image pull --cert-dir" | "image push --cert-dir" | "image search --cert-dir" | "manifest add --cert-dir" | "manifest create --cert-dir" | "manifest inspect --cert-dir" | "manifest push --cert-dir") echo "directories" ;;
    " --error-format") echo "words:text json" ;;
    " -l" | " --log-level") echo "words:debug info warn error fatal" ;;
    "attach " | "create --link" | "exec " | "kill " | "pause " | "port " | "run --link" | "stats " | "stop " | "top " | "unpause " | "container attach " | "container create --link" | "container exec " | "container kill " | "container pause " | "container port " | "container run --link" | "container stats " | "container stop " | "container top " | "container unpause " | "healthcheck run ") echo "names:running" ;;
    "branch " | "commit " | "create --requires" | "create --volumes-from" | "diff " | "export " | "inspect " | "logs " | "rename " | "restart " | "rm " | "rollback " | "run --requires" | "run --volumes-from" | "start " | "unit " | "update " | "wait " | "container cleanup " | "container clone " | "container commit " | "container create --requires" | "container create --volumes-from" | "container diff " | "container exists " | "container export " | "container inspect " | "container logs " | "container rename " | "container restart " | "container rm " | "container remove " | "container run --requires" | "container run --volumes-from" | "container start " | "container update " | "container wait " | "generate systemd " | "snapshot create " | "snapshot ls " | "snapshot list " | "snapshot rm " | "snapshot remove ") echo "names:containers" ;;
    "build --allow" | "builder build --allow" | "image build --allow") echo "words:network.host security.insecure" ;;
    "build --authfile" | "build --build-arg-file" | "build -f" | "build --file" | "build --iidfile" | "build --metadata-file" | "cp " | "create --cidfile" | "create --device" | "create --env-file" | "create --label-file" | "create --pidfile" | "exec --env-file" | "export -o" | "export --output" | "import " | "kill --cidfile" | "load -i" | "load --input" | "login --authfile" | "logout --authfile" | "pull --authfile" | "push --authfile" | "push --digestfile" | "restart --cidfile" | "rm --cidfile" | "run --cidfile" | "run --device" | "run --env-file" | "run --label-file" | "run --pidfile" | "save -o" | "save --output" | "search --authfile" | "stop --cidfile" | "builder build --authfile" | "builder build --build-arg-file" | "builder build -f" | "builder build --file" | "builder build --iidfile" | "builder build --metadata-file" | "container cp " | "container create --cidfile" | "container create --device" | "container create --env-file" | "container create --label-file" | "container create --pidfile" | "container exec --env-file" | "container export -o" | "container export --output" | "container kill --cidfile" | "container restart --cidfile" | "container rm --cidfile" | "container remove --cidfile" | "container run --cidfile" | "container run --device" | "container run --env-file" | "container run --label-file" | "container run --pidfile" | "container stop --cidfile" | "image build --authfile" | "image build --build-arg-file" | "image build -f" | "image build --file" | "image build --iidfile" | "image build --metadata-file" | "image import " | "image load -i" | "image load --input" | "image pull --authfile" | "image push --authfile" | "image push --digestfile" | "image save -o" | "image save --output" | "image search --authfile" | "registry serve --tls-cert" | "registry serve --tls-key" | "manifest add --authfile" | "manifest create --authfile" | "manifest inspect --authfile" | "manifest push --authfile" | "manifest push --digestfile" | "volume export -o" | "volume export --output") echo "files" ;;
    "build --call" | "builder build --call" | "image build --call") echo "words:build check targets" ;;
    "build --cap-add" | "build --cap-drop" | "create --cap-add" | "create --cap-drop" | "run --cap-add" | "run --cap-drop" | "builder build --cap-add" | "builder build --cap-drop" | "container create --cap-add" | "container create --cap-drop" | "container run --cap-add" | "container run --cap-drop" | "image build --cap-add" | "image build --cap-drop") echo "words:ALL CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE" ;;
    "build --network" | "create --network" | "run --network" | "builder build --network" | "container create --network" | "container run --network" | "image build --network" | "network connect " | "network disconnect " | "network exists " | "network inspect " | "network rm " | "network remove ") echo "names:networks" ;;
    "build --progress" | "builder build --progress" | "image build --progress") echo "words:auto plain tty quiet rawjson" ;;
    "build --security-opt" | "create --security-opt" | "run --security-opt" | "builder build --security-opt" | "container create --security-opt" | "container run --security-opt" | "image build --security-opt") echo "words:no-new-privileges seccomp=unconfined systempaths=unconfined" ;;
    "completion ") echo "words:bash zsh fish" ;;
    "create -a" | "create --attach" | "run -a" | "run --attach" | "container create -a" | "container create --attach" | "container run -a" | "container run --attach") echo "words:stdin stdout stderr" ;;
    "create --cgroupns" | "run --cgroupns" | "container create --cgroupns" | "container run --cgroupns") echo "words:host private" ;;
    "create --cgroups" | "run --cgroups" | "container create --cgroups" | "container run --cgroups") echo "words:enabled disabled no-conmon split" ;;
    "create --health-on-failure" | "run --health-on-failure" | "container create --health-on-failure" | "container run --health-on-failure") echo "words:none kill restart stop" ;;
    "create --ipc" | "run --ipc" | "container create --ipc" | "container run --ipc") echo "words:none private shareable host" ;;
    "create --log-driver" | "run --log-driver" | "container create --log-driver" | "container run --log-driver") echo "words:json-file local none" ;;
    "create --pid" | "create --uts" | "run --pid" | "run --uts" | "container create --pid" | "container create --uts" | "container run --pid" | "container run --uts") echo "words:host" ;;
    "create --pull" | "run --pull" | "container create --pull" | "container run --pull") echo "words:always missing never" ;;
    "create --restart" | "run --restart" | "update --restart" | "container clone --restart" | "container create --restart" | "container run --restart" | "container update --restart") echo "words:no always on-failure unless-stopped" ;;
    "create --runtime" | "run --runtime" | "container create --runtime" | "container run --runtime") echo "words:crun runc" ;;
    "create --sdnotify" | "run --sdnotify" | "container create --sdnotify" | "container run --sdnotify") echo "words:container conmon healthy ignore" ;;
    "create --stop-signal" | "kill -s" | "kill --signal" | "restart -s" | "restart --signal" | "run --stop-signal" | "stop -s" | "stop --signal" | "container create --stop-signal" | "container kill -s" | "container kill --signal" | "container restart -s" | "container restart --signal" | "container run --stop-signal" | "container stop -s" | "container stop --signal") echo "words:HUP INT QUIT KILL USR1 USR2 TERM CONT STOP" ;;
    "create --userns" | "run --userns" | "container create --userns" | "container run --userns") echo "words:host keep-id" ;;
    "create " | "history " | "images " | "push " | "rmi " | "run " | "save " | "tag " | "untag " | "container create " | "container run " | "image diff " | "image exists " | "image history " | "image inspect " | "image ls " | "image list " | "image push " | "image rm " | "image remove " | "image save " | "image tag " | "image untag " | "manifest add ") echo "names:images" ;;
    "events --format" | "info -f" | "info --format" | "inspect -f" | "inspect --format" | "unit --format" | "version -f" | "version --format" | "container inspect -f" | "container inspect --format" | "image diff --format" | "image inspect -f" | "image inspect --format" | "generate systemd --format" | "network inspect -f" | "network inspect --format" | "system events --format" | "system info -f" | "system info --format" | "volume inspect -f" | "volume inspect --format") echo "words:json" ;;
    "history --format" | "images --format" | "ps --format" | "search --format" | "stats --format" | "container ls --format" | "container list --format" | "container ps --format" | "container stats --format" | "image history --format" | "image ls --format" | "image list --format" | "image search --format" | "network ls --format" | "network list --format" | "snapshot ls --format" | "snapshot list --format" | "system df --format" | "volume ls --format" | "volume list --format") echo "words:table json" ;;
    "inspect --type") echo "words:container image network volume" ;;
    "pull --policy" | "image pull --policy") echo "words:always missing never newer" ;;
    "push --compression-format" | "image push --compression-format") echo "words:gzip zstd" ;;
    "push -f" | "push --format" | "image push -f" | "image push --format" | "manifest push -f" | "manifest push --format") echo "words:oci v2s2" ;;
    "save --format" | "image save --format") echo "words:docker-archive oci-archive docker-dir oci-dir" ;;
    "unit --restart-policy" | "generate systemd --restart-policy") echo "words:no on-success on-failure on-abnormal on-watchdog on-abort always" ;;
    "wait --condition" | "container wait --condition") echo "words:created configured initialized running paused stopped exited stopping healthy unhealthy not-running next-exit removing removed" ;;
    "network create -d" | "network create --driver") echo "words:bridge" ;;
    "volume exists " | "volume export " | "volume import " | "volume inspect " | "volume mount " | "volume rm " | "volume remove ") echo "names:volumes" ;;
  esac
}

__dhow_offer() {
  local kind=$1 cur=$2
  case $kind in
    files) COMPREPLY=($(compgen -f -- "$cur")) ;;
    directories) COMPREPLY=($(compgen -d -- "$cur")) ;;
    words:*) COMPREPLY=($(compgen -W "${kind#words:}" -- "$cur")) ;;
    names:*) COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" __complete "${kind#names:}" 2>/dev/null)" -- "$cur")) ;;
  esac
}

__dhow_complete() {
  local cur=${COMP_WORDS[COMP_CWORD]} path= flag= index=1 word operands=0
  COMPREPLY=()
  while ((index < COMP_CWORD)); do
    word=${COMP_WORDS[index]}
    if [[ -n $flag ]]; then
      flag=
    elif [[ $word == -* ]]; then
      [[ " $(__dhow_valued "$path") " == *" $word "* ]] && flag=$word
    elif [[ -z $path || -n $(__dhow_verbs "$path") ]]; then
      path=${path:+$path }$word
    else
      operands=$((operands + 1))
    fi
    index=$((index + 1))
  done
  if [[ -n $flag ]]; then
    __dhow_offer "$(__dhow_values "$path" "$flag")" "$cur"
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$(__dhow_flags "$path") --help" -- "$cur"))
  elif [[ -n $(__dhow_verbs "$path") ]]; then
    COMPREPLY=($(compgen -W "$(__dhow_verbs "$path")" -- "$cur"))
  elif [[ " create ; exec ; run ; top ; unshare ; container create ; container exec ; container run ; container top " == *" $path "* && $operands -gt 0 ]]; then
    COMPREPLY=($(compgen -f -- "$cur"))
  else
    __dhow_offer "$(__dhow_values "$path" "")" "$cur"
  fi
}

complete -o default -F __dhow_complete dhow
