#!/usr/bin/env bash
# Have a Docker Engine that answers: use the one that is there, else start one.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

if have docker && answers; then exit 0; fi
if [[ -n ${DOCKER_HOST:-} && $DOCKER_HOST != unix://* ]]; then
    die "no engine answers at DOCKER_HOST=$DOCKER_HOST"
fi

"$stack_dir/setup/packages.sh" docker:docker.io dockerd:docker.io iptables:iptables nft:nftables ps:procps
answers && exit 0
[[ $EUID -eq 0 ]] || die "no Docker Engine answers, and starting one takes root"

if [[ -d /run/systemd/system ]]; then
    say "starting the Docker Engine (systemd)"
    systemctl start docker
else
    # Where no init reaps children a killed dockerd stays as a zombie; its pid file then makes the next one refuse.
    for pid_file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
        [[ -f $pid_file ]] || continue
        owner=$(ps -o stat=,comm= -p "$(<"$pid_file")" || true)
        if [[ $owner == Z* || $owner != *' '@(dockerd|containerd) ]]; then
            say "removing the stale $pid_file"
            rm -f "$pid_file"
        fi
    done
    log=/var/log/dockerd.log
    say "starting the Docker Engine (log: $log)"
    setsid dockerd >>"$log" 2>&1 </dev/null &
fi

for _ in $(seq 150); do
    answers && exit 0
    sleep 0.2
done
[[ -z ${log:-} ]] || tail -n 20 "$log" >&2
die "the Docker Engine did not answer within 30 s"
