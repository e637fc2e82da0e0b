#!/usr/bin/env bash
# Install the Debian packages of commands that are missing: `packages.sh COMMAND:PACKAGE...`.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

missing=()
for pair; do
    have "${pair%%:*}" || [[ " ${missing[*]} " == *" ${pair#*:} "* ]] || missing+=("${pair#*:}")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

have apt-get || die "missing: ${missing[*]}; there is no apt-get here, install them by hand"
[[ $EUID -eq 0 ]] || die "missing: ${missing[*]}; run: sudo apt-get install ${missing[*]}"

install=(apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -qq)
say "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! "${install[@]}" "${missing[@]}" >&2; then
    say "the package lists may be old: apt-get update, then once more"
    apt-get update -qq >&2
    "${install[@]}" "${missing[@]}" >&2
fi
