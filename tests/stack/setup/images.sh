#!/usr/bin/env bash
# Have the stack's images, and say which in `images.env`, which the compose file reads. The stand-in is
# always built. Where a registry answers, the servers are the official images (the compose file's
# defaults); elsewhere they are built from Debian's packages. Each image's tag is a hash of its inputs.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

suite=bookworm
images=$stack_dir/images
mkdir -p "$state_dir"

known=$'\n'$(docker image ls --format '{{.Repository}}:{{.Tag}}')$'\n'
present() { [[ $known == *$'\n'"$1"$'\n'* ]]; }

build() { # NAME DIR [docker build arguments...]
    local name=$1 dir=$2
    shift 2
    present "$name" && return
    say "building $name"
    # The classic builder, because the newer one is a plugin of its own; its notice about that helps nobody.
    local log=$state_dir/build.log
    if ! DOCKER_BUILDKIT=0 docker build --network=host --tag "$name" "$@" "$dir" >"$log" 2>&1; then
        tail -n 50 "$log" >&2
        die "building $name failed; all of its output: $log"
    fi
}

build_standin() {
    standin=tradeops/standin:$(fingerprint "$stack_dir/standin" "$images/standin")
    present "$standin" && return
    local binary context
    binary=$("$stack_dir/setup/standin.sh")
    context=$(mktemp -d)
    cp "$binary" "$images/standin/Dockerfile" "$context"
    build "$standin" "$context"
    rm -rf "$context"
}

build_base() {
    base=tradeops/base:$(fingerprint "$suite minbase")
    present "$base" && return
    "$stack_dir/setup/packages.sh" debootstrap:debootstrap
    [[ $EUID -eq 0 ]] || die "building the base image takes root (debootstrap)"
    local tree mirror log=$state_dir/debootstrap.log
    mirror=$(debian_mirror)
    tree=$(mktemp -d)
    say "building $base (debootstrap $suite, about half a minute)"
    if ! debootstrap --variant=minbase "$suite" "$tree" ${mirror:+"$mirror"} >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        die "debootstrap failed; all of its output: $log"
    fi
    rm -rf "$tree"/var/cache/apt/archives/*.deb
    tar -C "$tree" -c . | docker import - "$base" >/dev/null
    rm -rf "$tree"
}

build_questdb() { # VERSION; sets `questdb`
    local version=$1 jar=$state_dir/jars/questdb-$1.jar context
    questdb=tradeops/questdb:$version-$(fingerprint "$base" "$images/questdb")
    present "$questdb" && return
    "$stack_dir/setup/jar.sh" "$version" "$jar"
    context=$(mktemp -d)
    cp "$images/questdb/Dockerfile" "$context"
    cp "$jar" "$context/questdb.jar"
    build "$questdb" "$context" --build-arg "BASE=$base"
    rm -rf "$context"
}

build_standin
if "$stack_dir/setup/registry.sh"; then
    write_file "$state_dir/images.env" <<<"STANDIN_IMAGE=$standin
QUESTDB_9_IMAGE=questdb/questdb:9.3.4"
    exit 0
fi

build_base
servers=$(fingerprint "$base" "$images/servers")
for target in postgres redis prometheus alertmanager node-exporter pushgateway; do
    build "tradeops/$target:$servers" "$images/servers" --target "$target" --build-arg "BASE=$base"
done
build_questdb 7.3.3
questdb_7=$questdb
build_questdb 9.3.4

write_file "$state_dir/images.env" <<END
STANDIN_IMAGE=$standin
POSTGRES_IMAGE=tradeops/postgres:$servers
REDIS_IMAGE=tradeops/redis:$servers
PROMETHEUS_IMAGE=tradeops/prometheus:$servers
ALERTMANAGER_IMAGE=tradeops/alertmanager:$servers
NODE_EXPORTER_IMAGE=tradeops/node-exporter:$servers
PUSHGATEWAY_IMAGE=tradeops/pushgateway:$servers
QUESTDB_IMAGE=$questdb_7
QUESTDB_9_IMAGE=$questdb
END
