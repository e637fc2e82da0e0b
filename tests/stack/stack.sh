#!/usr/bin/env bash
# The stack: `stack.sh up|prepare|seed|down|env|ps|heal`; see the usage below. What it makes carries the label
# `com.tradeops.stack`, and only that it removes.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

usage() {
    cat >&2 <<'END'
usage: stack.sh up   [--prefix P] [--offset N] [--services "a b"] [--extras] [--replace] [--interval D]
                [--wait S] [--set K=V]...
       stack.sh prepare [the same]
       stack.sh seed [--prefix P]
       stack.sh down [--prefix P] [--wipe]
       stack.sh env  [--prefix P]
       stack.sh ps   [--prefix P]
       stack.sh heal [--prefix P] SERVICE
  prepare         all that `up` does before it starts containers: for another program to start them
  seed            puts the rows into the stores that run
  --prefix P      stands before every name: another stack beside the first (`t-`)
  --offset N      is added to every port (default 20000, and then what it was the last time)
  --services ...  only these, and what they depend on
  --extras        the OTLP collector and the Pushgateway, too
  --replace       take the place of another checkout's stack of this name, data and all
  --interval D    between health checks (default 5s: one costs the engine 50 ms of processor)
  --wait S        seconds until all must be ready (default 180)
  --set K=V       another value of a variable of the compose file (an image, say); repeatable
  --wipe          volumes and bind-mounted data, too
  heal            starts a fresh container of one service (ends a crash loop)
END
    exit 64
}

command=${1:-}
[[ $# -gt 0 ]] || usage
shift
prefix='' offset='' interval='' wait_s=180 wipe=false replace=false
services=() profiles=() settings=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --prefix) prefix=${2?} && shift ;;
        --offset) offset=${2?} && shift ;;
        --services) read -ra services <<<"${2?}" && shift ;;
        --interval) interval=${2?} && shift ;;
        --wait) wait_s=${2?} && shift ;;
        --set) settings+=("${2?}") && shift ;;
        --extras) profiles=(--profile extras) ;;
        --replace) replace=true ;;
        --wipe) wipe=true ;;
        -*) usage ;;
        *) services+=("$1") ;;
    esac
    shift
done
[[ -z $prefix || $prefix =~ ^[a-z0-9][a-z0-9-]*-$ ]] || die "a prefix is lower case and ends in a dash: $prefix"

name=${prefix%-}
name=${name:-demo}
home=$state_dir/$name
env_file=$home/.env
compose_file=$stack_dir/docker-compose.yml
label=com.tradeops.stack=$name
data_network=${prefix}ai-trading-system_trading-data

# Compose lets the environment win over the env file, and the caller's may be that of another stack (`env`
# exports it): so none of these names may come from there.
compose() {
    local key clean=(-u COMPOSE_PROJECT_NAME -u COMPOSE_FILE -u COMPOSE_PROFILES)
    while IFS='=' read -r key _; do clean+=(-u "$key"); done < <(grep -E '^[A-Z0-9_]+=' "$env_file")
    env "${clean[@]}" docker compose --env-file "$env_file" --file "$compose_file" "${profiles[@]}" "$@"
}

# A value of the last `up`.
kept() { [[ ! -f $env_file ]] || sed -n "s/^$1=//p" "$env_file" | tail -n 1; }

# NAME=default of every published port, as the compose file has them.
default_ports() { grep -oE '\$\{[A-Z0-9_]+_PORT:-[0-9]+\}' "$compose_file" | sed -E 's/^..(.*):-(.*).$/\1=\2/' | sort -u; }

random() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

secrets() {
    printf 'DB_USER=trading_user\nDB_NAME=trading\nGRAFANA_USER=operator\n'
    printf '%s\n' "DB_PASSWORD=$(random 24)" "REDIS_PASSWORD=$(random 24)" "SECRET_KEY=$(random 32)" \
        "JWT_SECRET=$(random 32)" "VAULT_TOKEN=$(random 24)" "POLYGON_API_KEY=$(random 16)" "GRAFANA_PASSWORD=$(random 16)"
}

# Other stacks get a subnet of their own, out of 10.214.0.0/16, by their name.
subnet() {
    [[ -n $prefix ]] || { echo 172.24.0.0/16 && return; }
    local hash
    hash=$(cksum <<<"$prefix")
    echo "10.214.$((${hash%% *} % 256)).0/24"
}

