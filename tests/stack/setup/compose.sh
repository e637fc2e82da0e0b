#!/usr/bin/env bash
# Have the Compose plugin (version 2). Debian 12 ships only the old Python one, so it is taken from the
# next suite, with package lists of its own: the machine's package sources stay as they are.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

docker compose version >/dev/null 2>&1 && exit 0

mirror=$(debian_mirror)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[[ -n $mirror && -r $keyring ]] || die "no Compose plugin, and no Debian package sources here to take one from"
say "fetching the Compose plugin from the next Debian suite"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
printf 'deb [signed-by=%s] %s trixie main\n' "$keyring" "$mirror" >"$work/sources.list"
apt=(apt-get -qq
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache"
    -o APT::Sandbox::User=root)
"${apt[@]}" update >&2
(cd "$work" && "${apt[@]}" download docker-compose >&2)
dpkg -x "$work"/docker-compose_*.deb "$work/tree"

if [[ $EUID -eq 0 ]]; then plugins=/usr/local/lib/docker/cli-plugins; else plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins; fi
install -D -m 755 "$work/tree/usr/libexec/docker/cli-plugins/docker-compose" "$plugins/docker-compose"
docker compose version >&2