write_env() {
    local line cpus
    offset=${offset:-$(kept TRADEOPS_OFFSET)}
    offset=${offset:-20000}
    interval=${interval:-$(kept HEALTH_INTERVAL)}
    cpus=$(nproc)
    umask 077
    mkdir -p "$home"
    [[ -f $home/secrets.env ]] || secrets | write_file "$home/secrets.env" 600
    {
        echo "# Written by stack.sh; the secrets are kept in secrets.env."
        cat "$home/secrets.env" "$state_dir/images.env"
        cat <<END
TRADEOPS_STACK=$name
TRADEOPS_PREFIX=$prefix
TRADEOPS_OFFSET=$offset
TRADEOPS_STACK_STATE=$state_dir
TRADEOPS_SERVICES="${services[*]}"
TRADEOPS_SUBNET=$(subnet)
TRADEOPS_BIND_ROOT=$home/mnt
TRADEOPS_INSTALL_ROOT=$home/app
TRADEOPS_TARGETS=$home/targets
HEALTH_INTERVAL=${interval:-5s}
API_CPUS=$((cpus < 4 ? cpus : 4))
END
        while IFS='=' read -r line port; do echo "$line=$((port + offset))"; done < <(default_ports)
        # The provider of the stack is one of its own stand-ins.
        line=$(sed -n 's/.*POLYGON_PORT:-\([0-9]*\).*/\1/p' "$compose_file")
        echo "POLYGON_BASE_URL=http://127.0.0.1:$((line + offset))"
        # Of a name that stands twice, the last counts.
        [[ ${#settings[@]} -eq 0 ]] || printf '%s\n' "${settings[@]}"
    } | write_file "$env_file" 600
}

# All of what an `up` would start: when it is what the last one started, there is nothing to do.
wanted() { fingerprint "$env_file" "$compose_file" "${services[*]} ${profiles[*]}"; }

nothing_to_do() {
    [[ -f $home/up && $(<"$home/up") == "$(wanted) $(containers | wc -l)" ]] || return 1
    ! containers | grep -vE ' running .*\(healthy\)| exited Exited \(0\)' >/dev/null
}

# The containers of this stack, one a line: service, state, status.
containers() {
    docker ps --all --filter "label=$label" --format '{{.Label "com.docker.compose.service"}} {{.State}} {{.Status}}'
}

# Whose containers and volumes are there under this name? Those of another checkout are let alone. Those whose
# secrets are gone (a removed `target/`) no one can open any more: they go.
settle_ownership() {
    local owner orphans=false
    while IFS= read -r owner; do
        if [[ $owner != none && ! -f $owner/$name/secrets.env ]]; then
            orphans=true
        elif [[ $owner != "$state_dir" && $replace == true ]]; then
            orphans=true
        elif [[ $owner != "$state_dir" ]]; then
            die "the stack '$name' belongs to another checkout, whose state is in $owner; take it down there (down --wipe), use another --prefix, or set TRADEOPS_STACK_STATE to that folder"
        fi
    done < <({
        docker ps --all --filter "label=$label" --format '{{.Label "com.tradeops.state"}}'
        docker volume ls --filter "label=$label" --format '{{.Label "com.tradeops.state"}}'
    } | sort -u)
    [[ $orphans == true ]] || return 0
    say "removing what an earlier run of '$name' left"
    wipe=true
    down
}

prepare_folders() {
    local file service
    umask 022
    mkdir -p "$home"/app/{logs,config} "$home/targets" \
        "$home"/mnt/fastdrive/trading/{questdb,weaviate,pulsar/standalone,loki,models/ollama,traefik,export,grafana/csv} \
        "$home"/mnt/bulkdata/trading/minio
    # The container's nobody reads the targets: way to them must be open, the secrets beside are not.
    chmod 755 "$home" "$home/targets"
    for file in "$stack_dir"/prometheus/targets/*.yml; do
        service=$(basename "$file" .yml)
        if [[ ${#services[@]} -eq 0 || " ${services[*]} " == *" $service "* ]]; then
            write_file "$home/targets/$service.yml" <"$file"
        fi
    done
}

complain() { # SERVICE
    local container=${prefix}trading-$1
    printf -- '--- %s: last probe\n' "$1" >&2
    docker inspect --format '{{with .State.Health}}{{range .Log}}{{.ExitCode}} {{.Output}}{{end}}{{end}}' "$container" | tail -n 3 >&2 || true
    printf -- '--- %s: last log lines\n' "$1" >&2
    docker logs --tail 15 "$container" >&2 || true
}

# Wait until Compose has started everything and every container is healthy (the one-shot: done), saying who
# gets ready; when Compose fails, a container exits, or time is over, say why for each that is not.
wait_ready() { # PID of Compose
    local end=$((SECONDS + wait_s)) compose_status='' ready='' waiting failed unstarted service state status
    while :; do
        if [[ -z $compose_status ]] && ! kill -0 "$1" 2>/dev/null; then
            compose_status=0
            wait "$1" || compose_status=$?
        fi
        waiting=() failed=() unstarted=()
        while read -r service state status; do
            case $service:$state:$status in
                *'(healthy)'* | *:exited:'Exited (0)'*)
                    [[ " $ready " == *" $service "* ]] || { ready+=" $service" && say "ready: $service ($SECONDS s)"; }
                    ;;
                *:exited:* | *:dead:*) failed+=("$service") ;;
                *:created:*) unstarted+=("$service") ;;
                *) waiting+=("$service") ;;
            esac
        done < <(containers)
        case $compose_status:${#failed[@]}:$((${#waiting[@]} + ${#unstarted[@]})) in
            0:0:0) return ;;
            '':*:* | 0:0:*) [[ $SECONDS -ge $end ]] || { sleep 0.3 && continue; } ;;
        esac
        for service in "${failed[@]}" "${waiting[@]}"; do complain "$service"; done
        [[ ${compose_status:-0} -eq 0 ]] || cat "$home/compose.log" >&2
        [[ -n $compose_status ]] || kill "$1"
        say "not started, for want of the others: ${unstarted[*]:-none}"
        die "not ready after $SECONDS s: ${failed[*]} ${waiting[*]} ${unstarted[*]}"
    done
}

# Not part of the time that a start may take; where all images are there, nothing happens.
fetch_images() { compose pull --policy missing --quiet "${services[@]}" >&2; }

start() {
    say "starting '$name' (prefix '$prefix', port offset $offset)"
    rm -f "$home/up"
    fetch_images
    local before unused
    before=$(docker volume ls --quiet --filter "label=$label")
    compose --progress plain up --detach "${services[@]}" >"$home/compose.log" 2>&1 &
    wait_ready $!
    # Some releases of Compose make the volumes of services that are not started, too: health would find them orphans.
    unused=$(docker volume ls --quiet --filter "label=$label" --filter dangling=true | grep -vxF -e "$before" || true)
    [[ -z $unused ]] || xargs docker volume rm <<<"$unused" >/dev/null
    containers | grep -q . || die "Compose started nothing: $home/compose.log"
    echo "$(wanted) $(containers | wc -l)" >"$home/up"
}

lay_out() {
    "$stack_dir/setup.sh"
    settle_ownership
    write_env
    prepare_folders
    docker network inspect "$data_network" >/dev/null 2>&1 ||
        docker network create --label "$label" "$data_network" >/dev/null
}

prepare() {
    lay_out
    fetch_images
}

seed() { "$stack_dir/seed.sh" "$prefix" "$(kept QUESTDB_PORT)"; }

up() {
    lay_out
    nothing_to_do || start
    seed
    say "the stack '$name' is ready after $SECONDS s ($(containers | wc -l) containers)"
}

down() {
    local list
    mapfile -t list < <(docker ps --all --quiet --filter "label=$label")
    if [[ ${#list[@]} -gt 0 ]]; then
        say "removing ${#list[@]} containers of '$name'"
        docker stop -t 10 "${list[@]}" >/dev/null
        docker rm --force --volumes "${list[@]}" >/dev/null
    fi
    mapfile -t list < <(docker network ls --quiet --filter "label=$label")
    [[ ${#list[@]} -eq 0 ]] || docker network rm "${list[@]}" >/dev/null
    rm -f "$home/up"
    [[ $wipe == true ]] || return 0
    mapfile -t list < <(docker volume ls --quiet --filter "label=$label")
    [[ ${#list[@]} -eq 0 ]] || docker volume rm "${list[@]}" >/dev/null
    say "wiping ${home#"$root_dir"/}"
    rm -rf "${home:?}"/{mnt,app,targets}
}

print_env() {
    [[ -f $env_file ]] || die "there is no stack '$name': stack.sh up makes one"
    cat <<END
export TRADEOPS_COMPOSE_FILE=$compose_file
export TRADEOPS_ENV_FILE=$env_file
export COMPOSE_PROJECT_NAME=${prefix}ai-trading-system
END
    # No secrets here: they are in the file that TRADEOPS_ENV_FILE names.
    grep -E '^(TRADEOPS_[A-Z]+|[A-Z0-9_]+_PORT|[A-Z0-9_]+_IMAGE|DB_USER|DB_NAME|GRAFANA_USER)=' "$env_file" | sed 's/^/export /'
}

case $command in
    up) up ;;
    prepare) prepare ;;
    seed) seed ;;
    down) down ;;
    env) print_env ;;
    ps) containers | sort | column -t -l 3 ;;
    heal)
        [[ ${#services[@]} -eq 1 ]] || usage
        rm -f "$home/app/logs/.crash"
        compose --progress quiet up --detach --no-deps --force-recreate "${services[0]}" >&2
        ;;
    *) usage ;;
esac
